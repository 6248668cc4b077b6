"""A desk made from its snapshot goes on exactly as the desk itself: same state, same decisions, whatever follows."""

import random
from decimal import Decimal
from hashlib import sha256
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.order_path import DAY, PRICE, START_NS, Venue, an_intent, instrument

from tradepit.trading.model.errors import DuplicateId
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, Report
from tradepit.trading.model.terms import Offset, OrderStatus, OrderType, SessionPhase, Side, TradingState
from tradepit.trading.model.tick import Level, Tick
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.desk import OrderDesk
from tradepit.trading.orders.desk_snapshot import DeskBuilder, seal, take, unseal
from tradepit.trading.risk.review import review_cancel
from tradepit.trading.risk.rules import default_rules

RULES = default_rules()
SYMBOLS = ("IF2501", "IF2502")
ACCOUNTS = ("A1", "A2")
S = 1_000_000_000


class Story:
    """What may happen to a desk, by chance: an honest exchange, reports that come late, twice and in any order, and much else."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.venue = Venue()
        self.now_ns = START_NS
        self.intents: list[OrderIntent] = []
        self.algos: list[str] = []
        self.told = self.epoch = 0
        self.day = DAY

    def opening(self) -> list[facts.Fact]:
        listed = [facts.InstrumentKnown(time_ns=0, instrument=instrument(symbol), reference="3900") for symbol in SYMBOLS]
        known = [facts.AccountKnown(time_ns=0, account=account, equity="1000000") for account in ACCOUNTS]
        return [*listed, *known]

    def tell(self, count: int) -> list[facts.Fact]:
        found: list[facts.Fact] = []
        for _ in range(count):
            self.now_ns += self.chance.choice((0, 1, S // 20, S))
            found += self.chance.choice(
                (self.order, self.order, self.send, self.arrive, self.trade, self.trade, self.report, self.report, self.report,
                 self.repeat, self.doubt, self.cancel, self.end, self.algo, self.state, self.limit, self.warn, self.foreign, self.term, self.roll)
            )()  # fmt: skip
        return found

    def intent(self, **more: Any) -> OrderIntent:
        chance = self.chance
        told = an_intent(
            len(self.intents),
            lots=chance.randint(1, 9),
            side=chance.choice(list(Side)),
            account=chance.choice(ACCOUNTS),
            symbol=chance.choice(SYMBOLS),
            offset=chance.choice((Offset.OPEN, Offset.OPEN, Offset.CLOSE, Offset.NET)),
            order_type=chance.choice((OrderType.LIMIT, OrderType.LIMIT, OrderType.FAK)),
            price_ticks=PRICE + chance.randint(-9, 9),
            reference=chance.choice(("", "bot", *self.algos)),
            bot=chance.choice(("", "b1", "b2")),
            sequence=chance.choice((0, len(self.intents) + 1)),
        )
        return msgspec.structs.replace(told, **more)

    def order(self) -> list[facts.Fact]:
        intent = self.intent()
        self.intents.append(intent)
        if self.chance.random() < 0.2:
            return [
                facts.OrderRefused(time_ns=self.now_ns, intent=intent, code="NO", rule="r", limit="1", value="2", message="m")
            ]
        return [facts.OrderAccepted(time_ns=self.now_ns, intent=intent)]

    def _key(self) -> dict[str, str]:
        intent = self.chance.choice(self.intents or [an_intent("never")])
        return {"account": intent.account, "client_order_id": intent.client_order_id}

    def send(self) -> list[facts.Fact]:
        return [facts.OrderSending(time_ns=self.now_ns, epoch=self.epoch, **self._key())]

    def doubt(self) -> list[facts.Fact]:
        return [facts.OrderUnknown(time_ns=self.now_ns, reason="TIMEOUT", **self._key())]

    def cancel(self) -> list[facts.Fact]:
        return [facts.CancelRequested(time_ns=self.now_ns, **self._key())]

    def arrive(self) -> list[facts.Fact]:
        waiting = [intent for intent in self.intents[-9:] if self.venue.find(intent) is None]
        if waiting:
            self.venue.arrive(self.chance.choice(waiting))
        return []

    def _working(self) -> list[tuple[str, str]]:
        return [key for key, order in self.venue.orders.items() if order.active]

    def trade(self) -> list[facts.Fact]:
        working = self._working()
        if working:
            key = self.chance.choice(working)
            self.venue.fill(key, self.chance.randint(1, self.venue.orders[key].left_lots))
        return []

    def end(self) -> list[facts.Fact]:
        working = self._working()
        if working:
            self.venue.end(self.chance.choice(working), self.chance.choice((OrderStatus.CANCELLED, OrderStatus.EXPIRED)))
        return []

    def _applied(self, report: Report) -> facts.Fact:
        return facts.ReportApplied(time_ns=self.now_ns, report=report, through=self.told)

    def report(self) -> list[facts.Fact]:
        if self.told == len(self.venue.reports):
            return []
        self.told += 1
        return [self._applied(self.venue.reports[self.told - 1])]

    def repeat(self) -> list[facts.Fact]:
        """A report again, or ahead of its turn."""
        return [self._applied(self.chance.choice(self.venue.reports))] if self.venue.reports else []

    def foreign(self) -> list[facts.Fact]:
        """An order somebody else placed, under a venue's id that others may have too."""
        intent = self.intent(client_order_id=f"x{self.chance.randint(1, 5)}")
        status = self.chance.choice((OrderStatus.OPEN, OrderStatus.REJECTED))
        order = Order(intent=intent, status=status, order_id=self.chance.choice(("", "V1", "W")), left_lots=intent.volume_lots)
        return [self._applied(OrderReport(sequence=0, time_ns=1, trading_day=self.day, order=order))]

    def algo(self) -> list[facts.Fact]:
        if not self.algos or self.chance.random() < 0.3:
            self.algos.append(f"algo-{len(self.algos)}")
            return [facts.AlgoAccepted(time_ns=1, algo_id=self.algos[-1], account="A1", topic="t", body='{"a":1}')]
        algo_id = self.chance.choice(self.algos)
        if self.chance.random() < 0.5:
            return [facts.AlgoEnded(time_ns=1, algo_id=algo_id, state="DONE", filled_lots=3)]
        return [facts.AlgoControlled(time_ns=1, algo_id=algo_id, action="pause", body="{}")]

    def state(self) -> list[facts.Fact]:
        scope = self.chance.choice(("account:A2", "symbol:IF2502", "reference:bot"))
        return [facts.StateSet(time_ns=1, scope=scope, state=self.chance.choice(list(TradingState)), who="me", reason="")]

    def limit(self) -> list[facts.Fact]:
        scope = self.chance.choice(("global", "account:A1", "bot:b1", "symbol:IF2502"))
        limits = self.chance.choice(("{}", '{"order_size":{"max_lots":5}}', "not to be read"))
        return [facts.LimitsSet(time_ns=1, scope=scope, limits=limits, who="me", reason="")]

    def warn(self) -> list[facts.Fact]:
        account, symbol = self.chance.choice(ACCOUNTS), self.chance.choice(SYMBOLS)
        return [facts.RiskWarned(time_ns=1, account=account, symbol=symbol, code="C", what="cancels", value=1, limit=2)]

    def term(self) -> list[facts.Fact]:
        self.epoch += 1
        return [facts.TermBegan(time_ns=1, epoch=self.epoch, holder="om")]

    def roll(self) -> list[facts.Fact]:
        if self.chance.random() < 0.7:
            return []
        self.venue.settle(self.day + 1)
        self.day += 1
        last = self.venue.reports[-1]
        assert isinstance(last, DayReport)
        self.venue.reports[-1] = msgspec.structs.replace(last, settlement_prices={"IF2501": "3901.2", "IF2502": "3899"})
        told = self.venue.reports[self.told :]
        self.told = len(self.venue.reports)
        return [self._applied(report) for report in told]

    def ticks(self) -> list[Tick]:
        return [a_tick(symbol, PRICE + self.chance.randint(-5, 5), self.now_ns) for symbol in SYMBOLS]


