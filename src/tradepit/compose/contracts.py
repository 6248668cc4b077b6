"""Which channels a profile's bus carries, and where they live on a queueing broker."""

from collections.abc import Sequence

from tradepit.config import Settings
from tradepit.ports.bus import Channel, Delivery
from tradepit.ports.bus_route import Route, Routes
from tradepit.trading.model.errors import BadRequest, ConfigError
from tradepit.wire import platform, tq, tq_flat
from tradepit.wire.powerscreen import DEAD_LETTERS, snapshots_channel
from tradepit.wire.simulator import BROKER_REPORTS, CHANNELS
from tradepit.wire.tq import TqContract

BROKER_CONNECT = frozenset({"tq", "tq_flat"})
POWERSCREEN = "powerscreen"
WITH_PLATFORM = frozenset({"pit", "platform"})


def contract_of(settings: Settings) -> TqContract:
    """The broker connect's contract of a portfolio. Raises ConfigError where the settings name none."""
    told = settings.tq
    if told.service is None:
        raise ConfigError("tq.service: name the portfolio whose orders are served", profile=settings.profile)
    if settings.profile == "tq_flat":
        return tq_flat.contract(told.service.portfolio_id, told.flat_queues)
    return tq.contract(told.service.portfolio_id, told.queues)


def channels_of(settings: Settings) -> Sequence[Channel]:
    """The channels of the profile's wire contract on the house's bus.

    The simulated exchange behind a broker connect tells its reports there too.
    """
    platforms = () if settings.platform_bus else platform_channels_of(settings)
    if settings.profile == POWERSCREEN:
        return platforms
    if settings.profile in WITH_PLATFORM:
        return (*CHANNELS, *platforms)
    if settings.profile not in BROKER_CONNECT:
        return CHANNELS
    reports = (BROKER_REPORTS,) if settings.broker == "simulated" else ()
    return (*contract_of(settings).channels, *reports)


def platform_channels_of(settings: Settings) -> Sequence[Channel]:
    """The channels of the bot platform, wherever they live."""
    if settings.profile == POWERSCREEN:
        return _powerscreen_channels(settings)
    bots = platform.CHANNELS if settings.profile == "pit" else _powerscreen_channels(settings)
    return (*bots, platform.DEAD_INTENTS)


def _powerscreen_channels(settings: Settings) -> Sequence[Channel]:
    told = settings.powerscreen
    channels = (snapshots_channel(told.topic), DEAD_LETTERS.channel, *platform.CHANNELS)
    known = any(channel.subject == told.default_topic for channel in channels)
    if not told.default_topic or known or _is_platforms(told.default_topic):
        return channels
    # What is sent there must be kept, whoever reads it.
    return (
        *channels,
        Channel(name=f"producer.{told.default_topic}", subject=told.default_topic, delivery=Delivery.COMPETE, durable=True),
    )


def _is_platforms(topic: str) -> bool:
    try:
        platform.ids_of(topic)
    except BadRequest:
        return False
    return True


def routes_of(settings: Settings) -> Routes:
    """Channel name to its place on RabbitMQ; empty where the house's own names serve."""
    if settings.profile not in BROKER_CONNECT:
        return {}
    return {
        route.channel.name: Route(
            exchange=route.exchange,
            queue=route.queue,
            routing_key=route.routing_key,
            bindings=route.bindings,
            kind=route.exchange_type,
        )
        for route in contract_of(settings).routes
    }
