"""``tradepit bench bots``: many bots on a whole house, from their intents to the exchange and back, and what each of them costs."""

import asyncio
import sys
import tempfile
import urllib.error
import urllib.request
from collections import Counter
from contextlib import AsyncExitStack, ExitStack
from decimal import Decimal
from pathlib import Path

import msgspec

from tradepit.bots.live.settings import BotRow
from tradepit.cli.bench.bots_servers import platform_of
from tradepit.cli.bench.figures import Spread, spread
from tradepit.cli.bench.usage import usage
from tradepit.cli.demo_settings import demo_settings
from tradepit.cli.house import House
from tradepit.cli.loop import run
from tradepit.cli.proof import Proof, prove
from tradepit.compose.wiring import Wiring
from tradepit.config import AccountSettings, BotsSettings, Settings
from tradepit.ports.bus import Message
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.free_ports import free_port
from tradepit.runtime.nats_connection import NatsMessage
from tradepit.runtime.nats_link import NatsLink
from tradepit.trading.model.errors import ConfigError
from tradepit.trading.model.report import OrderReport
from tradepit.wire import platform as wire
from tradepit.wire.gateway import read_report
from tradepit.wire.platform_codec import read_event, read_intent
from tradepit.wire.simulator import BOT_RUNNER, BROKER_REPORTS

RUNNER = f"{BOT_RUNNER}-1"
CADENCE_MS = 500
_WITHOUT = frozenset({"monitor-api", "execution-algo", "risk-api", "powerscreen-producer", "powerscreen-consumer"})
_DEPOSIT = Decimal(1_000_000_000)
_START_S, _SETTLE_S, _LOOK_S, _TELL_S, _DOOR_S, _WARM_UP_S = 180.0, 20.0, 0.1, 10.0, 20.0, 15.0
_BOT = "tradepit.cli.bench.steady_bot:Steady"
_NO_LIMITS = {
    "rate": {"orders_per_s": 100_000, "order_burst": 100_000, "cancels_per_s": 100_000, "cancel_burst": 100_000},
    "position_limit": {"max_long": 1_000_000, "max_short": 1_000_000},
    "working_cap": {"max_per_symbol": 1_000_000, "max_per_account": 1_000_000},
    "circuit": {"max_rejects": None},
}


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """A process: megabytes resident at the end, and of one processor how many percent it took while it was measured."""

    rss_mb: float
    cpu_percent: float


