"""Random play at the venue: money and lots are conserved, replay and restart change nothing, the market's rules hold."""

from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.matching.commands import (
    AdvanceTime,
    ApplyTick,
    CancelOrder,
    Command,
    ListInstrument,
    OpenAccount,
    ReduceOrder,
    ResolveOrder,
    SubmitOrder,
    Transfer,
)
from tradepit.trading.matching.events import Event, StatementIssued
from tradepit.trading.matching.venue import Venue
from tradepit.trading.matching.venue_settings import VenueSettings
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, TradeReport
from tradepit.trading.model.terms import Offset, OrderStatus, OrderType, PriceRule, SelfTradePolicy, SessionPhase, Side
from tradepit.trading.model.tick import Level, Tick

ACCOUNTS = ("ann", "bob", "cy")
DEPOSIT = Decimal(5_000_000)
CHINA = ("IF2501", "rb2505", "m2505")
VIETNAM = ("VN30F2501", "VN30F2502", "VN30F2503")
REFERENCES = {symbol: Decimal(price) for symbol, price in zip(CHINA + VIETNAM, (3800, 3300, 2700, 1340, 1345, 1350), strict=True)}
CATALOG = load_catalog()
INSTRUMENTS = {
    symbol: CATALOG.instrument(symbol, on=date(2025, 1, 6), listing_price=price) for symbol, price in REFERENCES.items()
}
# China: before and in the night auction, at night, in the index auction, by day, at the close. Vietnam: ATO, by day, before ATC.
STARTS = (
    *((CHINA, f"2025-01-03 {time}") for time in ("20:50", "20:57", "21:30")),
    *((CHINA, f"2025-01-06 {time}") for time in ("09:26", "09:40", "14:59")),
    *((VIETNAM, f"2025-01-06 {time}") for time in ("09:50", "10:30", "15:29")),
)
SECOND = 10**9
WAKE = "wake"

Stamp = tuple[Command, int]
Step = tuple[str, int, int, int, int, int]
Founding = tuple[tuple[str, ...], str]

# One step: what, who, which contract, a price offset in ticks, lots, and one more choice.
steps = st.lists(
    st.tuples(
        st.sampled_from(("order",) * 10 + ("cancel", "reduce", "tick", "tick", "resolve", "transfer", "second", WAKE, WAKE)),
        st.integers(0, 2),
        st.integers(0, 2),
        st.integers(-6, 6),
        st.integers(1, 8),
        st.integers(0, 63),
    ),
    min_size=30,
    max_size=120,
)
choices = st.builds(
    VenueSettings,
    price_rule=st.sampled_from(PriceRule),
    self_trade=st.sampled_from(SelfTradePolicy),
    snapshot_ns=st.sampled_from((0, 500_000_000)),
    mtl_rest_ticks=st.sampled_from((0, 0, 1)),
)
TYPES = (OrderType.LIMIT,) * 4 + (OrderType.FAK, OrderType.FOK, OrderType.MARKET)
VIETNAMS_TYPES = (OrderType.LIMIT,) * 4 + (
    OrderType.MTL,
    OrderType.MTL,
    OrderType.MOK,
    OrderType.MAK,
    OrderType.ATO,
    OrderType.ATC,
)


