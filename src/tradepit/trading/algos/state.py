"""Everything a running algorithm knows: its children, what the market showed, and where it is in its plan."""

import msgspec

from tradepit.trading.algos.algorithms import schedule_of
from tradepit.trading.algos.child import Child, ChildId
from tradepit.trading.algos.params import AlgoParams, check_params
from tradepit.trading.algos.schedule import slice_count
from tradepit.trading.algos.status import AlgoStatus
from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import OrderStatus, OrderType, SessionPhase
from tradepit.trading.model.tick import Tick
from tradepit.trading.model.trade import Trade


class Quote(msgspec.Struct):
    """The last market snapshot. ``number`` counts snapshots, ``seen_ns`` is our instant of it; prices in ticks, 0 = none."""

    number: int = 0
    seen_ns: int = 0
    bid_ticks: int = 0
    ask_ticks: int = 0
    volume_lots: int = 0
    phase: SessionPhase = SessionPhase.CLOSED


class Plan(msgspec.Struct):
    """Where the algorithm is. ``goal`` is the filled volume to reach in time slice ``slice_no``; ``tries`` counts its children.

    ``volume_*`` are the market's cumulative volume: at the start, when the slice was entered, when the last child was sent.
    ``ended_ns`` is the instant at which the end was noticed, 0 before.
    """

    slice_no: int = -1
    goal: int = 0
    tries: int = 0
    passive_done: bool = False
    quote_used: int = 0
    retry_ns: int = 0
    rejects: int = 0
    volume_start: int = -1
    volume_slice: int = 0
    volume_child: int = 0
    base_lots: int = 0
    ended_ns: int = 0


class Tally(msgspec.Struct):
    """What was traded and what it is compared with, in ticks times lots; ``arrival_twice`` is bid plus ask when it began."""

    trade_ids: set[str] = set()
    lots: int = 0
    cost: int = 0
    arrival_twice: int = 0
    market_lots: int = 0
    market_cost: int = 0


class AlgoState(msgspec.Struct):
    """A running algorithm as plain data. ``live`` are the children not settled yet: one at most, or also what a predecessor left.

    ``wanted_total`` (0 = none) is a lower total that waits for the working child to be cancelled. ``ending`` and ``reason`` say
    how a STOPPING algorithm will end.
    """

    params: AlgoParams
    slices: int
    status: AlgoStatus = AlgoStatus.ACCEPTED
    ending: AlgoStatus = AlgoStatus.FINISHED
    reason: str = ""
    reported: bool = False
    children: dict[str, Child] = {}
    live: list[str] = []
    next_id: ChildId = ChildId(0, 0)
    filled: int = 0
    wanted_total: int = 0
    quote: Quote = msgspec.field(default_factory=Quote)
    plan: Plan = msgspec.field(default_factory=Plan)
    tally: Tally = msgspec.field(default_factory=Tally)

    @property
    def working_lots(self) -> int:
        """Lots of children that may still trade."""
        return sum(self.children[client_order_id].open_lots for client_order_id in self.live)

    @property
    def left_lots(self) -> int:
        """Lots not traded yet."""
        return max(0, self.params.total_lots - self.filled)

    def add(self, child: Child) -> None:
        """Know a child; the next id follows from the newest one."""
        self.children[child.client_order_id] = child
        self.live.append(child.client_order_id)


def start(params: AlgoParams) -> AlgoState:
    """A new algorithm. Raises BadRequest and its kin when it cannot be run as asked."""
    check_params(params)
    schedule_of(params).check(params)
    return AlgoState(params=params, slices=slice_count(params))


def see(state: AlgoState, tick: Tick, now_ns: int) -> None:
    """Take in a snapshot of the algorithm's instrument; others are ignored."""
    if tick.symbol != state.params.symbol:
        return
    quote, tally = state.quote, state.tally
    fresh = tick.volume_lots - quote.volume_lots
    if quote.number and fresh > 0 and state.status is not AlgoStatus.ACCEPTED:
        tally.market_lots += fresh
        tally.market_cost += fresh * tick.last_ticks
    state.quote = Quote(
        number=quote.number + 1,
        seen_ns=now_ns,
        bid_ticks=tick.bids[0].price_ticks if tick.bids else 0,
        ask_ticks=tick.asks[0].price_ticks if tick.asks else 0,
        volume_lots=max(quote.volume_lots, tick.volume_lots),
        phase=tick.phase,
    )


def on_order(state: AlgoState, order: Order) -> None:
    """The state of a child; orders of others are ignored, repeated and old news changes nothing.

    A child nobody here knows was sent by a predecessor: it counts like any other.
    """
    child = _child(state, order.client_order_id, order.intent.account)
    if child is None:
        return
    before = child.filled
    child.take_over(order)
    _count(state, child.filled - before)
    if order.reason and child.refused:
        state.reason = order.reason


def on_trade(state: AlgoState, trade: Trade) -> None:
    """A fill of a child. Repeated ones (same trade id) change nothing; fills after a cancel count."""
    child = _child(state, trade.client_order_id, trade.account)
    key = f"{trade.trading_day}/{trade.trade_id}/{trade.side}"
    if child is None or key in state.tally.trade_ids:
        return
    state.tally.trade_ids.add(key)
    state.tally.lots += trade.volume_lots
    state.tally.cost += trade.volume_lots * trade.price_ticks
    before = child.filled
    child.trade_lots += trade.volume_lots
    _count(state, child.filled - before)


def on_refused(state: AlgoState, client_order_id: str, code: str, now_ns: int) -> None:
    """The child was refused at the door and certainly not recorded: its id is free for the next try."""
    child = state.children.get(client_order_id)
    if child is None or child.acknowledged:
        return
    del state.children[client_order_id]
    state.live.remove(client_order_id)
    state.next_id = child.child_id
    state.plan.rejects += 1
    state.plan.retry_ns = now_ns + state.params.retry_ns
    state.reason = code


def _count(state: AlgoState, lots: int) -> None:
    state.filled += lots
    state.reported = state.reported and lots == 0


def _child(state: AlgoState, client_order_id: str, account: str) -> Child | None:
    if account != state.params.account:
        return None
    child = state.children.get(client_order_id)
    if child is not None:
        return child
    child_id = ChildId.parse(client_order_id, state.params.algo_id)
    if child_id is None:
        return None
    child = Child(
        child_id=child_id,
        client_order_id=client_order_id,
        lots=max(0, state.left_lots - state.working_lots),
        price_ticks=0,
        order_type=OrderType.LIMIT,
        sent_ns=0,
        asked_ns=0,
        status=OrderStatus.PENDING_NEW,
        trades_told=False,
    )
    state.add(child)
    return child
