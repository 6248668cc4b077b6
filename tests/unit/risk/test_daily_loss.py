"""An account that lost too much today."""

from collections.abc import Callable
from decimal import Decimal

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.report import DayReport
from tradepit.trading.model.terms import Offset, Side, TradingState
from tradepit.trading.model.tick import Tick
from tradepit.trading.risk.daily_loss import DailyLoss
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.review import Approved, review
from tradepit.trading.risk.rules import default_rules


def test_the_tighter_limit_counts(exposure: Exposure) -> None:
    book = exposure.books["a"]
    assert DailyLoss().limit(book) == Decimal(500_000)
    assert DailyLoss(max_loss=Decimal(1000)).limit(book) == Decimal(1000)
    book.opening_equity = Decimal(0)
    assert DailyLoss().breached(book)


def test_a_breach_asks_for_reducing_which_stays_until_a_person_resets_it(
    exposure: Exposure,
    make_intent: Callable[..., OrderIntent],
    make_tick: Callable[..., Tick],
    hold: Callable[..., None],
    now: int,
) -> None:
    rules = default_rules()
    hold(exposure, volume_lots=10)
    exposure.on_tick(make_tick(time_ns=now + 1, last_ticks=25_000 - 833))
    assert isinstance(review(make_intent(client_order_id="n", price_ticks=24_500), exposure, rules, now + 1), Approved)
    exposure.on_tick(make_tick(time_ns=now + 2, last_ticks=25_000 - 834))
    verdict = review(make_intent(client_order_id="n", price_ticks=24_500), exposure, rules, now + 2)
    assert isinstance(verdict, Refused)
    assert (verdict.code, verdict.limit, verdict.value) == ("LOSS_CAP", "500000.00", "500400.0")
    assert verdict.escalate is TradingState.REDUCING
    exposure.set_state("account:a", verdict.escalate)
    exposure.on_tick(make_tick(time_ns=now + 3, last_ticks=26_000))
    exposure.roll_day(
        DayReport(sequence=1, time_ns=now, trading_day=20250103, settled_day=20250102, settlement_prices={"IF2501": "5200"})
    )
    exposure.on_tick(make_tick(time_ns=now + 4, trading_day=20250103, last_ticks=26_000))
    still = review(make_intent(client_order_id="n"), exposure, rules, now + 4)
    assert isinstance(still, Refused)
    assert still.code == "TRADING_STATE_REDUCING"
    closing = make_intent(client_order_id="c", side=Side.SELL, offset=Offset.CLOSE, volume_lots=10, price_ticks=26_000)
    assert isinstance(review(closing, exposure, rules, now + 4), Approved)
    exposure.set_state("account:a", TradingState.ACTIVE)
    assert isinstance(review(make_intent(client_order_id="n"), exposure, rules, now + 4), Approved)
