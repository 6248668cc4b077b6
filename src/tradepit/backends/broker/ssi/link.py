"""The way to SSI: one login, its stream kept alive, and the day's orders compared with SSI's own list after each gap."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime

import msgspec
from loguru import logger

from tradepit.backends.broker.broker_book import BookFact, Key
from tradepit.backends.broker.report_journal import ReportJournal
from tradepit.backends.broker.ssi.book import Heard, SsiBook, SsiFact
from tradepit.backends.broker.ssi.contracts import SsiContracts
from tradepit.backends.broker.ssi.dialect import Placed, SsiDialect, SsiEvent, SsiEvents
from tradepit.backends.broker.ssi.frames import ToldError, ToldMatch, ToldOrder
from tradepit.backends.broker.ssi.http import SsiRefused
from tradepit.backends.broker.ssi.phases import ToldPhases
from tradepit.backends.broker.ssi.terms import HANOI, number, reason_of
from tradepit.ports.clock import Clock
from tradepit.ports.journal import Journal
from tradepit.runtime.tasks import TaskGroup
from tradepit.trading.calendar.catalog import Catalog
from tradepit.trading.model.errors import OutcomeUnknown, TradepitError, Unavailable
from tradepit.trading.model.order import Order
from tradepit.trading.model.report import Report
from tradepit.trading.model.terms import SessionPhase

_GROUP = "hnx"


class SsiTiming(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. ``settle_s``: how long what was sent may still turn up, and a fill may come after its order's figures.

    ``look_s``: so old a look at SSI's list is as good as a new one, where somebody asks again and again.
    ``poll_s``: between two looks at SSI's own list of the day's orders. ``back_off_s``: before the stream is joined again, doubled up
    to ``back_off_max_s``. ``timeout_s``: until the stream must have answered. ``relist_s``: before contracts that SSI has not listed
    for the day are asked for again.
    """

    settle_s: float = 10.0
    look_s: float = 1.0
    poll_s: float = 30.0
    back_off_s: float = 0.5
    back_off_max_s: float = 30.0
    timeout_s: float = 10.0
    relist_s: float = 300.0