def a_tick(symbol: str, last: int, now_ns: int) -> Tick:
    return Tick(
        symbol=symbol,
        exchange=an_intent().exchange,
        time_ns=now_ns,
        trading_day=0,
        last_ticks=last,
        volume_lots=1,
        turnover=Decimal(0),
        open_interest=0,
        open_ticks=0,
        high_ticks=0,
        low_ticks=0,
        upper_limit_ticks=0,
        lower_limit_ticks=0,
        pre_close_ticks=0,
        pre_settlement=Decimal(3900),
        bids=(Level(last - 1, 1),),
        asks=(Level(last + 1, 1),),
        phase=SessionPhase.CONTINUOUS,
    )


def state_of(desk: OrderDesk) -> dict[str, Any]:
    """All a desk knows, in the order in which it knows it where that may tell."""
    register = {name: value for name, value in vars(desk.register).items() if name != "_folds"}
    for name in ("first_seen", "ended_algos"):
        register[name] = {day: list(things) for day, things in register[name].days()}
    for name in ("orders", "working", "in_doubt"):
        register[name] = list(register[name].items())
    return {**register, "exposure": desk.exposure, "limits": desk.limits.settings, "audit": desk.audit}


def digest(desk: OrderDesk) -> str:
    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return sorted(([plain(key), plain(item)] for key, item in value.items()), key=repr)
        if isinstance(value, set | frozenset):
            return sorted((plain(item) for item in value), key=repr)
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return plain(msgspec.structs.asdict(value)) if isinstance(value, msgspec.Struct) else str(value)

    return sha256(repr(plain(state_of(desk))).encode()).hexdigest()


