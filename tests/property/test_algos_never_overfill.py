"""Algorithms in a hostile world: whatever is lost, late, repeated, refused or killed, never is more than the total traded."""

from collections.abc import Sequence
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tradepit.trading.algos.actions import CancelChild, Finished, SendChild
from tradepit.trading.algos.control import amend, cancel, pause, resume
from tradepit.trading.algos.params import SECOND_NS, AlgoParams, EndPolicy, Style
from tradepit.trading.algos.recover import recover
from tradepit.trading.algos.state import AlgoState, on_order, on_refused, on_trade, start
from tradepit.trading.algos.step import step
from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, Side
from tradepit.trading.model.tick import Level, Tick
from tradepit.trading.model.trade import Trade

T0 = 1_700_000_000 * SECOND_NS
OFTEN = {"time": 3, "tick": 5, "deliver": 5, "fill": 4, "end": 2, "report": 6, "trade": 5}
RARELY = ("lose", "door", "old_report", "kill", "control")
OPS = (*(name for name, times in OFTEN.items() for _ in range(times)), *RARELY)


def make_tick(now_ns: int, bid: int, ask: int, volume: int) -> Tick:
    return Tick(
        symbol="IF2501",
        exchange=Exchange.CFFEX,
        time_ns=now_ns,
        trading_day=20250102,
        last_ticks=ask or bid,
        volume_lots=volume,
        turnover=Decimal(0),
        open_interest=0,
        open_ticks=0,
        high_ticks=0,
        low_ticks=0,
        upper_limit_ticks=2000,
        lower_limit_ticks=1,
        pre_close_ticks=0,
        pre_settlement=Decimal(1000),
        bids=(Level(bid, 5),) if bid else (),
        asks=(Level(ask, 5),) if ask else (),
    )


class World:
    """Order management and exchange as the algorithm's orders meet them: one order per id, messages late, lost or repeated."""

    def __init__(self, params: AlgoParams) -> None:
        self.params = params
        self.limits = {params.limit_price_ticks}
        self.state: AlgoState = start(params)
        self.now = T0
        self.orders: dict[str, Order] = {}
        self.sends: list[SendChild] = []
        self.cancels: list[str] = []
        self.reports: list[Order] = []
        self.old_reports: list[Order] = []
        self.trades: list[Trade] = []
        self.trade_count = 0
        self.volume = 0
        self.finished = False
        self.told_filled = -1

    def run(self, ops: Sequence[tuple[str, int]]) -> None:
        for name, value in ops:
            getattr(self, f"do_{name}")(value)
            self.advance()
            self.check()

    def advance(self, tick: Tick | None = None) -> None:
        for action in step(self.state, self.now, tick):
            if isinstance(action, SendChild):
                self.sends.append(action)
            elif isinstance(action, CancelChild):
                self.cancels.append(action.client_order_id)
            else:
                self.finish(action)

    def finish(self, action: Finished) -> None:
        self.finished = True
        self.told_filled = action.filled_lots

    def traded(self) -> int:
        return sum(order.traded_lots for order in self.orders.values())

    def check(self) -> None:
        open_lots = sum(order.left_lots for order in self.orders.values())
        assert self.traded() + open_lots <= self.params.total_lots
        assert self.state.filled + self.state.working_lots <= self.params.total_lots
        assert self.state.filled <= self.traded()
        for order in self.orders.values():
            assert order.intent.volume_lots > 0
            price, buys = order.intent.price_ticks, order.intent.side is Side.BUY
            inside = [not limit or (price <= limit if buys else price >= limit) for limit in self.limits]
            assert any(inside), "a child outside every limit there ever was"

    def do_time(self, value: int) -> None:
        self.now += value * SECOND_NS // 20

    def do_tick(self, value: int) -> None:
        bid, ask = (995 + value % 9, 1000 + value % 7) if value % 5 else (0, 1001)
        self.volume += value
        self.advance(make_tick(self.now, bid, ask, self.volume))

    def do_deliver(self, value: int) -> None:
        if self.cancels and value % 2:
            self.end(self.orders.get(self.cancels.pop(0)), OrderStatus.CANCELLED)
        elif self.sends:
            send = self.sends.pop(value % len(self.sends))
            if send.client_order_id in self.orders:
                self.tell(self.orders[send.client_order_id])
                return
            status = OrderStatus.REJECTED if value % 7 == 0 else OrderStatus.OPEN
            left = 0 if status is OrderStatus.REJECTED else send.lots
            self.tell(Order(intent=send.intent(self.params), status=status, left_lots=left, inserted_ns=self.now))

    def do_lose(self, value: int) -> None:
        if self.sends:
            self.sends.pop(value % len(self.sends))

    def do_door(self, value: int) -> None:
        """The newest request is refused at the door, and certainly no older copy of it is under way."""
        if self.sends:
            send = self.sends[-1]
            if send.client_order_id not in self.orders:
                self.sends = [each for each in self.sends if each.client_order_id != send.client_order_id]
                on_refused(self.state, send.client_order_id, "RATE_LIMIT_EXCEEDED", self.now)

    def do_fill(self, value: int) -> None:
        working = [order for order in self.orders.values() if order.left_lots]
        if not working:
            return
        order = working[value % len(working)]
        lots = min(order.left_lots, 1 + value % 4)
        self.trade_count += 1
        intent = order.intent
        self.trades.append(
            Trade(
                trade_id=f"t{self.trade_count}",
                order_id="",
                client_order_id=intent.client_order_id,
                account=intent.account,
                symbol=intent.symbol,
                exchange=intent.exchange,
                side=intent.side,
                offset=intent.offset,
                price_ticks=intent.price_ticks,
                volume_lots=lots,
                time_ns=self.now,
                trading_day=20250102,
            )
        )
        left = order.left_lots - lots
        status = OrderStatus.PARTIAL if left else OrderStatus.FILLED
        self.tell(replace(order, traded_lots=order.traded_lots + lots, left_lots=left, status=status))

    def do_end(self, value: int) -> None:
        """Immediate orders end by themselves, others are cancelled by somebody else now and then."""
        for order in list(self.orders.values()):
            if order.left_lots and (order.intent.order_type is OrderType.FAK or value % 10 == 0):
                self.end(order, OrderStatus.CANCELLED)

    def end(self, order: Order | None, status: OrderStatus) -> None:
        if order is not None and order.left_lots:
            self.tell(replace(order, status=status, left_lots=0))

    def tell(self, order: Order) -> None:
        self.orders[order.client_order_id] = order
        self.reports.append(order)

    def do_report(self, value: int) -> None:
        if self.reports:
            order = self.reports.pop(value % len(self.reports) if value % 3 == 0 else 0)
            self.old_reports.append(order)
            on_order(self.state, order)

    def do_trade(self, value: int) -> None:
        if self.trades:
            trade = self.trades.pop(value % len(self.trades) if value % 3 == 0 else 0)
            on_trade(self.state, trade)
            if value % 4 == 0:
                on_trade(self.state, trade)

    def do_old_report(self, value: int) -> None:
        if self.old_reports:
            on_order(self.state, self.old_reports[value % len(self.old_reports)])

    def do_kill(self, value: int) -> None:
        """The worker dies. What it sent may still arrive; the next one knows only what order management has."""
        if value % 3 == 0:
            self.state = recover(self.params, list(self.orders.values()))
            self.reports, self.old_reports, self.cancels = [], [], []
            if value % 2:
                self.trades = []

    def do_control(self, value: int) -> None:
        if value % 5 == 0:
            pause(self.state)
        elif value % 5 < 3:
            resume(self.state)
        elif value == 23:
            cancel(self.state)
        elif value % 5 == 3:
            try:
                amend(self.state, limit_price_ticks=998 + value % 4)
            except BadRequest:
                return
            self.limits.add(998 + value % 4)

    def calm_down(self) -> None:
        """From here on everything arrives and the market is silent."""
        for _ in range(60):
            self.do_time(40)
            self.advance()
            while self.sends:
                self.do_deliver(2)
            while self.cancels:
                self.do_deliver(1)
            self.do_end(1)
            while self.reports:
                self.do_report(1)
            while self.trades:
                self.do_trade(1)
            self.check()


