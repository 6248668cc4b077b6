"""What the demo does to its own house: orders, an algorithm, a killed leader, lost answers, a paused leader, a killed exchange."""

import signal
from collections.abc import Awaitable, Callable
from decimal import Decimal

import msgspec
from loguru import logger

from tradepit.cli.demo_settings import TRADER
from tradepit.cli.house import House
from tradepit.cli.watch_model import WatchModel
from tradepit.ports.bus import Bus
from tradepit.ports.clock import Clock
from tradepit.runtime.ids import new_id
from tradepit.runtime.intent_log import IntentLog
from tradepit.runtime.order_client import OrderClient
from tradepit.trading.model.errors import TradepitError
from tradepit.wire.simulator import TRADING_GATEWAY, rpc_subject
from tradepit.wire.simulator_codec import encode

_FAULT_ANSWER_S = 1.0


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do: the key that does it, when the script does it (share of the demo's time), and what to say."""

    key: str
    at: float
    words: str


ACTS = (
    Act(key="t", at=0.12, words="TWAP: buy 60 IF2501 in 20 s"),
    Act(key="k", at=0.30, words="kill -9 the leader"),
    Act(key="l", at=0.45, words="lose the exchange's next 20 answers"),
    Act(key="p", at=0.60, words="pause the leader (SIGSTOP) for 2 s"),
    Act(key="x", at=0.72, words="kill -9 the exchange"),
    Act(key="w", at=0.80, words="kill -9 an algorithm worker"),
)


class DemoScript:
    """The acts by key. Each says what it did; none waits for its consequences."""

    def __init__(self, house: House, model: WatchModel, bus: Bus, client: OrderClient, clock: Clock, log: IntentLog) -> None:
        self._house, self._model, self._bus, self._client, self._clock, self._log = house, model, bus, client, clock, log
        self.done: list[str] = []
        self._acts: dict[str, Callable[[], Awaitable[str]]] = {
            "t": self.start_twap,
            "k": self.kill_leader,
            "l": self.lose_answers,
            "p": self.pause_leader,
            "x": self.kill_exchange,
            "w": self.kill_worker,
        }

    async def perform(self, key: str) -> str:
        """Do the act of ``key``; what it did, or why it could not."""
        act = self._acts.get(key)
        if act is None:
            return ""
        try:
            said = await act()
        except TradepitError as error:
            said = f"{key}: {error}"
        self.done.append(said)
        logger.info("demo: {}", said)
        return said

    async def start_twap(self) -> str:
        """A TWAP of the trader's, on the first contract."""
        symbol = self._house.settings.exchange.contracts[0].symbol
        body = {"algo": "TWAP", "symbol": symbol, "volume": 60, "duration": 20, "interval": 3, "account": TRADER}
        reply = await self._client.call("algo_order", body | {"algo_id": new_id("T")})
        return f"TWAP {reply.get('algo_id')} {reply.get('status')}"

    async def kill_leader(self) -> str:
        """SIGKILL for whoever leads now."""
        leader, epoch = self._model.leader()
        if not leader:
            return "no leader is known at this moment"
        pid = self._house.send(self._house.process_of(leader), signal.SIGKILL)
        return f"killed {leader} (pid {pid}, epoch {epoch})"

    async def pause_leader(self) -> str:
        """SIGSTOP for the leader, SIGCONT two seconds later: it wakes up believing it leads, and may do no harm."""
        leader, epoch = self._model.leader()
        if not leader:
            return "no leader is known at this moment"
        process = self._house.process_of(leader)
        self._house.send(process, signal.SIGSTOP)
        await self._clock.sleep(2.0)
        self._house.send(process, signal.SIGCONT)
        return f"paused {leader} (epoch {epoch}) for 2 s"

    async def lose_answers(self) -> str:
        """The exchange acts on the next orders but its answers get lost."""
        body = encode({"plan": {"lose_ack": {"count": 20}}})
        await self._bus.request(rpc_subject(TRADING_GATEWAY, "faults"), body, timeout_s=_FAULT_ANSWER_S)
        return "the exchange's next 20 answers get lost"

    async def kill_exchange(self) -> str:
        """SIGKILL for the exchange; its journal brings it back."""
        pid = self._house.send(self._house.process_of(f"{TRADING_GATEWAY}-1"), signal.SIGKILL)
        return f"killed the exchange (pid {pid})"

    async def kill_worker(self) -> str:
        """SIGKILL for the first algorithm worker."""
        pid = self._house.send(self._house.process_of("execution-algo-1"), signal.SIGKILL)
        return f"killed execution-algo-1 (pid {pid})"

    async def trade_once(self, number: int) -> None:
        """One small order of the trader's near the market, with a deterministic id; what came of it goes to the intent log."""
        symbol = self._house.settings.exchange.contracts[0].symbol
        market = self._model.market(symbol)
        tick = market.depth or market.tick
        if tick is None or not tick.bid_volume_1 or not tick.ask_volume_1:
            return
        side, price = ("BUY", tick.ask_price_1) if number % 2 else ("SELL", tick.bid_price_1)
        await self._send(f"demo-{number}", symbol, side, price)

    async def _send(self, client_order_id: str, symbol: str, side: str, price: Decimal) -> None:
        asked = {"account": TRADER, "symbol": symbol, "side": side, "offset": "OPEN", "price": str(price), "volume": 1}
        self._log.asked(client_order_id, asked, self._clock.now_ns())
        try:
            reply = await self._client.submit(
                side=side, symbol=symbol, price=price, volume=1, account=TRADER, client_order_id=client_order_id
            )
        except TradepitError as error:
            reply = {"error": error.reason_code, "message": error.message, "last": str(error.details.get("last", ""))}
        self._log.answered(client_order_id, reply, self._clock.now_ns())
