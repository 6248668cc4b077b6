"""One login of the TqSDK process: requests in, what changed at the broker out; single-threaded inside TqApi's own loop."""

import asyncio
import gc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tqsdk

from tradepit.backends.broker.tqsdk.accounts import make_account
from tradepit.backends.broker.tqsdk.contracts import Contracts
from tradepit.backends.broker.tqsdk.frames import (
    Answer,
    Ask,
    Beat,
    Cancel,
    Failed,
    Insert,
    LoggedIn,
    Login,
    News,
    Ready,
    Request,
    ToldHeld,
    ToldOrder,
    ToldQuote,
    ToldTrade,
    Trace,
    Watch,
)
from tradepit.backends.broker.tqsdk.held import held_before
from tradepit.backends.broker.tqsdk.inbox import Inbox
from tradepit.backends.broker.tqsdk.reading import (
    added_since,
    entries,
    is_acknowledged,
    items,
    number,
    quote_day,
    read_account,
    read_order,
    read_quote,
    read_sides,
    read_trade,
    weekday_evening,
)
from tradepit.backends.broker.tqsdk.ticks import TickTeller
from tradepit.backends.broker.tqsdk.wire_log import WireLog
from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import InstrumentNotFound, Unavailable

_BEAT_NS = 300_000_000
_TURN_S = 0.2
# No order has such an id: ours hold letters, digits, - and _.
_NO_ORDER, _FETCHES_S = ".", (0.005, 0.02, 0.1)
# What TqSDK's connections say of themselves; any of these after the login means that a connection was lost.
_CONNECTION_CODES = range(2019112901, 2019112912)


class LinkLost(Exception):
    """A connection to the broker was lost."""