class Player:
    """Turns steps into commands and applies them, looking at the venue as a client may."""

    def __init__(self, chosen: VenueSettings, founding: Founding) -> None:
        self.symbols, start = founding
        vietnam = self.symbols is VIETNAM
        self.types = VIETNAMS_TYPES if vietnam else TYPES
        self.first_prices: dict[tuple[str, str], int] = {}
        # HNX trades at the resting order's price; from a median one could not tell where the rest of an MTL order waits.
        hanoi = msgspec.structs.replace(chosen, session_group="hnx", price_rule=PriceRule.MAKER)
        self.settings = hanoi if vietnam else chosen
        self.offsets = (Offset.NET,) if vietnam else (Offset.OPEN, Offset.OPEN, Offset.CLOSE, Offset.CLOSETODAY)
        self.venue = Venue(self.settings, calendar=CATALOG.calendar)
        self.now_ns = int(datetime.fromisoformat(start).replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()) * SECOND
        self.done: list[Stamp] = []
        self.answers: list[list[Event]] = []
        self.orders = 0
        self.paid = Decimal(0)
        self.outside: dict[str, tuple[int, Decimal]] = {}
        for symbol in self.symbols:
            self.do(ListInstrument(instrument=INSTRUMENTS[symbol], reference=REFERENCES[symbol]))
        currency = INSTRUMENTS[self.symbols[0]].product.currency
        self.deposit = DEPOSIT * 100 if vietnam else DEPOSIT
        for account in ACCOUNTS:
            self.do(OpenAccount(account=account, deposit=self.deposit, currency=currency))

    def do(self, command: Command) -> list[Event]:
        events = list(self.venue.apply(command, self.now_ns))
        self.done.append((command, self.now_ns))
        self.answers.append(events)
        for report in trades_of(events):
            self.first_prices.setdefault((report.trade.account, report.trade.client_order_id), report.trade.price_ticks)
        return events

    def waits_at(self, intent: OrderIntent) -> int:
        """The price at which an order waits: ATO and ATC before every limit order, MTL where it first traded or a step beyond."""
        if intent.order_type.priced:
            return intent.price_ticks
        (low, high), buys = self.venue.band(intent.symbol), intent.side is Side.BUY
        if intent.order_type is not OrderType.MTL:
            return high + 1 if buys else low - 1
        step = self.settings.mtl_rest_ticks if buys else -self.settings.mtl_rest_ticks
        return min(max(self.first_prices[intent.account, intent.client_order_id] + step, low), high)

    def step(self, step: Step) -> list[Event]:
        """Time passes first and on its own, so that what the command does can be told apart."""
        kind, who, which, ticks, lots, more = step
        if kind == WAKE:
            self.now_ns = min(self.venue.next_wakeup_ns(), self.now_ns + 10**15)
        else:
            self.now_ns += SECOND // 5
        self.do(AdvanceTime())
        symbol, account = self.symbols[which], ACCOUNTS[who]
        if kind == "order":
            return self.do(SubmitOrder(intent=self.intent(account, symbol, ticks, lots, more)))
        if kind == "resolve":
            return self.do(ResolveOrder(intent=self.intent(account, symbol, ticks, lots, more)))
        if kind == "tick":
            return self.do(ApplyTick(tick=self.tick(symbol, ticks, lots, more)))
        if kind == "transfer":
            amount = Decimal(ticks * 100_000)
            before = self.venue.account(account).static_balance
            events = self.do(Transfer(transfer_id=f"t{len(self.done)}", account=account, amount=amount))
            self.paid += self.venue.account(account).static_balance - before
            return events
        name = f"o{more % (self.orders + 1)}"
        if kind == "cancel":
            return self.do(CancelOrder(account=account, client_order_id=name))
        if kind == "reduce":
            reduction = ReduceOrder(reduce_id=f"r{len(self.done)}", account=account, client_order_id=name, by_lots=lots)
            return self.do(reduction)
        return []

    def middle(self, symbol: str) -> int:
        return int(self.venue.reference(symbol) / INSTRUMENTS[symbol].product.tick_size)

    def intent(self, account: str, symbol: str, ticks: int, lots: int, more: int) -> OrderIntent:
        self.orders += 1
        order_type = self.types[more % len(self.types)]
        return OrderIntent(
            client_order_id=f"o{self.orders}",
            account=account,
            symbol=symbol,
            exchange=INSTRUMENTS[symbol].product.exchange,
            side=Side.BUY if more & 1 else Side.SELL,
            offset=self.offsets[(more >> 1) % len(self.offsets)],
            order_type=order_type,
            price_ticks=self.middle(symbol) + ticks if order_type.priced else 0,
            volume_lots=lots,
        )

    def tick(self, symbol: str, ticks: int, lots: int, more: int) -> Tick:
        instrument, middle = INSTRUMENTS[symbol], self.middle(symbol) + ticks
        volume, turnover = self.outside.get(f"{symbol}{self.venue.trading_day}", (0, Decimal(0)))
        if more & 4:
            volume, turnover = volume + lots, turnover + instrument.notional(middle, lots)
            self.outside[f"{symbol}{self.venue.trading_day}"] = volume, turnover
        return Tick(
            symbol=symbol,
            exchange=instrument.product.exchange,
            time_ns=self.now_ns,
            trading_day=self.venue.trading_day,
            last_ticks=middle if more & 4 else 0,
            volume_lots=volume,
            turnover=turnover,
            open_interest=0,
            open_ticks=0,
            high_ticks=0,
            low_ticks=0,
            upper_limit_ticks=0,
            lower_limit_ticks=0,
            pre_close_ticks=0,
            pre_settlement=Decimal(0),
            bids=tuple(Level(middle - 1 - n, lots + n) for n in range(more & 3)),
            asks=tuple(Level(middle + n, lots) for n in range((more >> 3) & 3)),
        )