class BotsResult(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds, seen by one program that listens: from an intent on its topic until the exchange has told of the order on its
    own bus, and until the first event (acknowledgement or rejection) is on the bot's topic.

    ``cpu_ms_per_bot_s`` and ``rss_kb_per_bot``: the runner's processor time and memory, by bot. ``outcomes``: intents by what came
    of them first; ``unanswered`` had none 20 s after the last intent.
    """

    bots: int
    accounts: int
    seconds: float
    intents: int
    intents_per_s: float
    intent_to_exchange: Spread
    intent_to_event: Spread
    cpu_ms_per_bot_s: float
    rss_kb_per_bot: float
    outcomes: dict[str, int]
    unanswered: int
    processes: dict[str, Cost]
    proof: Proof


def measure(*, bots: int, accounts: int, seconds: float, orders_per_bot_s: float, profile: str = "pit") -> BotsResult:
    """``bots`` in one runner, dealt out to ``accounts``, each sending so many orders a second. Ends by itself.

    Profile ``platform`` has its topics on a private Kafka, its keys in Valkey, its rows in PostgreSQL. Raises ConfigError, and
    Unavailable when one of them is not installed.
    """
    if not (1 <= bots <= 10_000 and 1 <= accounts <= bots and 0 < orders_per_bot_s <= 1_000 / CADENCE_MS):
        raise ConfigError(
            "1 to 10000 bots, no more accounts than bots, and at most an order with each tick", cadence_ms=CADENCE_MS
        )
    with tempfile.TemporaryDirectory(prefix="tradepit-bots-", ignore_cleanup_errors=True) as name, ExitStack() as stack:
        folder = Path(name)
        settings = _settings(bots, accounts, orders_per_bot_s)
        if profile == "platform":
            _tell("starting Kafka, Valkey and PostgreSQL")
            settings = stack.enter_context(platform_of(settings, folder))
        house = House(settings, folder / "house", without=_WITHOUT, also=frozenset({BOT_RUNNER}))
        house.start()
        try:
            run_of = _Run(house, bots, seconds)
            run(run_of.run())
        finally:
            house.stop()
        return run_of.result(accounts, prove(folder / "house"))


def _settings(bots: int, accounts: int, orders_per_bot_s: float) -> Settings:
    settings = demo_settings(seed=1)
    symbols = [contract.symbol for contract in settings.exchange.contracts]
    every = max(1, round(1_000 / CADENCE_MS / orders_per_bot_s))
    rows = tuple(
        BotRow(
            bot=_BOT,
            bot_id=f"steady-{number}",
            account=f"B{number % accounts + 1}",
            symbols=(symbols[number % len(symbols)],),
            # They begin one after another, or all would send with the same tick.
            params={"every": every, "first": number * every // bots},
            seed=number,
        )
        for number in range(bots)
    )
    owners = tuple(AccountSettings(account=f"B{number + 1}", deposit=_DEPOSIT) for number in range(accounts))
    exchange = msgspec.structs.replace(settings.exchange, accounts=(*settings.exchange.accounts, *owners))
    return msgspec.structs.replace(
        settings,
        exchange=exchange,
        market=msgspec.structs.replace(settings.market, cadence_ms=CADENCE_MS),
        agents=msgspec.structs.replace(settings.agents, orders_per_s=10.0),
        orders=msgspec.structs.replace(settings.orders, risk=_NO_LIMITS),
        bots=BotsSettings(rows=rows, port=free_port()),
    )


class _Run:
    def __init__(self, house: House, bots: int, seconds: float) -> None:
        self._house, self._bots, self._seconds = house, bots, seconds
        self._clock = SystemClock()
        self._asked: dict[str, int] = {}
        self._at_exchange: dict[str, int] = {}
        self._told: dict[str, int] = {}
        self._heard_of: set[str] = set()
        self._outcomes: Counter[str] = Counter()
        self._costs: dict[str, Cost] = {}
        self._runner_mb = self._runner_cpu_s = self._took_s = 0.0

    async def run(self) -> None:
        async with AsyncExitStack() as stack:
            await self._listen(stack)
            await self._until_all_began()
            pids = {name: member.process.pid for name, member in self._house.members.items() if member.process is not None}
            if self._house.server.pid is not None:
                pids["nats"] = self._house.server.pid
            began = {name: usage(pid)[1] for name, pid in pids.items()}
            self._asked.clear()
            self._outcomes.clear()
            since_ns = self._clock.monotonic_ns()
            while (took_s := (self._clock.monotonic_ns() - since_ns) / 1e9) < self._seconds:
                _tell(f"{self._bots} bots: {took_s:.0f} of {self._seconds:.0f} s, {len(self._asked)} intents")
                await asyncio.sleep(min(_TELL_S, self._seconds - took_s))
            self._took_s = took_s
            ended = {name: usage(pid) for name, pid in pids.items()}
            self._costs = {
                name: Cost(rss_mb=round(mb, 1), cpu_percent=round((cpu_s - began[name]) / took_s * 100, 1))
                for name, (mb, cpu_s) in ended.items()
            }
            runner = self._house.process_of(RUNNER)
            self._runner_mb = ended[runner][0]
            self._runner_cpu_s = ended[runner][1] - began[runner]
            await self._until_answered()

    def result(self, accounts: int, proof: Proof) -> BotsResult:
        """What was measured."""
        asked = self._asked
        return BotsResult(
            bots=self._bots,
            accounts=accounts,
            seconds=round(self._took_s, 1),
            intents=len(asked),
            intents_per_s=round(len(asked) / self._took_s, 1),
            intent_to_exchange=self._since(self._at_exchange),
            intent_to_event=self._since(self._told),
            cpu_ms_per_bot_s=round(self._runner_cpu_s * 1e3 / self._took_s / self._bots, 3),
            rss_kb_per_bot=round(self._runner_mb * 1e3 / self._bots, 1),
            outcomes=dict(self._outcomes),
            unanswered=sum(name not in self._told for name in asked),
            processes=self._costs,
            proof=proof,
        )

    def _since(self, ended: dict[str, int]) -> Spread:
        # What is told on two ways at once may come first on either.
        return spread([max(0, ended[name] - at) / 1e6 for name, at in self._asked.items() if name in ended], "ms")

    async def _until_all_began(self) -> None:
        """Until every bot is called with ticks."""
        _tell(f"starting a house and {self._bots} bots")
        deadline_ns = self._clock.monotonic_ns() + int(_START_S * 1e9)
        while missing := await asyncio.to_thread(_unready, self._house.settings.bots.port):
            if self._clock.monotonic_ns() > deadline_ns:
                raise ConfigError("the bots did not start in time", bots=self._bots, missing=missing)
            # Asking is work for the runner too, for each of its bots.
            await asyncio.sleep(max(_LOOK_S, self._bots / 500))
        # Topics come to be with their first message: that is not what is measured.
        deadline_ns = self._clock.monotonic_ns() + int(_WARM_UP_S * 1e9)
        while len(self._heard_of) < self._bots:
            if self._clock.monotonic_ns() > deadline_ns:
                return
            await asyncio.sleep(_LOOK_S)

    async def _until_answered(self) -> None:
        deadline_ns = self._clock.monotonic_ns() + int(_SETTLE_S * 1e9)
        while self._asked.keys() - self._told.keys():
            if self._clock.monotonic_ns() > deadline_ns:
                return
            await asyncio.sleep(_LOOK_S)

    async def _listen(self, stack: AsyncExitStack) -> None:
        """Hear what is said on the topics and of the exchange, as it is said."""
        link = NatsLink(self._house.server.url, name="bench-bots")
        await link.connect()
        stack.push_async_callback(link.close)
        await link.subscribe(BROKER_REPORTS.subject, self._on_report)
        if not self._house.settings.platform_bus:
            await link.subscribe(wire.ORDER_INTENTS.subject, lambda told: self._on_intent(told.subject, told.data))
            await link.subscribe(wire.ORDER_EVENTS.subject, lambda told: self._on_event(told.subject, told.data))
            return
        bus = Wiring(self._house.settings, process="bench").platform_bus()
        await bus.connect()
        stack.push_async_callback(bus.close)

        async def hear_intent(message: Message) -> None:
            self._on_intent(message.subject, message.payload)

        async def hear_event(message: Message) -> None:
            self._on_event(message.subject, message.payload)

        await bus.subscribe(wire.ORDER_INTENTS, hear_intent, group="bench-bots", max_in_flight=64)
        await bus.subscribe(wire.ORDER_EVENTS, hear_event)

    def _on_intent(self, topic: str, payload: bytes) -> None:
        self._asked.setdefault(read_intent(payload, topic=topic).intent_id, self._clock.monotonic_ns())

    def _on_event(self, topic: str, payload: bytes) -> None:
        self._heard_of.add(topic)
        event = read_event(payload, topic=topic).event
        if event.intent_id not in self._told:
            self._told[event.intent_id] = self._clock.monotonic_ns()
            if event.intent_id in self._asked:
                self._outcomes[event.reason if isinstance(event, wire.OrderRejection) else "ACKNOWLEDGED"] += 1

    def _on_report(self, message: NatsMessage) -> None:
        report = read_report(message.data)
        if isinstance(report, OrderReport):
            self._at_exchange.setdefault(report.order.client_order_id, self._clock.monotonic_ns())


def _unready(port: int) -> str:
    """Why not every bot is called with ticks, as the runner tells it; empty when they are."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=_DOOR_S):
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return error.read(200).decode(errors="replace")
    except OSError as error:
        return str(error)[:200]


def _tell(line: str) -> None:
    sys.stderr.write(f"bench bots: {line}\n")
    sys.stderr.flush()