def copy_of(desk: OrderDesk) -> OrderDesk:
    builder = DeskBuilder(desk.limits.configured)
    sealed = unseal(seal(list(take(desk)), 7))
    assert sealed.mark == 7
    for piece in sealed.pieces:
        builder.put(piece)
    return builder.desk


def assert_same(left: OrderDesk, right: OrderDesk) -> None:
    assert state_of(left) == state_of(right)
    assert digest(left) == digest(right)


def assert_same_decisions(story: Story, left: OrderDesk, right: OrderDesk) -> None:
    for number in range(30):
        intent = story.intent(client_order_id=f"new-{number}-{story.now_ns}")
        story.now_ns += S // 50
        assert left.decide(intent, story.now_ns, 9) == right.decide(intent, story.now_ns, 9)
    for intent in story.intents:
        assert answer(left, intent) == answer(right, intent)
        assert answer(left, msgspec.structs.replace(intent, volume_lots=77)) == answer(
            right, msgspec.structs.replace(intent, volume_lots=77)
        )
    for report in story.venue.reports:
        assert left.is_new(report) == right.is_new(report)


def answer(desk: OrderDesk, intent: OrderIntent) -> object:
    try:
        return desk.known(intent)
    except DuplicateId:
        return "DUPLICATE"


def fold(desks: tuple[OrderDesk, ...], told: list[facts.Fact]) -> None:
    for fact in told:
        record = msgspec.json.encode(fact)
        for desk in desks:
            desk.apply(msgspec.json.decode(record, type=facts.Fact), replayed=True)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), before=st.integers(0, 150), after=st.integers(0, 150))
def test_folding_on_from_a_snapshot_is_folding_it_all(seed: int, before: int, after: int) -> None:
    story, whole = Story(seed), OrderDesk(RULES)
    fold((whole,), story.opening() + story.tell(before))
    restored = copy_of(whole)
    assert_same(whole, restored)
    fold((whole, restored), story.tell(after))
    assert_same(whole, restored)
    for tick in story.ticks():
        whole.exposure.on_tick(tick)
        restored.exposure.on_tick(tick)
    assert_same_decisions(story, whole, restored)
    assert_same(whole, restored)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), before=st.integers(0, 80), after=st.integers(0, 80))
def test_a_desk_that_heard_the_market_is_itself_again_once_it_hears_it(seed: int, before: int, after: int) -> None:
    """Prices are not kept, but what they did to each account's profit is; the first tick tells the rest."""
    story, whole = Story(seed), OrderDesk(RULES)
    fold((whole,), story.opening())
    for _ in range(before // 10):
        fold((whole,), story.tell(10))
        for tick in story.ticks():
            whole.exposure.on_tick(tick)
        review_cancel("A1", whole.exposure, RULES, story.now_ns)
    restored = copy_of(whole)
    assert all(market.last_ticks == 0 and market.phase is SessionPhase.CLOSED for market in restored.exposure.markets.values())
    for tick in story.ticks():
        whole.exposure.on_tick(tick)
        restored.exposure.on_tick(tick)
    assert_same_decisions(story, whole, restored)
    assert review_cancel("A1", whole.exposure, RULES, 5) == review_cancel("A1", restored.exposure, RULES, 5)
    fold((whole, restored), story.tell(after))
    assert_same(whole, restored)


def test_the_stories_reach_everything_a_desk_knows() -> None:
    """Otherwise the other tests would prove little."""
    empty: set[str] = set(state_of(OrderDesk(RULES)))
    for seed in range(40):
        story, desk = Story(seed), OrderDesk(RULES)
        fold((desk,), story.opening() + story.tell(150))
        empty -= {name for name, value in state_of(desk).items() if value}
    assert empty == set()