class SsiLink:
    """Shared by all brokers of one process. ``accounts`` maps the house's names to SSI's numbers, ``symbols`` are those to trade."""

    def __init__(
        self,
        dialect: SsiDialect,
        journal: Journal,
        clock: Clock,
        catalog: Catalog,
        *,
        accounts: Mapping[str, str],
        symbols: tuple[str, ...],
        timing: SsiTiming | None = None,
    ) -> None:
        self.dialect, self._clock, self._catalog = dialect, clock, catalog
        self.accounts, self.timing = dict(accounts), timing or SsiTiming()
        self.journal = ReportJournal(journal, SsiBook(), SsiFact)
        self.book = self.journal.book
        self.book.accounts = {number: name for name, number in accounts.items()}
        self.deciding = asyncio.Lock()
        self.phases = ToldPhases(catalog.calendar, clock, _GROUP)
        self.listed = SsiContracts(catalog, symbols)
        self.kept_back: set[Key] = set()
        self.sent_ns: dict[Key, int] = {}
        self.on_its_way: set[Key] = set()
        self.joined_ns = self._listed_ns = 0
        self.restarts = 0
        self._users = 0
        self._ready = asyncio.Event()
        self._waiting: dict[Key, list[asyncio.Future[Order]]] = {}
        self._refusals: dict[str, asyncio.Future[None]] = {}
        self._notified = (0, 0)
        self._looked_ns: dict[tuple[str, int], int] = {}
        self._short: dict[Key, int] = {}
        self._tasks = TaskGroup("ssi")
        self._keeper: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """The stream is joined, and SSI's list of the day's orders was read after it was."""
        return self._ready.is_set()

    @property
    def trading_day(self) -> int:
        """The trading day, YYYYMMDD."""
        day = self._catalog.calendar.trading_day_of(self._clock.now_ns(), _GROUP)
        return day.year * 10_000 + day.month * 100 + day.day

    @property
    def _hanoi_day(self) -> int:
        """The date in Hanoi, YYYYMMDD: in the evening the trading day is the next one, and SSI's lists are still those of the date."""
        return int(f"{datetime.fromtimestamp(self._clock.now_ns() / 1e9, UTC) + HANOI:%Y%m%d}")

    async def join(self) -> None:
        """One more user; the first one opens the journal, and goes to SSI if nobody has ever led here. Raises JournalError."""
        async with self.deciding:
            if not self._users:
                await self.journal.open()
                self.joined_ns = self._clock.monotonic_ns()
                if not self.journal.epoch:
                    self._keep()
            self._users += 1

    async def leave(self) -> None:
        """One user less; with the last one all ends."""
        self._users -= 1
        if self._users == 0:
            await self._tasks.stop()
            self._keeper = None
            self._lose()
            await self.journal.close()
            await self.dialect.close()

    async def open_session(self, epoch: int) -> None:
        """Fence: from here on lower epochs are refused. Raises StaleEpoch."""
        await self.journal.begin_term(epoch)
        self._keep()

    def follow(self, after: int) -> AsyncIterator[Report]:
        """Reports above ``after``, from the journal, for ever."""
        return self.journal.follow(after)

    async def await_ready(self, timeout_s: float) -> None:
        """Wait until SSI was heard. Raises Unavailable."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._ready.wait()
        except TimeoutError:
            raise Unavailable("not connected to the broker") from None

    def wait_for(self, key: Key) -> "asyncio.Future[Order]":
        """The next news of an order."""
        waiter: asyncio.Future[Order] = asyncio.get_running_loop().create_future()
        self._waiting[key] = [one for one in self._waiting.get(key, []) if not one.done()] + [waiter]
        return waiter

    @contextlib.contextmanager
    def sending(self, key: Key) -> Iterator[None]:
        """While an order is being sent: it may wait for its turn, and what it is given to arrive counts from the end of this."""
        self.on_its_way.add(key)
        try:
            yield
        finally:
            self.on_its_way.discard(key)
            self.sent_ns[key] = self._clock.monotonic_ns()

    def refusal_of(self, change_id: str) -> "asyncio.Future[None]":
        """Raises SsiRefused once SSI tells, apart from its answer, that a change was refused."""
        refusal: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._refusals[change_id] = refusal
        refusal.add_done_callback(lambda _: self._refusals.pop(change_id, None))
        return refusal

    async def hear(self, event: SsiEvent) -> None:
        """Take what SSI tells: journaled first, then known, then told to who waits."""
        if isinstance(event, ToldError):
            await self._hear_error(event)
            return
        async with self.journal.writing:
            now_ns = self._clock.now_ns()
            if isinstance(event, ToldMatch):
                await self._learn(self.book.learn_match(event, now_ns), event.notify_id)
                return
            returned = self.book.returned(event)
            await self._learn(self.book.learn_order(event, now_ns), event.notify_id)
        key = self.book.key_of(event.account_no, event.client_request_id, event.order_id)
        if key is not None and key in self.book.orders:
            self.announce(key)
        if returned is not None:
            logger.critical("ssi: order {} was given up as never sent and works at SSI: cancelling it", event.order_id)
            self._tasks.spawn(self._cancel(event), "cancel")

    async def _hear_error(self, event: ToldError) -> None:
        refusal = self._refusals.get(event.request_id)
        if refusal is not None and not refusal.done():
            refusal.set_exception(SsiRefused(400, event.code, event.message))
        async with self.journal.writing:
            facts = self.book.learn_error(event, reason_of(event.message), self._clock.now_ns())
            await self._learn(facts, event.notify_id)
        key = self.book.placed_as(event.request_id)
        if key is not None and key in self.book.orders:
            self.announce(key)

    async def _learn(self, facts: list[BookFact], notify_id: int | str) -> None:
        """Journal what is new, and with it up to where SSI was heard: from there it is asked to go on."""
        if self.dialect.resumes and str(notify_id).isdecimal() and int(notify_id):
            # The newest, and not the highest: numbers begin anew at an hour that SSI does not tell.
            self._notified = (self._hanoi_day, int(notify_id))
            if facts:
                facts = [*facts, Heard(notify_id=int(notify_id), day=self._hanoi_day)]
        await self.journal.append(facts)

    def announce(self, key: Key) -> None:
        """Tell who waits for news of an order."""
        for waiter in self._waiting.pop(key, []):
            if not waiter.done():
                waiter.set_result(self.book.orders[key])

    async def look(self, account: str, trading_day: int) -> None:
        """Take over an account's orders of a day as SSI lists them. Raises Unavailable.

        Fills of a day that is over are not waited for.
        """
        began_ns = self._clock.monotonic_ns()
        number, waits = self.accounts[account], trading_day == self.trading_day
        wanted = self.book.wanted(account)
        for row in await self.dialect.orders(number, trading_day, today=trading_day == self._hanoi_day, wanted=wanted):
            if isinstance(row, ToldError):
                await self.hear(row)
                continue
            told = row if row.account_no else msgspec.structs.replace(row, account_no=number)
            await self.hear(told)
            await self._make_up(told, waits=waits)
        self._looked_ns[account, trading_day] = began_ns

    async def looked(self, account: str, trading_day: int) -> int:
        """A look that is not too old; when it began, by the monotonic clock (ns). Raises Unavailable."""
        found = self._looked_ns.get((account, trading_day))
        if found is None or self._clock.monotonic_ns() - found > self.timing.look_s * 1e9:
            await self.look(account, trading_day)
        return self._looked_ns[account, trading_day]

    async def _make_up(self, told: ToldOrder, *, waits: bool) -> None:
        """Where fills are missing for longer than they may take, follow the order's own figures."""
        key = self.book.key_of(told.account_no, told.client_request_id, told.order_id)
        if key is None:
            return
        if self.book.missing(key) <= 0:
            self._short.pop(key, None)
            return
        now_ns = self._clock.monotonic_ns()
        if waits and now_ns - self._short.setdefault(key, now_ns) < self.timing.settle_s * 1e9:
            return
        async with self.journal.writing:
            await self.journal.append(self.book.make_up(told, self._clock.now_ns()))
        self._short.pop(key, None)

    async def _cancel(self, told: ToldOrder) -> None:
        placed = Placed(
            account_no=told.account_no,
            request_id=told.client_request_id,
            order_id=told.order_id,
            symbol=told.symbol or told.instrument_id,
            side=told.side or told.buy_sell,
            order_type=told.order_type,
            price=number(told.price),
            quantity=told.quantity,
        )
        try:
            # Nothing is asked of the order but its end: the request need not be known again.
            change_id = self.dialect.request_id(told.order_id, "cancel", self._clock.now_ns(), self.book.request_ids)
            await self.dialect.cancel(placed, change_id)
        except (TradepitError, SsiRefused) as error:
            logger.critical("ssi: order {} could not be cancelled: {}", told.order_id, error)

    def _keep(self) -> None:
        if self._keeper is None or self._keeper.done():
            self._keeper = self._tasks.spawn(self._keep_alive(), "keeper")

    async def _keep_alive(self) -> None:
        pause_s = self.timing.back_off_s
        while True:
            try:
                if await self.journal.superseded():
                    logger.warning("ssi: another leader has taken over")
                    return
                await self._live()
                pause_s = self.timing.back_off_s
            except (TradepitError, OSError) as error:
                logger.warning("ssi: {}", error)
            finally:
                self._lose()
            await asyncio.sleep(pause_s)
            self.restarts += 1
            pause_s = min(2 * pause_s, self.timing.back_off_max_s)

    async def _live(self) -> None:
        """One life of the stream. What happened before it was joined is read from SSI's list, behind it nothing is missed."""
        token = await self.dialect.token()
        await self._begin_day()
        accounts, after = list(self.accounts.values()), self._heard_until()
        stream = self.dialect.stream(token, accounts, after=after, timeout_s=self.timing.timeout_s)
        async with stream:
            reading = asyncio.ensure_future(self._hear_all(stream))
            looking = asyncio.ensure_future(self._look_around())
            try:
                done, _ = await asyncio.wait((reading, looking), return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in (reading, looking):
                    task.cancel()
                await asyncio.gather(reading, looking, return_exceptions=True)
        self.dialect.stream_ended(token)

    def _heard_until(self) -> int:
        """The number of today's newest event that was taken, 0 for none: then the whole day is told again, and known again."""
        day = self._hanoi_day
        return next((heard for on, heard in (self._notified, self.book.notified) if on == day), 0)

    async def _hear_all(self, stream: SsiEvents) -> None:
        async for event in stream.events():
            await self.hear(event)

    async def _look_around(self) -> None:
        while True:
            for account in self.accounts:
                await self.look(account, self.trading_day)
            if not self.ready:
                logger.info("ssi: connected, trading day {}", self.trading_day)
                self._ready.set()
            await asyncio.sleep(self.timing.poll_s)
            if await self.journal.superseded():
                raise Unavailable("another leader has taken over")
            due = self._clock.monotonic_ns() - self._listed_ns > self.timing.relist_s * 1e9
            if self.trading_day != self.book.trading_day and (due or not self._awaits_prices):
                await self._begin_day()
            elif self.listed.awaits and due:
                await self._list_contracts(self.trading_day)

    async def _begin_day(self) -> None:
        """Read the day's contracts and their reference prices, and report a day that has begun.

        Before it does, how the orders of the former day ended is read from that day's list: they are told of in it. How it was settled
        the new day's prices tell: until they are there, or the market opens, the former day is not over.
        """
        day, former = self.trading_day, self.book.trading_day
        await self._list_contracts(day)
        if former and former != day and self._awaits_prices:
            return
        if former and former != day:
            for account in sorted({key[0] for key, order in self.book.orders.items() if order.active}):
                await self.look(account, former)
        async with self.journal.writing:
            prices = {symbol: format(row.ref_price.normalize(), "f") for symbol, row in self.listed.market.items()}
            await self.journal.append(self.book.begin_day(day, prices, self._clock.now_ns()))
            self.book.trading_day = self.book.trading_day or day

    @property
    def _awaits_prices(self) -> bool:
        """Whether prices of the day are still to come before its market opens."""
        closed = self._catalog.calendar.phase_at(self._clock.now_ns(), _GROUP) is SessionPhase.CLOSED
        return closed and bool(self.listed.unlisted)

    async def _list_contracts(self, day: int) -> None:
        self._listed_ns = self._clock.monotonic_ns()
        self.listed.learn(day, await self.dialect.market(day, self.listed.codes(day)))
        self.book.instruments = self.listed.by_name

    def _lose(self) -> None:
        """SSI is not heard any more: what was asked stays open."""
        self._ready.clear()
        waiting, self._waiting = self._waiting, {}
        for waiter in (one for waiters in waiting.values() for one in waiters):
            if not waiter.done():
                waiter.set_exception(OutcomeUnknown("the connection to the broker was lost"))
                waiter.exception()  # whoever waited may have gone
