"""Background agents: market makers, noise and momentum traders that trade as ordinary clients with accounts of their own."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from loguru import logger

from tradepit.bots.agents.market_maker import MarketMaker
from tradepit.bots.agents.momentum import MomentumTrader
from tradepit.bots.agents.noise import NoiseTrader
from tradepit.bots.agents.seat import Seat
from tradepit.bots.agents.view import Action, Agent, Place, Quote, Resting, View, Withdraw
from tradepit.ports.bus import Bus, Message, Subscription
from tradepit.ports.clock import Clock
from tradepit.runtime.intent_log import IntentLog
from tradepit.runtime.order_taker import OrderTaker
from tradepit.runtime.pace import Pace
from tradepit.runtime.position_follower import PositionFollower
from tradepit.runtime.quote_board import QuoteBoard, Quoted
from tradepit.runtime.service import Health
from tradepit.runtime.tasks import TaskGroup
from tradepit.trading.calendar.catalog import Catalog
from tradepit.trading.model.errors import BadRequest, OutcomeUnknown, RequestRefused, TradepitError, Unavailable
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.terms import OrderStatus, SessionPhase
from tradepit.trading.model.trade import Trade
from tradepit.wire.simulator import ORDERS_CANCELLED

AGENTS: Mapping[str, Callable[[], Agent]] = {"market_maker": MarketMaker, "noise": NoiseTrader, "momentum": MomentumTrader}
_FRESH_S = 3.0
_FORGOTTEN_S = 60.0


class AgentRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One agent: ``kind`` of ``AGENTS``, its unique ``name`` (a token), and the account and contract it trades."""

    kind: str
    name: str
    account: str
    symbol: str


class TradingAgentsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``orders_per_second`` bounds orders and cancels of all agents together. ``think_s`` is an idle agent's pause.

    ``intents`` is the file of what was asked and answered, none when not given.
    """

    agents: tuple[AgentRow, ...]
    orders_per_second: float = 50.0
    think_s: float = 0.1
    seed: int = 1
    intents: Path | None = None


class _Player:
    def __init__(self, row: AgentRow, seed: int, run: str) -> None:
        self.row, self.run = row, run
        self.agent = AGENTS[row.kind]()
        self.seat = Seat(row.account, row.symbol)
        self.chance = Random(f"{seed}:{row.name}")  # noqa: S311 - a market model, not a secret
        self.orders = 0

    def next_id(self) -> str:
        self.orders += 1
        return f"{self.row.name}-{self.run}-{self.orders}"


class TradingAgents:
    """Client order ids are ``{agent}-{run}-{n}``; ``run`` tells this life of the service from others.

    Positions come from the trades' durable stream, so an agent knows after a restart what it holds and closes no more than that.
    Orders a former life left working are cancelled at the start.
    """

    name = "trading-agents"

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        catalog: Catalog,
        client: OrderTaker,
        settings: TradingAgentsSettings,
        instance: str,
        run: str,
    ) -> None:
        """Raises BadRequest for an unknown kind of agent."""
        for row in settings.agents:
            if row.kind not in AGENTS:
                raise BadRequest("unknown kind of agent", kind=row.kind[:32], known=",".join(AGENTS))
        self.instance = instance
        self._bus, self._clock, self._client, self._settings = bus, clock, client, settings
        self._tasks = TaskGroup(f"{self.name}:{instance}", self._failed)
        self._follower = PositionFollower(bus, clock, catalog, f"{self.name}:{instance}", on_trade=self._on_trade)
        self._board = QuoteBoard(bus, clock)
        self._players = [_Player(row, settings.seed, run) for row in settings.agents]
        self._seats: dict[str, list[Seat]] = {}
        for player in self._players:
            self._seats.setdefault(player.row.account, []).append(player.seat)
        self._pace = Pace(clock, settings.orders_per_second)
        self._log = IntentLog(settings.intents)
        self._cancelled: Subscription | None = None
        self._answers: dict[str, int] = {}
        self._fills = 0
        self._answered_ns = 0
        self._problem = ""

    async def start(self) -> None:
        await self._board.start()
        self._cancelled = await self._bus.subscribe(ORDERS_CANCELLED, self._on_cancelled)
        await self._follower.start()
        for player in self._players:
            self._tasks.spawn(self._play(player), player.row.name)

    async def stop(self) -> None:
        """Send nothing more. Working orders stay: they are good for the day, like any client's."""
        await self._tasks.stop()
        await self._follower.stop()
        await self._board.stop()
        if self._cancelled is not None:
            await self._cancelled.stop()
        self._log.close()

    def health(self) -> Health:
        figures: dict[str, str | int | float | bool] = {
            "agents": len(self._players),
            "orders": sum(player.orders for player in self._players),
            "fills": self._fills,
            "working": sum(len(player.seat.working) for player in self._players),
            "last_answer_age_s": round((self._clock.monotonic_ns() - self._answered_ns) / 1e9, 3) if self._answered_ns else -1.0,
            **{f"answered_{code}": count for code, count in self._answers.items()},
        }
        reason = self._problem or self._follower.problem
        return Health(status="UNHEALTHY" if reason else "ACTIVE", ready=self._follower.ready, reason=reason, figures=figures)

    def _failed(self, error: BaseException) -> None:
        self._problem = f"an agent failed: {error}"[:200]

    def _on_trade(self, trade: Trade) -> None:
        for seat in self._seats.get(trade.account, ()):
            self._fills += trade.client_order_id in seat.working
            seat.traded(trade)

    async def _on_cancelled(self, message: Message) -> None:
        try:
            ended = msgspec.json.decode(message.payload, type=_Ended)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return
        for seat in self._seats.get(ended.account, ()):
            seat.ended(ended.client_order_id)

    async def _play(self, player: _Player) -> None:
        while not self._follower.ready:
            await self._clock.sleep(self._settings.think_s)
        await self._sweep(player)
        while True:
            view = self._view(player)
            actions = player.agent.decide(view, player.chance) if view is not None else []
            actions += [Withdraw(client_order_id=order.client_order_id) for order in self._forgotten(player)]
            for action in actions:
                await self._pace.turn()
                await self._do(player, action)
            if not actions:
                await self._clock.sleep(self._settings.think_s)

    def _forgotten(self, player: _Player) -> list[Resting]:
        """Orders so old that their end may have been missed: cancelling tells."""
        return [order for order in player.seat.resting(self._clock.monotonic_ns()) if order.age_s > _FORGOTTEN_S]

    async def _sweep(self, player: _Player) -> None:
        """Cancel what a former life of this agent left working."""
        try:
            reply = await self._client.call("orders", {"account": player.row.account, "active": True})
            rows = msgspec.convert(reply.get("orders", []), list[_Ended])
        except (TradepitError, msgspec.ValidationError) as error:
            logger.warning("{} cannot ask for orders left over: {}", player.row.name, error)
            return
        for row in rows:
            if row.client_order_id.startswith(f"{player.row.name}-"):
                await self._pace.turn()
                await self._cancel(player, row.client_order_id)

    def _view(self, player: _Player) -> View | None:
        """None while there is nothing to trade on: no fresh quote, or no continuous trading."""
        found, book = self._board.newest(player.row.symbol), self._follower.book
        now_ns = self._clock.monotonic_ns()
        if found is None or now_ns - found[1] > _FRESH_S * 1e9 or not book.knows(player.row.symbol):
            return None
        quoted, seen_ns = found
        if quoted.phase != SessionPhase.CONTINUOUS:
            return None
        instrument = book.instrument(player.row.symbol)
        quote = _quote(quoted, instrument, seen_ns)
        if quote is None:
            return None
        holding = player.seat.holding(book.book(player.row.account, player.row.symbol))
        return View(instrument=instrument, quote=quote, holding=holding, resting=player.seat.resting(now_ns))

    async def _do(self, player: _Player, action: Action) -> None:
        if isinstance(action, Place):
            await self._place(player, action)
        else:
            await self._cancel(player, action.client_order_id)

    async def _place(self, player: _Player, place: Place) -> None:
        row, client_order_id = player.row, player.next_id()
        price = self._follower.book.instrument(row.symbol).to_price(place.price_ticks)
        request: dict[str, Any] = {
            "side": place.side.value,
            "symbol": row.symbol,
            "price": price,
            "volume": place.lots,
            "account": row.account,
            "offset": place.offset.value,
            "order_type": place.order_type.value,
        }
        self._log.asked(client_order_id, request, self._clock.now_ns())
        player.seat.sent(client_order_id, place, self._clock.monotonic_ns())
        try:
            reply = await self._client.submit(**request, client_order_id=client_order_id, reference=row.name)
        except OutcomeUnknown as error:
            # It may be working: it stays in view until a trade, its end, or its own cancel says otherwise.
            self._answer(
                client_order_id, error.reason_code, {"error": error.reason_code, "last": str(error.details.get("last", ""))}
            )
        except TradepitError as error:
            player.seat.ended(client_order_id)
            self._answer(client_order_id, error.reason_code, {"error": error.reason_code, "message": str(error)[:200]})
        else:
            if reply.get("order_status") in (OrderStatus.CANCELLED, OrderStatus.EXPIRED):
                player.seat.ended(client_order_id)
            self._answer(client_order_id, "OK", reply)

    async def _cancel(self, player: _Player, client_order_id: str) -> None:
        try:
            await self._client.cancel(account=player.row.account, client_order_id=client_order_id)
        except RequestRefused as error:
            self._count(f"cancel_{error.reason_code}")
            player.seat.ended(client_order_id)
        except (OutcomeUnknown, Unavailable) as error:
            self._count(f"cancel_{error.reason_code}")
        else:
            self._count("cancel_OK")
            player.seat.ended(client_order_id)

    def _answer(self, client_order_id: str, code: str, reply: dict[str, Any]) -> None:
        self._log.answered(client_order_id, reply, self._clock.now_ns())
        self._count(code)

    def _count(self, code: str) -> None:
        self._answers[code] = self._answers.get(code, 0) + 1
        self._answered_ns = self._clock.monotonic_ns()


class _Ended(msgspec.Struct, frozen=True):
    account: str
    client_order_id: str


def _quote(quoted: Quoted, instrument: Instrument, seen_ns: int) -> Quote | None:
    def ticks(price: Decimal) -> int:
        return instrument.to_ticks(price) if price else 0

    try:
        return Quote(
            bid_ticks=ticks(quoted.bid_price_1) if quoted.bid_volume_1 else 0,
            ask_ticks=ticks(quoted.ask_price_1) if quoted.ask_volume_1 else 0,
            last_ticks=ticks(quoted.last_price),
            lower_ticks=ticks(quoted.limit_down),
            upper_ticks=ticks(quoted.limit_up),
            time_ns=seen_ns,
        )
    except BadRequest:
        return None


def agent_rows(symbols: Sequence[str], makers: int, noise: int, momentum: int) -> tuple[AgentRow, ...]:
    """So many agents of each kind per symbol, each with its own account named after it."""
    rows = []
    for symbol in symbols:
        for kind, short, count in (("market_maker", "mm", makers), ("noise", "nz", noise), ("momentum", "mo", momentum)):
            for number in range(1, count + 1):
                name = f"{short}{number}-{symbol}"
                rows.append(AgentRow(kind=kind, name=name, account=name, symbol=symbol))
    return tuple(rows)
