"""An algorithm order of ten slices in an open market, and what its children's receiver may answer."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from tradepit.trading.algos.actions import SendChild
from tradepit.trading.algos.params import SECOND_NS, AlgoParams
from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, SessionPhase, Side
from tradepit.trading.model.tick import Level, Tick
from tradepit.trading.model.trade import Trade

T0 = 1_700_000_000 * SECOND_NS


@pytest.fixture
def t0() -> int:
    return T0


@pytest.fixture
def make_params() -> Callable[..., AlgoParams]:
    def make(**changes: object) -> AlgoParams:
        fields: dict[str, object] = {
            "algo": "TWAP",
            "algo_id": "algo-7",
            "account": "a",
            "symbol": "IF2501",
            "exchange": Exchange.CFFEX,
            "side": Side.BUY,
            "offset": Offset.OPEN,
            "total_lots": 100,
            "start_ns": T0,
            "windows": ((T0, T0 + 3600 * SECOND_NS),),
            "duration_ns": 100 * SECOND_NS,
            "interval_ns": 10 * SECOND_NS,
        }
        return AlgoParams(**(fields | changes))  # type: ignore[arg-type]  # a factory for tests takes any field

    return make


@pytest.fixture
def make_tick() -> Callable[..., Tick]:
    def make(now_ns: int = T0, bid: int = 999, ask: int = 1001, **changes: object) -> Tick:
        fields: dict[str, object] = {
            "symbol": "IF2501",
            "exchange": Exchange.CFFEX,
            "time_ns": now_ns,
            "trading_day": 20250102,
            "last_ticks": 1000,
            "volume_lots": 0,
            "turnover": Decimal(0),
            "open_interest": 0,
            "open_ticks": 0,
            "high_ticks": 0,
            "low_ticks": 0,
            "upper_limit_ticks": 2000,
            "lower_limit_ticks": 1,
            "pre_close_ticks": 0,
            "pre_settlement": Decimal(1000),
            "bids": (Level(bid, 5),) if bid else (),
            "asks": (Level(ask, 5),) if ask else (),
            "phase": SessionPhase.CONTINUOUS,
        }
        return Tick(**(fields | changes))  # type: ignore[arg-type]  # a factory for tests takes any field

    return make


@pytest.fixture
def make_order(make_params: Callable[..., AlgoParams]) -> Callable[..., Order]:
    def make(send: SendChild, status: OrderStatus, traded: int = 0, **changes: object) -> Order:
        left = 0 if status.terminal else send.lots - traded
        intent = send.intent(make_params(**changes))
        return Order(intent=intent, status=status, traded_lots=traded, left_lots=left, inserted_ns=send.created_ns)

    return make


@pytest.fixture
def make_trade(make_params: Callable[..., AlgoParams]) -> Callable[..., Trade]:
    def make(send: SendChild, lots: int, trade_id: str = "t1", price_ticks: int = 0, **changes: object) -> Trade:
        intent = send.intent(make_params(**changes))
        return Trade(
            trade_id=trade_id,
            order_id="1",
            client_order_id=intent.client_order_id,
            account=intent.account,
            symbol=intent.symbol,
            exchange=intent.exchange,
            side=intent.side,
            offset=intent.offset,
            price_ticks=price_ticks or intent.price_ticks,
            volume_lots=lots,
            time_ns=T0,
            trading_day=20250102,
        )

    return make
