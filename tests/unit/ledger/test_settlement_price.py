from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest

from tradepit.trading.ledger.settlement_price import SettlementTape, vwap
from tradepit.trading.ledger.trading_hours import HOUR_NS
from tradepit.trading.model.product import Product, SettlementRule

MORNING, LUNCH, AFTERNOON, CLOSE = (HOUR_NS * half // 2 for half in (19, 23, 26, 30))
SESSIONS = ((MORNING, LUNCH), (AFTERNOON, CLOSE))
PREVIOUS = Decimal("3999.9")


@pytest.fixture
def index(product: Callable[..., Product]) -> Product:
    """An index future: 300 per point, settled on the last hour to one decimal."""
    return product(
        multiplier=300,
        tick_size=Decimal("0.2"),
        settlement_step=Decimal("0.1"),
        settlement_rule=SettlementRule.LAST_HOUR_VWAP,
    )


def tape(*trades: tuple[int, str, int], sessions: tuple[tuple[int, int], ...] = SESSIONS) -> SettlementTape:
    made = SettlementTape.of_day(sessions)
    for time_ns, price, lots in trades:
        made.add(time_ns, Decimal(price) * 300 * lots, lots)
    return made


def test_no_trade_keeps_the_previous_settlement(index: Product) -> None:
    assert tape().price(index, PREVIOUS) == PREVIOUS


def test_the_last_hour_alone_counts(index: Product) -> None:
    trades = tape((MORNING, "3000", 50), (CLOSE - HOUR_NS - 1, "3500", 9), (CLOSE - HOUR_NS, "4000", 1), (CLOSE - 1, "4001", 2))
    assert trades.price(index, PREVIOUS) == Decimal("4000.7")


@pytest.mark.parametrize(
    ("time_ns", "hours_back"),
    [
        (MORNING - 1, 3),
        (MORNING, 3),
        (MORNING + HOUR_NS - 1, 3),
        (MORNING + HOUR_NS, 2),
        (LUNCH - 1, 2),
        (LUNCH, 2),
        (AFTERNOON - 1, 2),
        (AFTERNOON, 1),
        (CLOSE - HOUR_NS - 1, 1),
        (CLOSE - HOUR_NS, 0),
        (CLOSE, 0),
        (CLOSE + HOUR_NS, 0),
    ],
)
def test_hours_are_trading_hours_back_from_the_close(time_ns: int, hours_back: int) -> None:
    assert [index for index, lots in enumerate(tape((time_ns, "1", 1)).lots) if lots] == [hours_back]


def test_without_trades_in_the_last_hour_an_earlier_one_is_taken(index: Product) -> None:
    trades = tape((MORNING, "3000", 5), (MORNING + HOUR_NS, "3100", 5), (LUNCH - 1, "3200", 5))
    assert trades.price(index, PREVIOUS) == 3150


def test_a_last_trade_within_an_hour_of_the_open_takes_the_whole_day(index: Product) -> None:
    # A day of 3.5 trading hours: the first half hour is an hour bucket of its own, the next one reaches back to 9:30 + 30 min.
    sessions = ((MORNING, LUNCH), (AFTERNOON, AFTERNOON + HOUR_NS * 3 // 2))
    trades = tape((MORNING, "3000", 1), (MORNING + HOUR_NS - 1, "3100", 1), sessions=sessions)
    assert [lots for lots in trades.lots if lots] == [1, 1]
    assert trades.price(index, PREVIOUS) == 3050
    trades.add(MORNING + HOUR_NS, Decimal(3200) * 300, 1)
    assert trades.price(index, PREVIOUS) == 3150, "from one hour on, the hour alone"


def test_commodities_take_the_whole_day(product: Callable[..., Product]) -> None:
    corn = product(multiplier=300, settlement_step=Decimal(1))
    assert tape((MORNING, "3000", 1), (CLOSE - 1, "3001", 1)).price(corn, PREVIOUS) == 3001, "half a step goes up"
    assert tape((MORNING, "3000", 2), (CLOSE - 1, "3001", 1)).price(corn, PREVIOUS) == 3000


def test_averages_are_rounded_half_up_exactly(index: Product) -> None:
    assert vwap(Decimal("4000.05") * 300, 1, index) == Decimal("4000.1")
    assert vwap(Decimal("4000.0499999999999999999") * 300, 1, index) == Decimal("4000.0")
    assert vwap(Decimal(4000) * 300 + Decimal(4001) * 600, 3, index) == Decimal("4000.7")


def test_a_tape_without_sessions_is_one_bucket(index: Product) -> None:
    assert tape((5, "4000", 1), (9, "4002", 1), sessions=()).price(index, PREVIOUS) == 4001


def test_a_tape_is_its_own_snapshot() -> None:
    trades = tape((MORNING, "3000", 50), (CLOSE - 1, "4001", 2))
    twin = msgspec.msgpack.decode(msgspec.msgpack.encode(trades), type=SettlementTape)
    assert twin == trades
    for each in (twin, trades):
        each.add(CLOSE - 1, Decimal(7), 1)
    assert twin == trades
