"""Algorithm orders between the wire and the algorithms' own terms."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradepit.trading.algos.params import SECOND_NS, EndPolicy, Style
from tradepit.trading.algos.progress import progress
from tradepit.trading.algos.state import on_order, start
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.model.errors import BadRequest, RequestRefused, TradepitError
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, Side
from tradepit.trading.model.trade import Trade
from tradepit.wire.algo_codec import (
    AlgoTask,
    child_order,
    child_trade,
    make_task,
    normal_order,
    order_of,
    progress_data,
    read_params,
    read_task,
    trading_windows,
    write_task,
)
from tradepit.wire.simulator import AlgoOrder
from tradepit.wire.simulator_codec import decode, order_data, trade_data

TEN = 1_736_128_800_000_000_000  # 2025-01-06 10:00 in China
HOUR = 3600 * SECOND_NS
IF = load_catalog().instrument("IF2501", on=date(2025, 1, 6), listing_price=Decimal(3900))
WINDOWS = trading_windows(load_calendar(), IF, TEN)


def task_of(**fields: object) -> AlgoTask:
    asked = msgspec.structs.replace(AlgoOrder(symbol="IF2501", volume=100), **fields)
    return make_task(normal_order(asked, algo_id="a1", account="A1", exchange="CFFEX"), IF, WINDOWS, TEN)


def test_windows_are_the_continuous_trading_of_the_day() -> None:
    morning, afternoon = WINDOWS
    assert morning == (TEN - HOUR // 2, TEN + 3 * HOUR // 2)
    assert afternoon == (TEN + 3 * HOUR, TEN + 5 * HOUR)


def test_the_evening_belongs_to_the_next_trading_day() -> None:
    windows = trading_windows(load_calendar(), IF, TEN + 9 * HOUR)
    assert windows[0][0] == WINDOWS[0][0] + 24 * HOUR


def test_an_order_becomes_params() -> None:
    task = task_of(
        algo="vwap",
        direction="SHORT",
        offset="CLOSE",
        price=Decimal("3900.2"),
        duration=90.5,
        interval=5,
        style="passive",
        passive=1.5,
        participation=0.25,
        curve=(1, 2, 5),
        randomise=0.2,
        jitter=0.1,
        seed=7,
        end_policy="COMPLETE_AGGRESSIVE",
    )
    params = read_params(task)
    assert (params.algo, params.algo_id, params.account) == ("VWAP", "a1", "A1")
    assert (params.symbol, params.exchange, params.side, params.offset) == ("IF2501", Exchange.CFFEX, Side.SELL, Offset.CLOSE)
    assert (params.total_lots, params.limit_price_ticks) == (100, 19_501)
    assert (params.start_ns, params.duration_ns, params.interval_ns) == (TEN, 90_500_000_000, 5 * SECOND_NS)
    assert (params.style, params.passive_ns, params.end_policy) == (
        Style.PASSIVE,
        1_500_000_000,
        EndPolicy.COMPLETE_AGGRESSIVE,
    )
    assert (params.participation_bps, params.randomise_bps, params.jitter_bps) == (2500, 2000, 1000)
    assert (params.curve, params.seed, params.max_lots, params.windows) == ((1, 2, 5), 7, IF.product.max_limit_lots, WINDOWS)
    assert start(params).slices == 18


def test_defaults() -> None:
    params = read_params(task_of())
    assert (params.algo, params.side, params.offset, params.style) == ("TWAP", Side.BUY, Offset.OPEN, Style.AGGRESSIVE)
    assert (params.duration_ns, params.interval_ns, params.limit_price_ticks) == (60 * SECOND_NS, 3 * SECOND_NS, 0)
    assert params.participation_bps == params.randomise_bps == params.jitter_bps == 0
    assert read_params(task_of(algo="VWAP")).participation_bps == 1000
    assert read_params(task_of(algo="VWAP", curve=(1,))).participation_bps == 0


def test_a_task_survives_its_json_exactly() -> None:
    task = task_of(price=Decimal("3900.2"), volume=10.0, participation=0.1)
    again = read_task(write_task(task))
    assert again == task
    assert again.instrument == IF
    assert str(again.price) == "3900.2"
    assert order_of(again) == normal_order(
        AlgoOrder(symbol="IF2501", volume=10, price=Decimal("3900.20"), participation=0.1),
        algo_id="a1",
        account="A1",
        exchange="CFFEX",
    )


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"volume": 0}, "VOLUME_NOT_VALID"),
        ({"volume": -3}, "VOLUME_NOT_VALID"),
        ({"volume": 1.5}, "VOLUME_NOT_VALID"),
        ({"volume": 10**30}, "VOLUME_NOT_VALID"),
        ({"price": Decimal("3900.1")}, "PRICE_WRONG_TICK"),
        ({"price": Decimal(0)}, "PRICE_NOT_VALID"),
        ({"price": Decimal("NaN")}, "PRICE_NOT_VALID"),
        ({"price": Decimal("1e999999")}, "PRICE_NOT_VALID"),
        ({"direction": "BUY"}, "INVALID_REQUEST"),
        ({"offset": "SIDEWAYS"}, "INVALID_REQUEST"),
        ({"style": "loud"}, "INVALID_REQUEST"),
        ({"end_policy": "NEVER"}, "INVALID_REQUEST"),
        ({"algo": "POV"}, "INVALID_REQUEST"),
        ({"algo": ""}, "INVALID_REQUEST"),
        ({"exchange": "SHFE"}, "INVALID_REQUEST"),
        ({"duration": 0.0}, "INVALID_REQUEST"),
        ({"duration": -1.0}, "INVALID_REQUEST"),
        ({"duration": 1e300}, "INVALID_REQUEST"),
        ({"duration": float("nan")}, "INVALID_REQUEST"),
        ({"interval": 1.0}, "INVALID_REQUEST"),
        ({"passive": -1.0}, "INVALID_REQUEST"),
        ({"participation": 1.01}, "INVALID_REQUEST"),
        ({"randomise": -0.1}, "INVALID_REQUEST"),
        ({"jitter": float("inf")}, "INVALID_REQUEST"),
        ({"seed": -1}, "INVALID_REQUEST"),
        ({"seed": 10**5000}, "INVALID_REQUEST"),
        ({"curve": (3, 2)}, "INVALID_REQUEST"),
        ({"curve": (0,)}, "INVALID_REQUEST"),
        ({"curve": (-1, 2)}, "INVALID_REQUEST"),
        ({"account": "a b"}, "ID_NOT_VALID"),
    ],
)
def test_what_cannot_be_run_is_refused_with_its_code(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(RequestRefused) as refusal:
        start(read_params(task_of(**fields)))
    assert refusal.value.reason_code == code


@pytest.mark.parametrize("algo_id", ["", "a.b", "x" * 49, "ä"])
def test_a_task_needs_an_id_that_can_be_a_prefix(algo_id: str) -> None:
    asked = normal_order(AlgoOrder(symbol="IF2501", volume=1), algo_id=algo_id, account="A1", exchange="CFFEX")
    with pytest.raises(BadRequest):
        read_task(write_task(make_task(asked, IF, WINDOWS, TEN)))


def test_after_the_close_nothing_can_be_run() -> None:
    late = make_task(order_of(task_of()), IF, WINDOWS, TEN + 6 * HOUR)
    with pytest.raises(BadRequest, match="No trading time"):
        start(read_params(late))


@settings(max_examples=200, deadline=None)
@given(payload=st.one_of(st.binary(max_size=200), st.text(max_size=100).map(str.encode)))
def test_any_bytes_are_read_or_refused(payload: bytes) -> None:
    with pytest.raises(TradepitError):
        read_task(payload)


_WILD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.lists(st.integers(), max_size=4), st.decimals()
)


@settings(max_examples=300, deadline=None)
@given(fields=st.dictionaries(st.sampled_from(sorted(set(AlgoOrder.__struct_fields__) - {"algo_id"})), _WILD, max_size=5))
def test_any_request_becomes_params_or_a_coded_refusal(fields: dict[str, Any]) -> None:
    payload = json.dumps({"symbol": "IF2501", "volume": 5} | fields, default=str).encode()
    try:
        asked = normal_order(decode(payload, AlgoOrder), algo_id="a1", account="A1", exchange="CFFEX")
        params = read_params(make_task(asked, IF, WINDOWS, TEN))
        start(params)
    except RequestRefused as refusal:
        code = refusal.reason_code
    else:
        code = "" if params.total_lots >= 1 else "nothing to do"
    assert code in ("", "INVALID_REQUEST", "VOLUME_NOT_VALID", "PRICE_NOT_VALID", "PRICE_WRONG_TICK", "ID_NOT_VALID")


def child(status: OrderStatus = OrderStatus.OPEN, traded: int = 0) -> Order:
    intent = OrderIntent(
        client_order_id="a1-0-0",
        account="A1",
        symbol="IF2501",
        exchange=Exchange.CFFEX,
        side=Side.BUY,
        offset=Offset.OPEN,
        order_type=OrderType.FAK,
        price_ticks=19_501,
        volume_lots=5,
        reference="a1",
    )
    left = 0 if status.terminal else 5 - traded
    return Order(intent=intent, status=status, order_id="7", traded_lots=traded, left_lots=left, inserted_ns=TEN, updated_ns=TEN)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (OrderStatus.SENDING, OrderStatus.PENDING_NEW),
        (OrderStatus.OPEN, OrderStatus.PENDING_NEW),
        (OrderStatus.RISK_REJECTED, OrderStatus.REJECTED),
        *((same, same) for same in (OrderStatus.UNKNOWN, OrderStatus.PARTIAL, OrderStatus.CANCELLED, OrderStatus.EXPIRED)),
    ],
)
def test_a_child_is_read_back_as_far_as_the_wire_tells(status: OrderStatus, told: OrderStatus) -> None:
    order = child(status, traded=2)
    again = child_order(order_data(order, IF, seq=1, trading_day=20250106), IF)
    assert again.intent == order.intent
    assert (again.status, again.traded_lots, again.left_lots) == (told, 2, order.left_lots)
    assert (again.order_id, again.updated_ns) == ("7", TEN)


def test_a_trade_is_read_back_exactly() -> None:
    trade = Trade(
        trade_id="t1",
        order_id="7",
        client_order_id="a1-0-0",
        account="A1",
        symbol="IF2501",
        exchange=Exchange.CFFEX,
        side=Side.SELL,
        offset=Offset.CLOSE,
        price_ticks=19_500,
        volume_lots=2,
        time_ns=TEN,
        trading_day=20250106,
        fee="1.25",
    )
    assert child_trade(trade_data(trade, IF, seq=3), IF) == trade


def test_progress_is_told_in_quoted_prices() -> None:
    task = task_of()
    state = start(read_params(task))
    on_order(state, child(OrderStatus.FILLED, traded=5))
    told = progress_data(progress(state), task, worker="w1", epoch=4, now_ns=TEN)
    assert (told.algo_id, told.worker, told.epoch, told.filled, told.volume) == ("a1", "w1", 4, 5, 100)
    assert told.datetime == "2025-01-06T10:00:00.000000+08:00"
    assert not told.final
    assert told.average_price is None