class Session:
    """The process's work from login to its end, which is always an exception."""

    def __init__(self, login: Login, inbox: Inbox, clock: Clock) -> None:
        self._login, self._inbox, self._clock = login, inbox, clock
        self._wire = WireLog(Path(login.wire_log))
        self._sent: set[tuple[str, str]] = set()
        # Orders that have not finished, by account and id, as they were told; and how large each collection was at the last look.
        self._working: dict[str, dict[str, tuple[object, ...]]] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._trades: set[tuple[str, str]] = set()
        self._asked: set[str] = set()
        self._ready_ns = 0
        self._day = 0
        # TqSim lives in this process: nobody else has orders there, and nothing of it outlives the process.
        self._local = login.run_mode == "sandbox" and login.sandbox == "sim"

    def run(self) -> None:
        """Log in, tell the day's snapshot, serve. Raises LinkLost, and whatever TqSDK raises."""
        self._accounts = {account.name: make_account(self._login, account) for account in self._login.accounts}
        several = len(self._accounts) > 1
        self._api = api = tqsdk.TqApi(
            tqsdk.TqMultiAccount(list(self._accounts.values())) if several else next(iter(self._accounts.values())),
            auth=tqsdk.TqAuth(self._login.user, self._login.password),
            debug=False,
            disable_print=True,
        )
        notices = tqsdk.TqNotify(api)
        self._contracts = Contracts(api, self._clock)
        self._ticks = TickTeller(self._contracts.known, self._inbox.tell, self._clock)
        for symbol, code in self._contracts.learn([*self._login.symbols, *self._concerned()]).items():
            self._refuse(symbol, code)
        notices.get_notifies()
        self._begin_day()
        self._look()
        self._ready_ns = self._clock.monotonic_ns()
        # What TqSDK has loaded by now stays: looking through it again would stop every order for a fifth of a second.
        gc.collect()
        gc.freeze()
        self._inbox.tell(Ready(anew=self._local))
        api.create_task(self._serve())
        beaten_ns = 0
        while True:
            changed = api.wait_update(deadline=self._clock.now_ns() / 1e9 + min(_TURN_S, self._ticks.due_s))
            if self._trading_day() != self._day:
                if not self._local:
                    raise LinkLost("a new trading day has begun")
                self._begin_day()
            if changed:
                self._look()
            self._ticks.look(changed=changed)
            for notice in notices.get_notifies():
                self._hear(notice)
            if self._clock.monotonic_ns() - beaten_ns > _BEAT_NS:
                beaten_ns = self._clock.monotonic_ns()
                self._inbox.tell(Beat())
                self._fetch()

    def _begin_day(self) -> None:
        self._day = self._trading_day()
        quotes = [read_quote(symbol, quote) for symbol, quote in self._contracts.known.items()]
        held = [] if self._local else self._held({quote.symbol: quote for quote in quotes})
        self._inbox.tell(LoggedIn(trading_day=self._day, quotes=quotes, held=held))

    def _held(self, quotes: dict[str, ToldQuote]) -> list[ToldHeld]:
        found: list[ToldHeld] = []
        for name, account in self._accounts.items():
            sides = [side for _, held in items(self._api.get_position(account=account)) for side in read_sides(held)]
            trades = [read_trade(name, key, trade, 0.0) for key, trade in items(self._api.get_trade(account=account))]
            found += held_before(name, sides, trades, quotes)
        return found

    async def _serve(self) -> None:
        loop, wake = asyncio.get_running_loop(), asyncio.Event()
        self._inbox.attach(lambda: loop.call_soon_threadsafe(wake.set))
        while True:
            await wake.wait()
            wake.clear()
            for request in self._inbox.take():
                self._do(request)

    def _do(self, request: Request) -> None:
        if isinstance(request, Insert | Cancel) and self._local:
            self._api.create_task(self._fetch_answer(self._accounts[request.account]))
        if isinstance(request, Watch):
            self._ticks.begin()
        elif isinstance(request, Insert):
            refused = self._insert(request)
            self._inbox.tell(Answer(number=request.number, refused=refused))
        elif isinstance(request, Cancel):
            self._api.cancel_order(request.order_id, account=self._accounts[request.account])
            self._inbox.tell(Answer(number=request.number))
        elif request.what == "quote":
            self._api.create_task(self._tell_quote(request))
        else:
            self._inbox.tell(self._answer(request))

    async def _fetch_answer(self, account: Any) -> None:  # noqa: ANN401 - TqSDK's own type
        for pause_s in _FETCHES_S:
            await asyncio.sleep(pause_s)
            self._api.cancel_order(_NO_ORDER, account=account)

    def _fetch(self) -> None:
        """TqSim hands out what it did with the next quote or request, and in a quiet market there is none: ask for nothing at all."""
        for account in self._accounts.values() if self._local else ():
            self._api.cancel_order(_NO_ORDER, account=account)

    async def _tell_quote(self, ask: Ask) -> None:
        try:
            quotes, refused = [read_quote(ask.symbol, await self._contracts.know(ask.symbol))], ""
        except (InstrumentNotFound, Unavailable) as error:
            quotes, refused = [], error.code
        self._inbox.tell(Answer(number=ask.number, quotes=quotes, refused=refused))

    def _insert(self, request: Insert) -> str:
        key = (request.account, request.order_id)
        account = self._accounts[request.account]
        if key in self._wire.days or request.order_id in self._api.get_order(account=account):
            return "DUPLICATE_ID"
        if request.symbol not in self._contracts.known:
            return "INSTRUMENT_NOT_FOUND"
        self._wire.note(*key, self._trading_day())
        self._sent.add(key)
        self._api.insert_order(
            symbol=request.symbol,
            direction=request.direction,
            offset=request.offset,
            volume=request.volume,
            limit_price=request.limit_price,
            advanced=request.advanced or None,
            order_id=request.order_id,
            account=account,
        )
        return ""

    def _answer(self, ask: Ask) -> Answer:
        if ask.what == "quotes":
            quotes = [read_quote(symbol, quote) for symbol, quote in self._contracts.known.items()]
            return Answer(number=ask.number, quotes=quotes)
        account = self._accounts[ask.account]
        if ask.what == "account":
            return Answer(number=ask.number, account=read_account(self._api.get_account(account=account)))
        if ask.what == "positions":
            positions = self._api.get_position(account=account)
            return Answer(number=ask.number, positions=[side for _, held in items(positions) for side in read_sides(held)])
        key = (ask.account, ask.order_id)
        order = self._api.get_order(account=account).get(ask.order_id)
        trace = Trace(
            order=self._order(ask.account, order) if order is not None and is_acknowledged(order) else None,
            wired_day=self._wire.days.get(key, 0),
            this_run=key in self._sent,
            snapshot_age_s=(self._clock.monotonic_ns() - self._ready_ns) / 1e9,
        )
        return Answer(number=ask.number, trace=trace)

    def _look(self) -> None:
        """Tell what is new: trades not told yet, and orders that are not as they were told. A day's finished orders cost nothing."""
        orders: list[ToldOrder] = []
        trades: list[ToldTrade] = []
        for name, account in self._accounts.items():
            for trade_id, trade in self._added(name, "trades", self._api.get_trade(account=account)):
                if (name, trade_id) not in self._trades and self._watch(f"{trade.exchange_id}.{trade.instrument_id}"):
                    self._trades.add((name, trade_id))
                    trades.append(read_trade(name, trade_id, trade, self._tick(trade)))
            orders += self._look_at_orders(name, self._api.get_order(account=account))
        if orders or trades:
            self._inbox.tell(News(trading_day=self._trading_day(), orders=orders, trades=trades))

    def _look_at_orders(self, name: str, known: Any) -> list[ToldOrder]:  # noqa: ANN401 - TqSDK's own type
        working, told = self._working.setdefault(name, {}), list[ToldOrder]()
        working |= {order_id: () for order_id, _ in self._added(name, "orders", known) if order_id not in working}
        for order_id, former in list(working.items()):
            order = entries(known)[order_id]
            seen = (order.status, order.volume_left, order.exchange_order_id)
            if former == seen or not is_acknowledged(order):
                continue
            if self._watch(f"{order.exchange_id}.{order.instrument_id}"):
                working[order_id] = seen
                if order.status == "FINISHED":
                    del working[order_id]
                told.append(self._order(name, order))
        return told

    def _added(self, name: str, what: str, collection: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - TqSDK's own type
        found = added_since(collection, self._counts.get((name, what), 0))
        self._counts[name, what] = len(entries(collection))
        return found

    def _watch(self, symbol: str) -> bool:
        """Whether a contract's tick is known. If not, it is asked for, and what waits for it is told with the answer."""
        if symbol not in self._contracts.known and symbol not in self._asked:
            self._asked.add(symbol)
            self._api.create_task(self._learn(symbol))
        return symbol in self._contracts.known

    async def _learn(self, symbol: str) -> None:
        try:
            await self._contracts.know(symbol)
        except InstrumentNotFound as error:
            self._refuse(symbol, error.code)
        except Unavailable:
            # The next look asks again.
            self._asked.discard(symbol)
        else:
            self._look()

    def _refuse(self, symbol: str, code: str) -> None:
        if code == InstrumentNotFound.code:
            self._asked.add(symbol)
        self._inbox.tell(Failed(message=f"{symbol} is not known: {code}"))

    def _concerned(self) -> set[str]:
        """The contracts of the day's snapshot: what was ordered and what is held."""
        found = set()
        for account in self._accounts.values():
            orders, held = self._api.get_order(account=account), self._api.get_position(account=account)
            told = [order for _, order in items(orders)] + [position for _, position in items(held) if read_sides(position)]
            found |= {f"{each.exchange_id}.{each.instrument_id}" for each in told}
        return found

    def _hear(self, notice: Mapping[str, Any]) -> None:
        # TqApi would connect again after 10 to 20 seconds, send first what waited in its queues, and keep for ever as working
        # what the server has forgotten. After an orderly close by the server it would not even log in again.
        if notice["code"] in _CONNECTION_CODES:
            raise LinkLost(str(notice["code"]))
        if notice.get("level") in ("WARNING", "ERROR"):
            self._inbox.tell(Failed(message=self._login.scrub(f"notice {notice['code']} {notice['content']}")))

    def _trading_day(self) -> int:
        """The trading day of the server's snapshot, YYYYMMDD; by the calendar's evening rule when the server does not say."""
        for account in self._accounts.values():
            document = self._api._data.get("trade", {}).get(account._account_key, {})  # noqa: SLF001 - told nowhere else
            for place in (document.get("session", {}), document):
                day = str(place.get("trading_day", ""))
                if day.isdecimal() and len(day) == 8:
                    return int(day)
        newest = max(map(quote_day, self._contracts.known.values()), default=0) if self._local else 0
        return max(newest, self._day) or weekday_evening(self._clock.now_ns())

    def _order(self, name: str, order: Any) -> ToldOrder:  # noqa: ANN401 - TqSDK's own type
        return read_order(name, order, self._tick(order), local=self._local)

    def _tick(self, told: Any) -> float:  # noqa: ANN401 - TqSDK's own type
        quote = self._contracts.known.get(f"{told.exchange_id}.{told.instrument_id}")
        return number(quote.price_tick) if quote is not None else 0.0
