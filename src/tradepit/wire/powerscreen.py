"""SSI PowerScreen's contract: the topic ``ssi_ps``, the keys its snapshots are kept under, and what a snapshot says.

A snapshot is the protobuf message ``markets.v1.SsiPsSnapshot`` on the topic, its JSON in Redis (``wire/powerscreen_codec.py``).
Prices are decimals in quoted units (VND of shares, index points of futures), values VND, instants UTC nanoseconds; days and
sessions are Vietnam's (UTC+7). What a frame leaves empty is 0 or ``""``: the schema cannot say "unknown".
"""

from decimal import Decimal

import msgspec

from tradepit.ports.bus import Channel, Delivery
from tradepit.wire.queues import QueueRoute

SSI_PS_TOPIC = "ssi_ps"
SSI_PS_GROUP = "ssi_ps_consumer"
DEAD_LETTERS_TOPIC = "ssi_ps_dead_letters"
PRODUCER = "powerscreen-producer"
CONSUMER = "powerscreen-consumer"
LEVELS = 10
NOTHING = Decimal(0)


def snapshots_channel(topic: str = SSI_PS_TOPIC) -> Channel:
    """Where snapshots are published; each group of consumers shares them out."""
    return Channel(name=f"powerscreen.{topic}", subject=topic, delivery=Delivery.COMPETE, durable=True)


DEAD_LETTERS = QueueRoute(
    channel=Channel(name="powerscreen.dead_letters", subject=DEAD_LETTERS_TOPIC, delivery=Delivery.COMPETE, durable=True),
    exchange="",
    exchange_type="direct",
    queue=DEAD_LETTERS_TOPIC,
    bindings=(),
    routing_key=DEAD_LETTERS_TOPIC,
)


def snapshots_route(topic: str, group: str) -> QueueRoute:
    """The topic as a queue of one group's work."""
    return QueueRoute(
        channel=snapshots_channel(topic), exchange="", exchange_type="direct", queue=group, bindings=(), routing_key=topic
    )


class PriceLevel(msgspec.Struct, frozen=True, gc=False):
    """A price and what is wanted or offered there. In an auction the price of a market order (ATO, ATC) is 0."""

    price: Decimal = NOTHING
    volume: int = 0


class SsiPsSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """``markets.v1.SsiPsSnapshot``. ``bids`` and ``offers`` have ten levels, best first: ``best_bid_1`` to ``best_offer_10_volume``.

    The schema's names are the first producer's: ``instrument_type`` is the exchange (``hose``, ``hnx``, ``upcom``, ``vnf``),
    ``group`` the underlying, ``floating_shares`` the listed shares. ``timestamp_ns`` is when the frame was received,
    ``server_timestamp_ns`` when the instrument last changed at the server (0: not told).
    """

    board: str
    raw_symbol: str
    code: str
    timestamp_ns: int
    server_timestamp_ns: int = 0
    bids: tuple[PriceLevel, ...] = (PriceLevel(),) * LEVELS
    offers: tuple[PriceLevel, ...] = (PriceLevel(),) * LEVELS
    last_price: Decimal = NOTHING
    highest_price: Decimal = NOTHING
    instrument_type: str = ""
    lowest_price: Decimal = NOTHING
    foreigner_buy_volume: int = 0
    foreigner_buy_value: int = 0
    foreigner_sell_volume: int = 0
    foreigner_sell_value: int = 0
    change: Decimal = NOTHING
    total_match_volume: int = 0
    total_match_value: int = 0
    total_bid_volume: int = 0
    total_ask_volume: int = 0
    open_interest: int = 0
    ceiling_price: Decimal = NOTHING
    floor_price: Decimal = NOTHING
    reference_price: Decimal = NOTHING
    expire_date: str = ""
    session: str = ""
    foreign_room: str = ""
    group: str = ""
    floating_shares: int = 0


class HoseStock(msgspec.Struct, frozen=True, kw_only=True):
    """One ``S#`` frame: the snapshot, and what the schema has no place for.

    ``expected_price`` is what the auction that runs would trade at, ``expected_at_ns`` when that last changed (0: not told).
    ``status`` is ``N`` in normal trading; ``kind`` is ``f`` for futures, ``s`` for shares, ``e`` for funds.
    """

    snapshot: SsiPsSnapshot
    last_volume: int
    average_price: Decimal
    change_percent: Decimal
    corporate_action: str
    kind: str
    status: str
    last_trading_date: str
    exercise_price: Decimal
    open_price: Decimal
    previous_matched_price: Decimal
    last_matched_price: Decimal
    expected_price: Decimal
    expected_volume: int
    expected_change: Decimal
    expected_change_percent: Decimal
    expected_at_ns: int