def trades_of(events: list[Event]) -> list[TradeReport]:
    return [event for event in events if isinstance(event, TradeReport)]


def check_money(player: Player) -> None:
    """What accounts have, what they paid in fees and what the outside won is what was paid in, to the last digit."""
    fees = sum((Decimal(report.trade.fee) for events in player.answers for report in trades_of(events)), Decimal(0))
    accounts = [player.venue.account(account) for account in ACCOUNTS]
    total = sum((account.balance for account in accounts), Decimal(0)) + fees + player.venue.outside_value()
    assert total == player.deposit * len(ACCOUNTS) + player.paid
    working = any(order.active for account in ACCOUNTS for order in player.venue.orders(account))
    if not working:
        assert all(account.frozen_margin == account.frozen_fee == 0 for account in accounts)


def check_positions(player: Player) -> None:
    """Positions are the sum of trades, and with the outside's they sum to zero in every contract."""
    held: dict[tuple[str, str], int] = defaultdict(int)
    for report in (report for events in player.answers for report in trades_of(events)):
        trade = report.trade
        held[trade.account, trade.symbol] += trade.volume_lots if trade.side is Side.BUY else -trade.volume_lots
    net: dict[tuple[str, str], int] = defaultdict(int)
    for account in ACCOUNTS:
        for position in player.venue.positions(account):
            net[account, position.symbol] += position.lots if position.side is Side.BUY else -position.lots
            assert position.frozen_lots <= position.lots
    assert {key: lots for key, lots in net.items() if lots} == {key: lots for key, lots in held.items() if lots}
    for symbol in player.symbols:
        assert sum(net[account, symbol] for account in ACCOUNTS) + player.venue.outside_lots(symbol) == 0


def check_books(player: Player) -> None:
    """No book is crossed in continuous trading, and what is shown is at least what the accounts' orders have left."""
    for symbol in player.symbols:
        if player.venue.phase(symbol) is not SessionPhase.CONTINUOUS:
            continue
        bids, asks = player.venue.depth(symbol, 100)
        low, high = player.venue.band(symbol)
        assert all(low <= level.price_ticks <= high for level in (*bids, *asks))
        if bids and asks:
            assert bids[0].price_ticks < asks[0].price_ticks
        shown = {(Side.BUY, level.price_ticks): level.lots for level in bids}
        shown |= {(Side.SELL, level.price_ticks): level.lots for level in asks}
        wanted: dict[tuple[Side, int], int] = defaultdict(int)
        for order in (order for account in ACCOUNTS for order in player.venue.orders(account, active_only=True)):
            if order.intent.symbol == symbol:
                wanted[order.intent.side, player.waits_at(order.intent)] += order.left_lots
        assert all(shown[key] >= lots for key, lots in wanted.items())


class Queue:
    """A naive book of the accounts' orders, made of reports alone: who must trade first?"""

    def __init__(self) -> None:
        self.waiting: dict[tuple[str, str], Order] = {}

    def follow(self, player: Player, events: list[Event], taker: str) -> None:
        for event in events:
            if isinstance(event, TradeReport):
                self._check_trade(player, event, taker)
            elif isinstance(event, OrderReport):
                self._note(event.order)

    def _note(self, order: Order) -> None:
        key = (order.intent.account, order.client_order_id)
        if order.active:
            # Replacing a value keeps its place: the dictionary is in the order of arrival.
            self.waiting[key] = order
        else:
            self.waiting.pop(key, None)

    def _check_trade(self, player: Player, report: TradeReport, taker: str) -> None:
        trade = report.trade
        low, high = player.venue.band(trade.symbol) if report.trading_day == player.venue.trading_day else (0, 2**31)
        assert low <= trade.price_ticks <= high
        if trade.client_order_id == taker:
            return
        sign = -1 if trade.side is Side.BUY else 1
        rivals = [
            order
            for key, order in self.waiting.items()
            if order.intent.symbol == trade.symbol and order.intent.side is trade.side and key[1] != taker
        ]
        first = min(rivals, key=lambda order: sign * player.waits_at(order.intent))
        assert (first.intent.account, first.client_order_id) == (trade.account, trade.client_order_id)


