"""The way to the TqSDK process: one per data folder, kept alive, watched for progress; what it tells becomes numbered reports."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from pathlib import Path

import msgspec
from loguru import logger

from tradepit.backends.broker.broker_book import Fact, Key
from tradepit.backends.broker.newest_ticks import NewestTicks
from tradepit.backends.broker.report_journal import ReportJournal
from tradepit.backends.broker.tqsdk.book import TqsdkBook
from tradepit.backends.broker.tqsdk.child import FolderLock, TqsdkChild
from tradepit.backends.broker.tqsdk.frames import (
    Answer,
    Beat,
    Cancel,
    Failed,
    FromProcess,
    LoggedIn,
    Login,
    News,
    Ready,
    Request,
    Ticks,
    ToldQuote,
    ToldTick,
    Watch,
)
from tradepit.backends.broker.tqsdk.login_mark import check_login
from tradepit.backends.broker.tqsdk.terms import amount
from tradepit.ports.clock import Clock
from tradepit.ports.journal import Journal
from tradepit.runtime.tasks import TaskGroup
from tradepit.trading.model.errors import OutcomeUnknown, TradepitError, Unavailable
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import Report

_TAKE_OVER_S = 5.0
_POLL_S = 0.02
_HELD_NS = 10_000_000_000
MAX_IN_FLIGHT = 512


class TqsdkTiming(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the process counts as stuck and how soon it is started again; seconds.

    ``login_s``: from its start to the day's snapshot. ``stuck_s``: without going round. ``ack_s``: an order without an answer; then
    the connection counts as deaf. ``settle_s``: how long after a snapshot an order that was sent before may still turn up.
    ``back_off_s``: before the second start, doubled up to ``back_off_max_s``.
    """

    login_s: float = 90.0
    stuck_s: float = 10.0
    ack_s: float = 10.0
    settle_s: float = 5.0
    back_off_s: float = 0.5
    back_off_max_s: float = 15.0