params_strategy = st.builds(
    lambda total, side, limit, style, end, vwap, participation, minimum, chance, slices: AlgoParams(
        algo="VWAP" if vwap else "TWAP",
        algo_id="algo-7",
        account="a",
        symbol="IF2501",
        exchange=Exchange.CFFEX,
        side=side,
        offset=Offset.OPEN,
        total_lots=max(total, minimum),
        start_ns=T0,
        windows=((T0, T0 + 20 * SECOND_NS), (T0 + 25 * SECOND_NS, T0 + 3600 * SECOND_NS)),
        duration_ns=slices * 3 * SECOND_NS,
        limit_price_ticks=limit,
        style=style,
        end_policy=end,
        participation_bps=participation or (2000 if vwap == 2 else 0),
        curve=(3, 4, 10) if vwap == 1 else (),
        min_lots=minimum,
        randomise_bps=chance,
        jitter_bps=chance,
    ),
    st.integers(1, 60),
    st.sampled_from(Side),
    st.sampled_from([0, 1000, 998, 1003]),
    st.sampled_from(Style),
    st.sampled_from(EndPolicy),
    st.integers(0, 2),
    st.sampled_from([0, 5000]),
    st.integers(1, 4),
    st.sampled_from([0, 2000, 10_000]),
    st.integers(1, 8),
)
ops_strategy = st.lists(st.tuples(st.sampled_from(OPS), st.integers(0, 30)), min_size=20, max_size=150)


@settings(max_examples=300, deadline=None)
@given(params=params_strategy, ops=ops_strategy)
def test_never_more_than_the_total_and_never_outside_the_limit(params: AlgoParams, ops: list[tuple[str, int]]) -> None:
    world = World(params)
    world.run(ops)
    resume(world.state)
    world.calm_down()
    assert world.state.status.over
    assert world.state.filled == world.traded() == world.told_filled
    assert not world.state.live


@settings(max_examples=100, deadline=None)
@given(params=params_strategy, ops=ops_strategy)
def test_the_same_events_give_the_same_children(params: AlgoParams, ops: list[tuple[str, int]]) -> None:
    worlds = [World(params), World(params)]
    for world in worlds:
        world.run(ops)
    assert worlds[0].state == worlds[1].state
    assert worlds[0].orders == worlds[1].orders


@settings(max_examples=100, deadline=None)
@given(params=params_strategy)
def test_a_silent_market_ends_cleanly_with_nothing_sent(params: AlgoParams) -> None:
    world = World(params)
    world.calm_down()
    assert world.finished
    assert world.traded() == 0
    assert not world.orders
