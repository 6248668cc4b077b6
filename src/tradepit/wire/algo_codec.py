"""Between algorithm orders as the world writes them and the terms algorithms know: seconds to ns, prices to ticks."""

from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from tradepit.trading.algos.params import BPS, MAX_ALGO_ID, SECOND_NS, AlgoParams, EndPolicy, Style, Windows
from tradepit.trading.algos.progress import Progress
from tradepit.trading.algos.status import AlgoStatus
from tradepit.trading.calendar.trading_calendar import TradingCalendar
from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.ids import check_id
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, SessionPhase
from tradepit.trading.model.trade import Trade
from tradepit.wire.simulator import AlgoOrder, OrderData, TradeData
from tradepit.wire.simulator_codec import decode, encode, from_iso, lots_of, side_of, to_iso

DEFAULT_DURATION_S = 60.0
DEFAULT_VWAP_SHARE = 0.1
MAX_SECONDS = 7 * 86_400.0
MAX_NUMBER = 2**63 - 1
_STATUSES = {
    "PENDING": OrderStatus.PENDING_NEW,
    "PARTIAL": OrderStatus.PARTIAL,
    "FILLED": OrderStatus.FILLED,
    "CANCELLED": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "UNKNOWN": OrderStatus.UNKNOWN,
}
Word = TypeVar("Word", bound=StrEnum)


class AlgoTask(AlgoOrder, frozen=True, kw_only=True):
    """Body of ``orders.algo.twap|vwap``: an accepted order with everything a worker needs, so that any worker can take it over.

    ``start_ns`` (UTC ns) is when it was accepted: its clock does not start again with another worker. ``windows`` are the
    continuous trading periods (UTC ns) of its trading day.
    """

    instrument: Instrument
    start_ns: int
    windows: Windows


