"""The bot runner, made of what the wiring gives."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from tradepit.backends.secrets.env import EnvSecrets
from tradepit.backends.secrets.file import FileSecrets
from tradepit.backends.secrets.referred import ReferredSecrets
from tradepit.bots.live.data_client import DataClient
from tradepit.bots.live.intent_taker import IntentTaker
from tradepit.bots.live.parts import Outcomes, Parts
from tradepit.bots.live.settings import BotRow
from tradepit.bots.live.shared_past import SharedPast
from tradepit.bots.live.thread import BotThread
from tradepit.bots.live.warm_up import RecentTicks
from tradepit.compose.engine_link import EngineLink
from tradepit.compose.wiring import Wiring, extra
from tradepit.config import Settings
from tradepit.ports.secrets import Secrets
from tradepit.profiles.catalogue import roles_of
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.runtime.ids import new_id
from tradepit.runtime.order_taker import OrderTaker
from tradepit.runtime.report_feed import ReportFeed
from tradepit.runtime.secret_references import PREFIX, read_reference
from tradepit.services.bot_runner import BotRunner
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.report import Report
from tradepit.web.bot_door import bot_door
from tradepit.wire.data_api import DATA_API
from tradepit.wire.platform import TRADE_EXECUTOR

SECRETS_VARIABLE = "BOT_SECRETS"


def make_bot_runner(
    wiring: Wiring, instance: str, rows: Sequence[BotRow], on_idle: Callable[[], None] | None = None
) -> BotRunner:
    """A runner of ``rows``. Raises BotRefused BOT_ID_TWICE."""
    settings, bus = wiring.settings.bots, wiring.bus()
    settings = msgspec.structs.replace(
        settings, runner=msgspec.structs.replace(settings.runner, data_api=data_api_of(wiring.settings))
    )
    # Where journals are not in files, there may be no disk to write to.
    on_disk = wiring.settings.journal.startswith("file")
    intents = wiring.settings.folder / "intents" / f"{instance}-{new_id('')[-8:]}.jsonl" if on_disk else None

    catalog = load_catalog()
    recordings = RecentTicks(wiring.settings.folder / "recordings", catalog, wiring.clock)
    url = settings.runner.data_api
    data = SharedPast(DataClient(url, catalog.calendar), wiring.clock) if url else None
    client = wiring.client(bus)
    taker: OrderTaker = client
    outcomes: Outcomes | None = None
    chosen = _orders_by(wiring.settings)
    if chosen == "intents":
        runner, topics = settings.runner, wiring.platform_bus()
        taker = outcomes = IntentTaker(topics, client, wiring.clock, timeout_s=runner.intent_s, resend_s=runner.resend_s)
    elif chosen == "engine":
        taker = outcomes = EngineLink(settings.runner, catalog, wiring.clock)

    def make_parts(take: Callable[[Report], None]) -> Parts:
        return Parts(
            instance=instance,
            exchange=ExchangeDesk(bus),
            taker=taker,
            outcomes=outcomes,
            feed=ReportFeed(bus, wiring.clock, take, f"reports of {instance}"),
            clock=wiring.clock,
            time=wiring.exchange_clock(),
            catalog=catalog,
            settings=settings.runner,
            journal=wiring.journal,
            room=lambda bot_id: BotThread(f"bot-{bot_id}"),
            secrets=lambda mount: secrets_of(wiring, mount),
            data=data,
            recordings=recordings,
            intents=intents,
        )

    return BotRunner(
        bus,
        wiring.cache(),
        rows,
        make_parts,
        lambda runner: bot_door(runner, settings.host, settings.port),
        instance,
        on_idle,
        commands_from=wiring.platform_bus(),
    )


def data_api_of(settings: Settings) -> str:
    """Where bots ask the Data API: the address that is set, else that of the house's own where the profile starts one, else nowhere."""
    told, door = settings.bots.runner.data_api, settings.data_api
    own = any(role.name == DATA_API and not role.on_request for role in roles_of(settings.profile, settings.broker))
    return told or (f"http://{door.host}:{door.port}" if own and door.port else "")


def _orders_by(settings: Settings) -> str:
    if settings.bots.runner.orders != "auto":
        return settings.bots.runner.orders
    return "intents" if any(role.name == TRADE_EXECUTOR for role in roles_of(settings.profile, settings.broker)) else "rpc"


def secrets_of(wiring: Wiring, mount: str) -> Secrets:
    """Where a bot's secrets are: in the files of its mount or, for ``vault:path``, there; without one in the environment.

    Each may be a reference to Vault itself. Raises ConfigError.
    """
    if mount.startswith(PREFIX):
        with extra("vault"):
            from tradepit.backends.secrets.vault import VaultSecrets  # noqa: PLC0415 - an extra
        return VaultSecrets(wiring.vault(), {"broker": read_reference(mount).path})
    kept = FileSecrets(Path(mount)) if mount else EnvSecrets(wiring.secrets, {"broker": SECRETS_VARIABLE})
    return ReferredSecrets(kept, wiring.resolve)
