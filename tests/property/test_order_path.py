"""Whatever the broker's line does and wherever leaders die: every order has one fate, none is lost, none is sent twice."""

import asyncio
import random
from collections.abc import Sequence

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.driven_loop import DrivenLoop
from tests.order_path import DAY, FakeBroker, Key, Office, Venue, an_intent
from tests.waiting import settle, until

from tradepit.backends.journal.memory import MemoryJournal, MemoryJournalStore
from tradepit.runtime.journal_writer import JournalWriter
from tradepit.services.order_leader import OrderLeader
from tradepit.trading.model.errors import NotActive, OutcomeUnknown, RequestRefused, RiskRefused, StaleEpoch, Unavailable
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import OrderReport, Report, TradeReport
from tradepit.trading.model.terms import OrderStatus, Side
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.desk import OrderDesk
from tradepit.trading.orders.register import OrderRegister
from tradepit.trading.risk.review import Approved

_GIVE_UP = 400


class DyingJournal(MemoryJournal):
    """Its writer dies at an append: before it, or after it but without hearing so."""

    def __init__(self, store: MemoryJournalStore, dies_at: int, *, written: bool) -> None:
        super().__init__(store)
        self.left, self.written = dies_at, written
        self.died = asyncio.Event()

    async def append(self, records: Sequence[bytes], *, expected: int, epoch: int) -> int:
        self.left -= 1
        if self.left > 0:
            return await super().append(records, expected=expected, epoch=epoch)
        if self.written:
            await super().append(records, expected=expected, epoch=epoch)
        self.died.set()
        await asyncio.Event().wait()
        raise AssertionError


class WildBroker(FakeBroker):
    """Loses, delays and refuses by chance; a lost order may still arrive late, unless it was voided meanwhile."""

    def __init__(self, venue: Venue, chance: random.Random, store: MemoryJournalStore) -> None:
        super().__init__(venue)
        self.chance, self.store = chance, store
        self.calm = False
        self.late_copies: set[asyncio.Task[None]] = set()

    async def submit(self, approved: Approved, *, epoch: int) -> Order:
        intent = approved.intent
        self._check_journaled(intent, epoch)
        await self._wait()
        kind = self._fate()
        self.venue.check_epoch(epoch)
        if kind == "away":
            raise Unavailable("nobody listens")
        if kind == "lost":
            if self.chance.random() < 0.5:
                self.late_copies.add(asyncio.ensure_future(self._arrive_late(intent, epoch)))
            raise OutcomeUnknown("lost on the way")
        order = self._arrive(intent)
        await self._wait()
        if kind == "unanswered":
            raise OutcomeUnknown("no answer")
        return order

    async def cancel(self, account: str, client_order_id: str, *, epoch: int) -> Order:
        await self._wait()
        return await self._answer(await super().cancel(account, client_order_id, epoch=epoch))

    async def resolve(self, intent: OrderIntent, *, epoch: int) -> Order:
        await self._wait()
        return await self._answer(await super().resolve(intent, epoch=epoch))

    def _arrive(self, intent: OrderIntent) -> Order:
        order = self.venue.arrive(intent)
        key = (intent.account, intent.client_order_id)
        while order.active and self.chance.random() < 0.4:
            self.venue.fill(key, self.chance.randint(1, order.left_lots))
            order = self.venue.orders[key]
        return order

    async def _arrive_late(self, intent: OrderIntent, epoch: int) -> None:
        await self._wait()
        try:
            self.venue.check_epoch(epoch)
        except StaleEpoch:
            return
        self._arrive(intent)

    async def _answer(self, order: Order) -> Order:
        await self._wait()
        if self._fate() in ("lost", "unanswered"):
            raise OutcomeUnknown("no answer")
        return order

    def _fate(self) -> str:
        return "answered" if self.calm else self.chance.choice(["answered", "answered", "lost", "unanswered", "away"])

    async def _wait(self) -> None:
        await settle(0 if self.calm else self.chance.choice([0, 0, 1, 5, 40]))

    def _check_journaled(self, intent: OrderIntent, epoch: int) -> None:
        """Law: nothing leaves before its intent is durable, under the epoch that sends it."""
        told = b"".join(record for entry in self.store.entries if entry.epoch == epoch for record in entry.records)
        assert f'"client_order_id":"{intent.client_order_id}"'.encode() in told
        assert b'"order_sending"' in told