class TqsdkLink:
    """Shared by all brokers of one process on one folder; whoever opened the session with the highest epoch owns the process.

    The journal holds what was taken and what was told, under the epoch of the leader: a lower one is refused by it for ever.
    ``carries``: a journal without reports begins with what the accounts held before, as trades of the day before.
    """

    def __init__(
        self,
        folder: Path,
        journal: Journal,
        login: Callable[[], Login],
        clock: Clock,
        *,
        timing: TqsdkTiming | None = None,
        environment: Mapping[str, str],
        carries: bool = False,
    ) -> None:
        self._folder, self._login, self._clock = folder, login, clock
        self._reports = ReportJournal(journal, TqsdkBook(), Fact)
        self.timing, self._environment, self._carries = timing or TqsdkTiming(), environment, carries
        self.quotes: dict[str, ToldQuote] = {}
        self._found: set[str] = set()
        self.accounts: frozenset[str] = frozenset()
        self.trading_day = 0
        self.restarts = 0
        self._users = 0
        self._tasks = TaskGroup("tqsdk")
        self._child: TqsdkChild | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._was_ready = False
        self._beaten_ns = 0
        self._number = 0
        self.deciding = asyncio.Lock()
        self._kept_back: set[Key] = set()
        self._answers: dict[int, asyncio.Future[Answer]] = {}
        self._waiting: dict[Key, list[asyncio.Future[Order]]] = {}
        self._unanswered: dict[Key, int] = {}
        self._newest = NewestTicks[ToldTick]()

    @property
    def book(self) -> TqsdkBook:
        """What was taken and told."""
        return self._reports.book

    @property
    def epoch(self) -> int:
        """The highest epoch that has written here."""
        return self._reports.epoch

    @property
    def fenced_by(self) -> int:
        """The epoch of another leader who was seen to write here, 0 for none."""
        return self._reports.fenced_by

    @property
    def ready(self) -> bool:
        """Logged in, with the day's snapshot."""
        return self._ready.is_set()

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return self._child.pid if self._child is not None else None

    async def join(self) -> None:
        """One more user. The first one opens the journal, and starts the process if nobody has ever led here.

        Raises ConfigError (also for a folder that another login has used), JournalError.
        """
        async with self.deciding:
            if not self._users:
                self._folder.mkdir(parents=True, exist_ok=True)
                login = self._login()
                check_login(self._folder, login)
                self.accounts = frozenset(account.name for account in login.accounts)
                await self._reports.open()
                if not self.epoch:
                    self._keep()
            self._users += 1

    async def leave(self) -> None:
        """One user less; with the last one the process ends."""
        self._users -= 1
        if self._users == 0:
            await self._tasks.stop()
            self._keeper = None
            await self._reports.close()
            logger.info("tqsdk: the connection is closed")

    async def open_session(self, epoch: int) -> None:
        """Fence: from here on lower epochs are refused, and a process of theirs is ended. Raises StaleEpoch."""
        await self._reports.begin_term(epoch)
        keeps = self._keeper is not None and not self._keeper.done()
        if not keeps:
            await self._end_other()
            self._keep()

    async def record(self, *facts: Fact, epoch: int | None = None) -> None:
        """Journal facts, then know them. Raises StaleEpoch, Unavailable; then they did not happen."""
        async with self._reports.writing:
            await self._reports.append(facts, epoch)

    async def follow(self, after: int) -> AsyncIterator[Report]:
        """Reports above ``after``, from the journal, for ever."""
        async for report in self._reports.follow(after):
            yield report

    async def ticks(self) -> AsyncGenerator[ToldTick]:
        """Each contract's newest market whenever it has changed, for ever, from whichever process tells it."""
        with self._newest.reader() as reader:
            if self.ready and self._child is not None:
                self._child.send(Watch())
            while True:
                for told in await reader.take():
                    yield told

    async def await_ready(self, timeout_s: float) -> None:
        """Wait for a connection with its snapshot. Raises Unavailable."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._ready.wait()
        except TimeoutError:
            raise Unavailable("not connected to the broker") from None

    def has_taken(self, key: Key) -> bool:
        """True when an order was taken and may have been sent."""
        return key in self.book.taken and key not in self._kept_back

    def post(self, make: Callable[[int], Request]) -> "asyncio.Future[Answer]":
        """Hand a request to the process. Raises Unavailable when it certainly was not."""
        if not self.ready or self._child is None:
            raise Unavailable("not connected to the broker; nothing was done")
        if len(self._answers) >= MAX_IN_FLIGHT:
            raise Unavailable("too many requests are on their way; nothing was done")
        self._number += 1
        if not self._child.send(make(self._number)):
            raise Unavailable("not connected to the broker; nothing was done")
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answers[self._number] = answer
        number = self._number
        answer.add_done_callback(lambda _: self._answers.pop(number, None))
        return answer

    def hand_over(self, key: Key, make: Callable[[int], Request]) -> "asyncio.Future[Answer]":
        """Post an order that was recorded as taken. Raises Unavailable when it certainly was not sent: it may be submitted again."""
        self._kept_back.add(key)
        answer = self.post(make)
        self._kept_back.discard(key)
        self._unanswered[key] = self._clock.monotonic_ns()
        return answer

    async def answered(self, answer: "asyncio.Future[Answer]", timeout_s: float) -> Answer:
        """The answer. Raises OutcomeUnknown when it does not come."""
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError as error:
            raise OutcomeUnknown("the TqSDK process did not answer in time") from error

    async def void(self, intent: OrderIntent, trading_day: int, *, epoch: int) -> Order:
        """Give an order up that was never sent, for good: a later copy of it is answered with this."""
        async with self._reports.writing:
            await self._reports.append([self.book.void(intent, self._clock.now_ns(), trading_day)], epoch)
        return self.book.orders[intent.account, intent.client_order_id]

    def learn(self, quote: ToldQuote) -> None:
        """Know a contract that was asked for; it is watched by every process to come."""
        self._found.add(quote.symbol)
        self.quotes[quote.symbol.partition(".")[2]] = quote

    def wait_for(self, key: Key) -> "asyncio.Future[Order]":
        """The next news of an order."""
        waiter: asyncio.Future[Order] = asyncio.get_running_loop().create_future()
        self._waiting[key] = [one for one in self._waiting.get(key, []) if not one.done()] + [waiter]
        return waiter

    def _keep(self) -> None:
        self._keeper = self._tasks.spawn(self._keep_alive(), "keeper")

    async def _keep_alive(self) -> None:
        pause_s = self.timing.back_off_s
        while True:
            began_ns = self._clock.monotonic_ns()
            try:
                if await self._reports.superseded():
                    # Another leader writes here now: what it told is read when this one is to lead again.
                    logger.warning("tqsdk: another leader has taken over this folder")
                    return
                await self._live()
            except (TradepitError, OSError) as error:
                logger.warning("tqsdk: {}", error)
            except Exception as error:  # noqa: BLE001 - whatever it was, without a process everybody would be deaf for good
                logger.opt(exception=error).error("tqsdk: what the process told could not be taken")
            if self._was_ready and self._clock.monotonic_ns() - began_ns > _HELD_NS:
                pause_s = self.timing.back_off_s
            await asyncio.sleep(pause_s)
            self.restarts += 1
            pause_s = min(2 * pause_s, self.timing.back_off_max_s)

    async def _live(self) -> None:
        """One life of the process, from its start to its end."""
        child = self._child = TqsdkChild(self._folder, self._hear)
        self._was_ready = False
        self._beaten_ns = self._clock.monotonic_ns()
        watch = None
        try:
            login = self._login()
            symbols = list(dict.fromkeys([*login.symbols, *sorted(self._found)]))
            wire_log = str((self._folder / "tqsdk.wire").absolute())
            login = msgspec.structs.replace(login, symbols=symbols, wire_log=wire_log)
            logger.info("tqsdk: logging in, {}", "real" if login.run_mode == "real" else f"sandbox {login.sandbox}")
            reader = await child.start(login, self._environment)
            watch = asyncio.get_running_loop().create_task(self._watch(child))
            await child.listen(reader)
        finally:
            if watch is not None:
                watch.cancel()
            await child.end()
            self._lose()
        logger.warning("tqsdk: the process has ended")

    def _lose(self) -> None:
        """Nobody answers any more: what was asked stays open."""
        self._child = None
        self._ready.clear()
        self._unanswered.clear()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(OutcomeUnknown("the TqSDK process ended before it answered"))
        for waiters in self._waiting.values():
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(OutcomeUnknown("the connection to the broker was lost"))
                    waiter.exception()  # whoever waited may have gone
        self._waiting.clear()

    async def _watch(self, child: TqsdkChild) -> None:
        """End the process when it makes no progress: its loop stands, or orders are not answered."""
        timing = self.timing
        while True:
            await asyncio.sleep(min(timing.stuck_s, timing.ack_s) / 4)
            now_ns = self._clock.monotonic_ns()
            patience_s = timing.stuck_s if self.ready else timing.login_s
            oldest_ns = min(self._unanswered.values(), default=now_ns)
            if now_ns - self._beaten_ns > patience_s * 1e9:
                logger.error("tqsdk: the process stands still, starting it again")
            elif now_ns - oldest_ns > timing.ack_s * 1e9:
                logger.error("tqsdk: orders are not answered, starting the process again")
            else:
                continue
            child.kill()
            return

    async def _hear(self, frame: FromProcess) -> None:
        self._beaten_ns = self._clock.monotonic_ns()
        if isinstance(frame, Beat):
            return
        if isinstance(frame, Answer):
            answer = self._answers.get(frame.number)
            if answer is not None and not answer.done():
                answer.set_result(frame)
        elif isinstance(frame, Ticks):
            self._newest.put(frame.ticks)
        elif isinstance(frame, News):
            await self._learn(frame)
        elif isinstance(frame, LoggedIn):
            self.quotes = {quote.symbol.partition(".")[2]: quote for quote in frame.quotes}
            await self._begin_day(frame)
            self.trading_day = frame.trading_day
        elif isinstance(frame, Ready):
            await self._begin(frame)
        elif isinstance(frame, Failed):
            logger.warning("tqsdk: {}", frame.message)

    async def _begin(self, ready: Ready) -> None:
        if ready.anew:
            await self._forget()
        self._was_ready = True
        self._ready.set()
        if self._newest.read and self._child is not None:
            self._child.send(Watch())
        logger.info("tqsdk: logged in, trading day {}", self.trading_day)

    async def _learn(self, news: News) -> None:
        async with self._reports.writing:
            returned = self.book.returned(news)
            await self._reports.append(self.book.learn(news, self._clock.now_ns()), self.epoch)
        for account, order_id in returned:
            logger.critical("tqsdk: order {} was given up as never sent and works at the broker: cancelling it", order_id)
            self._number += 1
            if self._child is not None:
                self._child.send(Cancel(number=self._number, account=account, order_id=order_id))
        for told in news.orders:
            key = (told.account, told.order_id)
            self._unanswered.pop(key, None)
            for waiter in self._waiting.pop(key, []):
                if not waiter.done() and key in self.book.orders:
                    waiter.set_result(self.book.orders[key])

    async def _forget(self) -> None:
        """The account began anew: what worked there before has ended with it."""
        async with self._reports.writing:
            await self._reports.append(self.book.end_all(self._clock.now_ns(), self.trading_day), self.epoch)

    async def _begin_day(self, login: LoggedIn) -> None:
        day, now_ns = login.trading_day, self._clock.now_ns()
        async with self._reports.writing:
            # Of a quote that is still yesterday's, the previous settlement price is that of the day before.
            told = {symbol: quote for symbol, quote in self.quotes.items() if quote.trading_day >= day}
            prices = {symbol: str(amount(quote.pre_settlement)) for symbol, quote in told.items() if quote.pre_settlement}
            carried = self.book.carry(login.held, day, prices, now_ns) if self._carries else []
            await self._reports.append(carried or self.book.begin_day(day, prices, now_ns), self.epoch)

    async def _end_other(self) -> None:
        """End the process another owner may still have on this folder."""
        lock, until_ns = FolderLock(self._folder), self._clock.monotonic_ns() + int(_TAKE_OVER_S * 1e9)
        while True:
            try:
                lock.take().close()
            except Unavailable:
                if self._clock.monotonic_ns() > until_ns:
                    raise
                lock.end_holder()
                await asyncio.sleep(_POLL_S)
            else:
                return