class AlgoProgress(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``algo.progress.{algo_id}``: published at each change and at least once a second while a worker runs it.

    Prices and slippage are in quoted units, None when not known; positive slippage is a cost against the arrival price.
    ``epoch`` is the worker's claim: a higher one is newer. ``final`` is True once nothing more will be sent.
    """

    algo_id: str
    algo: str
    symbol: str
    account: str
    direction: str
    worker: str
    epoch: int
    status: AlgoStatus
    reason: str
    final: bool
    volume: int
    filled: int
    working: int
    slices_done: int
    slices_planned: int
    children: int
    average_price: Decimal | None
    arrival_price: Decimal | None
    market_vwap: Decimal | None
    slippage: Decimal | None
    datetime: str


class AlgoStanding(msgspec.Struct, frozen=True, kw_only=True):
    """Reply to ``algo_order`` with any action but start, children, and status of all.

    ``filled`` and ``working`` are order management's own count over the children. ``body`` is the JSON of the ``AlgoTask``,
    ``controls`` that of every control recorded, oldest first. ``ended`` is True once the end is on record: ``status`` is final.
    """

    success: bool = True
    algo_id: str
    account: str
    status: str
    ended: bool
    volume: int
    filled: int
    working: int
    children: int
    body: str
    controls: tuple[str, ...]
    progress: AlgoProgress | None = None


class AlgoChildren(msgspec.Struct, frozen=True, kw_only=True):
    """Reply to ``algo_order`` with the action children: one page of its orders, and how many there are in all."""

    success: bool = True
    orders: tuple[OrderData, ...]
    total: int


def control_topic(algo_id: str) -> str:
    """Where what people do to a running algorithm is told."""
    return f"algo.control.{algo_id}"


def progress_topic(algo_id: str) -> str:
    """Where an algorithm's worker tells how it is doing."""
    return f"algo.progress.{algo_id}"


def check_algo_id(algo_id: str) -> str:
    """``algo_id`` itself. Raises IdNotValid, BadRequest (too long to be a prefix of its children's ids)."""
    check_id(algo_id, "algo_id")
    if len(algo_id) > MAX_ALGO_ID:
        raise BadRequest("algo_id is too long to be a prefix of its children's ids", field="algo_id", limit=MAX_ALGO_ID)
    return algo_id


def normal_order(order: AlgoOrder, *, algo_id: str, account: str, exchange: str) -> AlgoOrder:
    """A start request with its defaults filled in, so that two requests for the same compare equal."""
    algo = order.algo.upper()
    follows = algo == "VWAP" and not order.curve and not order.participation
    return replace(
        order,
        algo=algo,
        algo_id=algo_id,
        account=order.account or account,
        exchange=order.exchange or exchange,
        duration=DEFAULT_DURATION_S if order.duration is None else order.duration,
        participation=DEFAULT_VWAP_SHARE if follows else order.participation,
        action="start",
        page=0,
        epoch=0,
    )


def order_of(task: AlgoTask) -> AlgoOrder:
    """The normal request a task was made from."""
    return AlgoOrder(**{name: getattr(task, name) for name in AlgoOrder.__struct_fields__})


def make_task(order: AlgoOrder, instrument: Instrument, windows: Windows, start_ns: int) -> AlgoTask:
    """What is journaled and published for a normal request. Raises BadRequest when the exchange is not the contract's."""
    if order.exchange != instrument.product.exchange.value:
        raise BadRequest("the contract is not listed on that exchange", exchange=order.exchange[:16])
    fields = {name: getattr(order, name) for name in AlgoOrder.__struct_fields__}
    return AlgoTask(**fields, instrument=instrument, start_ns=start_ns, windows=windows)


def write_task(task: AlgoTask) -> bytes:
    """JSON of a task."""
    return encode(task)


def read_task(payload: bytes) -> AlgoTask:
    """A task from its JSON. Raises BadRequest, PayloadTooLarge, IdNotValid."""
    task = decode(payload, AlgoTask)
    check_algo_id(task.algo_id)
    return task


def trading_windows(calendar: TradingCalendar, instrument: Instrument, now_ns: int) -> Windows:
    """The continuous trading periods of the trading day ``now_ns`` belongs to. Raises CalendarUnknown."""
    group = instrument.product.session_group
    phases = calendar.phases(calendar.trading_day_of(now_ns, group), group)
    return tuple((each.start_ns, each.end_ns) for each in phases if each.phase is SessionPhase.CONTINUOUS)


def read_params(task: AlgoTask) -> AlgoParams:
    """The algorithm's own terms. Raises BadRequest and its kin; what only an algorithm can judge is left to its ``start``."""
    instrument, product = task.instrument, task.instrument.product
    offset = _choice(Offset, task.offset, "offset")
    return AlgoParams(
        algo=task.algo,
        algo_id=check_algo_id(task.algo_id),
        account=check_id(task.account, "account"),
        symbol=instrument.symbol,
        exchange=product.exchange,
        side=side_of(task.direction),
        offset=offset,
        total_lots=lots_of(task.volume),
        start_ns=task.start_ns,
        windows=task.windows,
        duration_ns=seconds_ns(task.duration or 0.0, "duration"),
        interval_ns=seconds_ns(task.interval, "interval"),
        limit_price_ticks=limit_ticks(task.price, instrument) or 0,
        style=_choice(Style, task.style, "style"),
        passive_ns=seconds_ns(task.passive, "passive", least=0.0),
        immediate=OrderType.FAK in product.order_types,
        participation_bps=_share(task.participation, "participation"),
        randomise_bps=_share(task.randomise, "randomise"),
        jitter_bps=_share(task.jitter, "jitter"),
        seed=_number(task.seed, "seed"),
        min_lots=product.min_close_lots if offset.closes else product.min_open_lots,
        max_lots=product.max_limit_lots,
        end_policy=_choice(EndPolicy, task.end_policy, "end_policy"),
        curve=tuple(_number(level, "curve") for level in task.curve),
    )


def limit_ticks(price: Decimal | None, instrument: Instrument) -> int | None:
    """The hard limit in ticks, None when not given. Raises PriceNotValid, PriceWrongTick."""
    return None if price is None else instrument.to_ticks(price)


def seconds_ns(seconds: float, field: str, *, least: float = 0.001) -> int:
    """Nanoseconds of a waiting time. Raises BadRequest outside ``least`` .. one week."""
    if not least <= seconds <= MAX_SECONDS:
        raise BadRequest("a time in seconds is out of range", field=field, least=least, most=MAX_SECONDS)
    return round(seconds * SECOND_NS)


def child_order(data: OrderData, instrument: Instrument) -> Order:
    """A child order as order management or the exchange tells of it. Raises BadRequest and its kin."""
    status = _STATUSES.get(data.status)
    if status is None:
        raise BadRequest("unknown order status", status=data.status[:32])
    instant = from_iso(data.datetime)
    intent = OrderIntent(
        client_order_id=data.client_order_id,
        account=data.account,
        symbol=data.symbol,
        exchange=_choice(Exchange, data.exchange, "exchange"),
        side=side_of(data.direction),
        offset=_choice(Offset, data.offset, "offset"),
        order_type=_choice(OrderType, data.type, "type"),
        price_ticks=instrument.to_ticks(data.price) if data.price else 0,
        volume_lots=data.volume,
        reference=data.reference,
    )
    return Order(
        intent=intent,
        status=status,
        order_id=data.orderid,
        traded_lots=data.traded,
        left_lots=0 if status.terminal else data.volume - data.traded,
        reason=data.reason,
        inserted_ns=instant,
        updated_ns=instant,
    )


def child_trade(data: TradeData, instrument: Instrument) -> Trade:
    """A fill of a child. Raises BadRequest and its kin."""
    if not data.trading_day.isdecimal():
        raise BadRequest("trading_day must be YYYYMMDD", trading_day=data.trading_day[:16])
    return Trade(
        trade_id=data.tradeid,
        order_id=data.orderid,
        client_order_id=data.client_order_id,
        account=data.account,
        symbol=data.symbol,
        exchange=_choice(Exchange, data.exchange, "exchange"),
        side=side_of(data.direction),
        offset=_choice(Offset, data.offset, "offset"),
        price_ticks=instrument.to_ticks(data.price),
        volume_lots=data.volume,
        time_ns=from_iso(data.datetime),
        trading_day=int(data.trading_day),
        fee=str(data.fee),
    )


def progress_data(progress: Progress, task: AlgoTask, *, worker: str, epoch: int, now_ns: int) -> AlgoProgress:
    """An algorithm's figures in the simulator's words."""
    tick = task.instrument.product.tick_size
    return AlgoProgress(
        algo_id=progress.algo_id,
        algo=task.algo,
        symbol=task.symbol,
        account=task.account,
        direction=task.direction,
        worker=worker,
        epoch=epoch,
        status=progress.status,
        reason=progress.reason,
        final=progress.status.over,
        volume=progress.total_lots,
        filled=progress.filled_lots,
        working=progress.working_lots,
        slices_done=progress.slices_done,
        slices_planned=progress.slices_planned,
        children=progress.children,
        average_price=_price(progress.average_ticks, tick),
        arrival_price=_price(progress.arrival_ticks, tick),
        market_vwap=_price(progress.market_vwap_ticks, tick),
        slippage=_price(progress.slippage_ticks, tick),
        datetime=to_iso(now_ns),
    )


def _price(ticks: Decimal | None, tick_size: Decimal) -> Decimal | None:
    return None if ticks is None else ticks * tick_size


def _share(share: float, field: str) -> int:
    if not 0 <= share <= 1:
        raise BadRequest("a share must be between 0 and 1", field=field)
    return round(share * BPS)


def _number(value: int, field: str) -> int:
    if not 0 <= value <= MAX_NUMBER:
        raise BadRequest("a number is out of range", field=field)
    return value


def _choice(kind: type[Word], word: str, field: str) -> Word:
    try:
        return kind(word)
    except ValueError as error:
        known = ", ".join(each.value for each in kind)
        raise BadRequest(f"{field} must be one of {known}", field=field, value=word[:32]) from error