class Play:
    """Clients, a venue that trades, and leaders that die; then calm, and the reckoning."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.office = Office()
        self.broker = WildBroker(self.office.venue, self.chance, self.office.store)
        self.leader: OrderLeader | None = None
        self.answers: dict[str, Order | str] = {}

    async def run(self, orders: int, deaths: int) -> None:
        ruler = asyncio.ensure_future(self._reign(deaths))
        trading = asyncio.ensure_future(self._trade())
        clients = [asyncio.ensure_future(self._client(number)) for number in range(orders)]
        cancels = [asyncio.ensure_future(self._canceller(number)) for number in range(0, orders, 3)]
        try:
            await asyncio.gather(*clients, *cancels)
            await ruler
            trading.cancel()
            await self._reckon(orders)
        finally:
            for task in (ruler, trading, *clients, *cancels):
                task.cancel()
            await asyncio.gather(ruler, trading, *clients, *cancels, return_exceptions=True)
            if self.leader is not None:
                await self._bury(self.leader)

    async def _reign(self, deaths: int) -> None:
        """Leaders one after another, each on the journal of the one before; the last one lives."""
        for number in range(deaths + 1):
            dies_at = 10**9 if number == deaths else self.chance.randint(1, 12)
            journal = DyingJournal(self.office.store, dies_at, written=self.chance.random() < 0.5)
            ruling = asyncio.ensure_future(self._take_over(journal, number + 1))
            dead = asyncio.ensure_future(journal.died.wait())
            await asyncio.wait({ruling, dead}, return_when=asyncio.FIRST_COMPLETED)
            if number == deaths:
                dead.cancel()
                return await ruling
            # A leader that nothing kills is put to rest after a while; one that was killed leaves everything as it is.
            await asyncio.wait({dead}, timeout=None if journal.left <= 0 else 0.02)
            ruling.cancel()
            dead.cancel()
            await asyncio.gather(ruling, dead, return_exceptions=True)
            leader, self.leader = self.leader, None
            if leader is not None:
                await self._bury(leader)
            await settle(self.chance.choice([0, 3, 30]))
        return None

    async def _take_over(self, journal: DyingJournal, epoch: int) -> None:
        await journal.open()
        desk = OrderDesk(self.office.rules)
        decoder = msgspec_decoder()
        async for entry in journal.read():
            for record in entry.records:
                desk.apply(decoder.decode(record), replayed=True)
        began = Office.write(facts.TermBegan(time_ns=0, epoch=epoch, holder=f"h{epoch}"))
        last = await journal.append([began], expected=len(self.office.store.entries), epoch=epoch)
        writer = JournalWriter(journal, last=last, epoch=epoch, on_fenced=lambda: None)
        writer.start()
        leader = OrderLeader(desk, writer, self.broker, self.office.clock, epoch=epoch, on_fenced=lambda: None)
        try:
            await leader.start()
        except BaseException:
            await self._bury(leader)
            raise
        self.leader = leader

    async def _bury(self, leader: OrderLeader) -> None:
        """End a leader's tasks without letting it finish anything, as death does."""
        leader._writer.fenced = True
        if leader._writer._task is not None:
            leader._writer._task.cancel()
        await leader.stop()

    async def _trade(self) -> None:
        venue = self.office.venue
        while True:
            await settle(self.chance.randint(1, 10))
            working = [key for key, order in venue.orders.items() if order.active]
            if working:
                key = self.chance.choice(working)
                venue.fill(key, self.chance.randint(1, venue.orders[key].left_lots))

    async def _client(self, number: int) -> None:
        """One order, sent with one id until there is an answer."""
        await settle(self.chance.randint(0, 60))
        side = self.chance.choice([Side.BUY, Side.SELL])
        intent = an_intent(number, lots=self.chance.choice([1, 3, 8, 12]), side=side)
        for _ in range(_GIVE_UP):
            leader = self.leader
            if leader is not None:
                attempt = asyncio.ensure_future(leader.submit(intent))
                await asyncio.wait({attempt}, timeout=0.02)
                if not attempt.done():
                    attempt.cancel()
                try:
                    self.answers[intent.client_order_id] = await attempt
                except RiskRefused as error:
                    self.answers[intent.client_order_id] = error.reason_code
                except (NotActive, OutcomeUnknown, Unavailable, asyncio.CancelledError):
                    pass
                else:
                    return
                if intent.client_order_id in self.answers:
                    return
            await settle(self.chance.randint(1, 20))
        raise AssertionError(f"{intent.client_order_id} was never answered")

    async def _canceller(self, number: int) -> None:
        await settle(self.chance.randint(20, 200))
        for _ in range(3):
            if self.leader is not None:
                attempt = asyncio.ensure_future(self.leader.cancel("A1", f"c{number}"))
                await asyncio.wait({attempt}, timeout=0.02)
                attempt.cancel()
                await asyncio.gather(attempt, return_exceptions=True)
                if not attempt.cancelled() and not isinstance(
                    attempt.exception(), RequestRefused | NotActive | OutcomeUnknown | None
                ):
                    raise AssertionError(attempt.exception())
            await settle(5)

    async def _reckon(self, orders: int) -> None:
        self.broker.calm = True
        await asyncio.gather(*self.broker.late_copies)
        leader, venue = self.leader, self.office.venue
        assert leader is not None
        await until(lambda: not leader.desk.register.in_doubt)
        for key in list(venue.orders):
            venue.end(key, OrderStatus.EXPIRED)
        await until(lambda: leader.through == len(venue.reports))
        await leader.write()

        register = leader.desk.register
        assert set(register.orders) == {("A1", f"c{number}") for number in range(orders)}
        for key, order in register.orders.items():
            self._check_fate(key, order)
        assert register.trade_lots == venue.traded()
        assert {key: order.traded_lots for key, order in register.orders.items() if order.traded_lots} == venue.traded()
        assert max(venue.arrivals.values(), default=0) <= 1
        sent = [key for key in venue.orders if venue.arrivals[key]]
        assert all(key in register.orders for key in sent)
        self._check_exposure(leader)
        rebuilt = self.office.replay()
        assert rebuilt.register.orders == register.orders
        assert rebuilt.register.trade_lots == register.trade_lots

    def _check_fate(self, key: Key, order: Order) -> None:
        venue, told = self.office.venue, self.answers[key[1]]
        assert order.status.terminal
        if order.status is OrderStatus.RISK_REJECTED:
            assert key not in venue.orders
            assert told == order.reason
            return
        assert isinstance(told, Order), "an order that was sent was told as refused"
        truth = venue.orders[key]
        assert (order.status, order.traded_lots, order.order_id) == (truth.status, truth.traded_lots, truth.order_id)
        assert told.traded_lots <= order.traded_lots

    def _check_exposure(self, leader: OrderLeader) -> None:
        holding = leader.desk.exposure.holding("A1", "IF2501")
        bought = sum(lots for key, lots in self.office.venue.traded().items() if self._side(key) is Side.BUY)
        sold = sum(lots for key, lots in self.office.venue.traded().items() if self._side(key) is Side.SELL)
        if holding is None:
            assert bought == sold == 0
            return
        assert (holding.long.lots, holding.short.lots) == (bought, sold)
        assert (holding.long.opening, holding.short.opening, holding.working) == (0, 0, {})

    def _side(self, key: Key) -> Side:
        return self.office.venue.orders[key].intent.side


