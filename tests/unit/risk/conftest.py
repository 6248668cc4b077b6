"""One exchange day for the rules to judge: IF2501 at 5000 (25000 ticks of 0.2), rb2505 with named close buckets, one account."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.product import CloseRule, FeeSchedule, Product, SettlementRule
from tradepit.trading.model.terms import Exchange, Offset, OrderType, SessionPhase, Side
from tradepit.trading.model.tick import Level, Tick
from tradepit.trading.model.trade import Trade
from tradepit.trading.risk.exposure import Exposure

NOW = 1_735_790_400_000_000_000


def _product(product_id: str, exchange: Exchange, multiplier: int, tick: str, rule: CloseRule, currency: str = "CNY") -> Product:
    return Product(
        product_id=product_id,
        exchange=exchange,
        name=product_id,
        multiplier=multiplier,
        tick_size=Decimal(tick),
        max_limit_lots=20,
        max_market_lots=10,
        limit_pct=Decimal("0.1"),
        margin_ratio=Decimal("0.12"),
        fees=FeeSchedule(),
        session_group="day",
        close_rule=rule,
        settlement_rule=SettlementRule.DAY_VWAP,
        settlement_step=Decimal(tick),
        order_types=frozenset(OrderType) if exchange is not Exchange.SHFE else frozenset({OrderType.LIMIT, OrderType.FAK}),
        currency=currency,
    )


IF = Instrument(
    symbol="IF2501",
    product=_product("IF", Exchange.CFFEX, 300, "0.2", CloseRule.FIFO_FEE_TODAY_FIRST),
    expiry=date(2025, 1, 17),
    listing_price=Decimal(5000),
)
RB = Instrument(
    symbol="rb2505",
    product=_product("rb", Exchange.SHFE, 10, "1", CloseRule.NAMED),
    expiry=date(2025, 5, 15),
    listing_price=Decimal(3300),
)
VN = Instrument(
    symbol="VN30F2501",
    product=_product("VN30F", Exchange.HNX, 100_000, "0.1", CloseRule.NET, "VND"),
    expiry=date(2025, 1, 16),
    listing_price=Decimal(1300),
)


@pytest.fixture
def now() -> int:
    return NOW


@pytest.fixture
def make_tick() -> Callable[..., Tick]:
    def make(**changes: object) -> Tick:
        fields: dict[str, object] = {
            "symbol": "IF2501",
            "exchange": Exchange.CFFEX,
            "time_ns": NOW,
            "trading_day": 20250102,
            "last_ticks": 25000,
            "volume_lots": 0,
            "turnover": Decimal(0),
            "open_interest": 0,
            "open_ticks": 0,
            "high_ticks": 0,
            "low_ticks": 0,
            "upper_limit_ticks": 27500,
            "lower_limit_ticks": 22500,
            "pre_close_ticks": 0,
            "pre_settlement": Decimal(5000),
            "bids": (Level(24999, 5),),
            "asks": (Level(25001, 5),),
            "phase": SessionPhase.CONTINUOUS,
        }
        return Tick(**(fields | changes))  # type: ignore[arg-type]  # a factory for tests takes any field

    return make


@pytest.fixture
def make_intent() -> Callable[..., OrderIntent]:
    def make(**changes: object) -> OrderIntent:
        fields: dict[str, object] = {
            "client_order_id": "o1",
            "account": "a",
            "symbol": "IF2501",
            "exchange": Exchange.CFFEX,
            "side": Side.BUY,
            "offset": Offset.OPEN,
            "order_type": OrderType.LIMIT,
            "price_ticks": 25000,
            "volume_lots": 1,
            "created_ns": NOW,
        }
        return OrderIntent(**(fields | changes))  # type: ignore[arg-type]  # a factory for tests takes any field

    return make


@pytest.fixture
def make_trade() -> Callable[..., Trade]:
    def make(intent: OrderIntent, lots: int, **changes: object) -> Trade:
        fields: dict[str, object] = {
            "trade_id": "t1",
            "order_id": "1",
            "client_order_id": intent.client_order_id,
            "account": intent.account,
            "symbol": intent.symbol,
            "exchange": intent.exchange,
            "side": intent.side,
            "offset": intent.offset,
            "price_ticks": intent.price_ticks,
            "volume_lots": lots,
            "time_ns": NOW,
            "trading_day": 20250102,
        }
        return Trade(**(fields | changes))  # type: ignore[arg-type]  # a factory for tests takes any field

    return make


@pytest.fixture
def exposure(make_tick: Callable[..., Tick]) -> Exposure:
    made = Exposure()
    for instrument in (IF, RB, VN):
        made.list_instrument(instrument, instrument.listing_price)
    made.open_account("a", Decimal(10_000_000))
    made.on_tick(make_tick())
    made.on_tick(
        make_tick(symbol="rb2505", exchange=Exchange.SHFE, last_ticks=3300, upper_limit_ticks=3630, lower_limit_ticks=2970)
    )
    made.on_tick(
        make_tick(symbol="VN30F2501", exchange=Exchange.HNX, last_ticks=13000, upper_limit_ticks=14300, lower_limit_ticks=11700)
    )
    return made


@pytest.fixture
def hold(make_intent: Callable[..., OrderIntent], make_trade: Callable[..., Trade]) -> Callable[..., None]:
    """Fill an order at once, so that the account holds its lots."""

    def fill(exposure: Exposure, **changes: object) -> None:
        intent = make_intent(client_order_id=f"h{len(str(changes))}-{changes.get('symbol', 'IF2501')}", **changes)
        exposure.on_accepted(intent)
        exposure.on_fill(make_trade(intent, intent.volume_lots))

    return fill