def check_reports(player: Player) -> None:
    """Reports are numbered without gaps; an order's traded volume is the sum of its trades; nothing follows an order's end."""
    reports = [event for events in player.answers for event in events if isinstance(event, OrderReport | TradeReport | DayReport)]
    assert [report.sequence for report in reports] == list(range(1, len(reports) + 1))
    traded: dict[tuple[str, str], int] = defaultdict(int)
    ended: set[tuple[str, str]] = set()
    for report in reports:
        if isinstance(report, TradeReport):
            key = (report.trade.account, report.trade.client_order_id)
            assert key not in ended
            traded[key] += report.trade.volume_lots
        elif isinstance(report, OrderReport):
            order = report.order
            key = (order.intent.account, order.client_order_id)
            assert key not in ended
            assert order.traded_lots == traded[key]
            assert (order.left_lots > 0) == order.active
            if order.status.terminal:
                ended.add(key)
            if order.status is OrderStatus.REJECTED:
                assert order.reason


# A failing play is long: shrinking it would take minutes, and its steps say enough.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
PLAY = settings(
    max_examples=100, deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@PLAY
@given(chosen=choices, start=st.sampled_from(STARTS), play=steps)
def test_money_lots_books_and_priorities_hold_at_every_step(chosen: VenueSettings, start: Founding, play: list[Step]) -> None:
    player, queue = Player(chosen, start), Queue()
    for step in play:
        before = len(player.answers)
        events = player.step(step)
        taker = player.done[-1][0].intent.client_order_id if isinstance(player.done[-1][0], SubmitOrder) else ""
        passed = player.answers[before]
        for event in passed:
            if isinstance(event, OrderReport):
                queue._note(event.order)
        if events:
            queue.follow(player, events, taker)
        check_books(player)
    check_money(player)
    check_positions(player)
    check_reports(player)


@PLAY
@given(chosen=choices, start=st.sampled_from(STARTS), play=steps, data=st.data())
def test_replay_and_restart_give_the_same_bytes(
    chosen: VenueSettings, start: Founding, play: list[Step], data: st.DataObject
) -> None:
    player = Player(chosen, start)
    for step in play:
        player.step(step)
    player.now_ns += 86_400 * SECOND
    player.do(AdvanceTime())
    told = [msgspec.json.encode(events) for events in player.answers]
    stop = data.draw(st.integers(0, len(player.done)), label="the snapshot is taken after so many commands")
    twin = Venue(player.settings, calendar=CATALOG.calendar)
    for number, (command, now_ns) in enumerate(player.done):
        if number == stop:
            digest = twin.digest()
            twin = Venue.restore(twin.snapshot(), calendar=CATALOG.calendar)
            assert twin.digest() == digest
        assert msgspec.json.encode(twin.apply(command, now_ns)) == told[number]
    assert twin.digest() == player.venue.digest()


@PLAY
@given(chosen=choices, start=st.sampled_from(STARTS), play=steps)
def test_saying_everything_twice_is_saying_it_once(chosen: VenueSettings, start: Founding, play: list[Step]) -> None:
    player = Player(chosen, start)
    for step in play:
        player.step(step)
    twin = Venue(player.settings, calendar=CATALOG.calendar)
    for command, now_ns in player.done:
        first = twin.apply(command, now_ns)
        if isinstance(command, ApplyTick):
            continue  # each tick displays its size anew
        again = twin.apply(command, now_ns)
        refused = [event for event in first if type(event).__name__ == "CommandRefused"]
        assert list(again) == refused, "a refusal is repeated, everything else happens once"
    assert twin.digest() == player.venue.digest()


@pytest.mark.parametrize("symbol", [*CHINA, *VIETNAM[:1]])
def test_the_play_reaches_what_it_is_meant_to_test(symbol: str) -> None:
    """A fixed play: trades happen, days settle, and statements agree with the accounts."""
    player = Player(VenueSettings(snapshot_ns=0), STARTS[0] if symbol in CHINA else STARTS[-1])
    which = player.symbols.index(symbol)
    for number in range(400):
        player.step(("order", number % 3, which, number * 7 % 5 - 2, number % 8 + 1, number * 11 % 64))
        if number % 25 == 0:
            player.step((WAKE, 0, 0, 0, 1, 0))
    flat = [event for events in player.answers for event in events]
    assert len(trades_of(flat)) > 20
    statements = [event.statement for event in flat if isinstance(event, StatementIssued)]
    days = [event for event in flat if isinstance(event, DayReport)]
    assert len(statements) == len(ACCOUNTS) * len(days) > 0
    check_money(player)
    check_positions(player)
    check_reports(player)
    instrument: Instrument = INSTRUMENTS[symbol]
    assert {position.exchange for position in player.venue.positions("ann")} <= {instrument.product.exchange}