def msgspec_decoder() -> "msgspec.json.Decoder[facts.Fact]":
    return msgspec.json.Decoder(facts.Fact)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), orders=st.integers(1, 14), deaths=st.integers(0, 5))
def test_every_order_has_one_fate(seed: int, orders: int, deaths: int) -> None:
    # A leader's time runs out by turns of the loop: by the machine's clock a busy one would give up what it only came to late.
    with asyncio.Runner(loop_factory=lambda: DrivenLoop(lambda: 0.0001)) as runner:
        runner.run(Play(seed).run(orders, deaths))


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), lots=st.integers(1, 6))
def test_reports_in_any_order_and_number_end_in_the_same_state(seed: int, lots: int) -> None:
    """The fold of one order's reports does not depend on their order, nor on how often they are told."""
    chance = random.Random(seed)
    venue, intent = Venue(), an_intent(lots=lots)
    key = (intent.account, intent.client_order_id)
    venue.arrive(intent)
    while venue.orders[key].active:
        if chance.random() < 0.3:
            venue.end(key)
        else:
            venue.fill(key, chance.randint(1, venue.orders[key].left_lots))
    told: list[Report] = [*venue.reports, *chance.choices(venue.reports, k=5)]
    chance.shuffle(told)
    desk = OrderDesk(Office().rules)
    for fact in _opening(intent):
        desk.apply(fact)
    for report in told:
        desk.apply(facts.ReportApplied(time_ns=1, report=report))
    register = desk.register
    assert register.orders[key] == venue.orders[key]
    assert register.trade_lots.get(key, 0) == venue.orders[key].traded_lots
    assert not register.working
    holding = desk.exposure.holding("A1", "IF2501")
    assert holding is not None
    assert (holding.long.lots, holding.long.opening, holding.working) == (venue.orders[key].traded_lots, 0, {})
    assert all(not register.is_new(report) for report in venue.reports if isinstance(report, OrderReport | TradeReport))


def _opening(intent: OrderIntent) -> list[facts.Fact]:
    listing = FakeBroker(Venue()).listings[0]
    return [
        facts.InstrumentKnown(time_ns=0, instrument=listing.instrument, reference="3900"),
        facts.AccountKnown(time_ns=0, account=intent.account, equity="1000000"),
        facts.OrderAccepted(time_ns=1, intent=intent),
        facts.OrderSending(time_ns=1, account=intent.account, client_order_id=intent.client_order_id, epoch=1),
    ]


@settings(max_examples=50, deadline=None)
@given(days=st.lists(st.integers(0, 6), min_size=1, max_size=8))
def test_the_register_remembers_two_days_whatever_they_bring(days: list[int]) -> None:
    """Memory is bounded by two days' orders, however long the house runs; what the day before brought is still known."""
    venue, register = Venue(), OrderRegister()
    read, number, by_day = 0, 0, []
    for day, orders in enumerate(days):
        today = []
        for _ in range(orders):
            number += 1
            intent = an_intent(number, lots=1)
            register.apply(facts.OrderAccepted(time_ns=1, intent=intent))
            venue.arrive(intent)
            venue.fill(("A1", intent.client_order_id), 1)
            today.append(("A1", intent.client_order_id))
        by_day.append(today)
        venue.settle(DAY + day + 1)
        while read < len(venue.reports):
            read += 1
            register.apply(facts.ReportApplied(time_ns=1, report=venue.reports[read - 1], through=read))
        assert set(register.orders) == set(by_day[-1]), "the day that was settled is the day before now"
    assert set(register.trade_lots) == set(by_day[-1])
