"""``tradepit bench risk``: how long the review of one order takes, with every rule on, none refusing, and limits set for each scope."""

import gc
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from time import perf_counter_ns, process_time_ns

import msgspec

from tradepit.cli.bench.figures import Spread, spread
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Offset, OrderType, SessionPhase, Side
from tradepit.trading.model.trade import Trade
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.limits import LimitBook, Setting
from tradepit.trading.risk.review import Approved, review
from tradepit.trading.risk.rules import load_rules

_CONTRACTS = ("IF2501", "IC2501", "rb2505", "au2506", "m2505", "cu2503", "MA505", "IH2501", "i2505", "SR505")
_DAY = 20250106
_NOW = 1_736_128_800_000_000_000
_MANY = 1_000_000_000
_RULES = {
    "freshness": {"instant_required": True},
    "permission": {"symbols": list(_CONTRACTS), "bots": {"b": ["a"]}},
    "margin": {"max_risk_ratio": "0.9", "max_leverage": "10"},
    "rate": {"orders_per_s": _MANY, "order_burst": _MANY, "max_day_orders": _MANY, "max_bot_day_orders": _MANY,
             "bot_orders_per_s": _MANY, "bot_order_burst": _MANY},
    "abnormal_trading": {"enforce": True, "max_opened_lots": dict.fromkeys(_CONTRACTS, _MANY)},
    "circuit": {"max_errors": 50, "max_tick_age_ms": 60_000},
    "working_cap": {"max_per_symbol": 1_000, "max_per_account": 1_000},
}  # fmt: skip
_SCOPED: dict[str, dict[str, dict[str, object]]] = {
    "account:a": {"order_size": {"max_lots": 50}, "position_limit": {"max_long": 400, "max_short": 400}},
    "bot:b": {"order_size": {"max_lots": 40}, "rate": {"bot_order_burst": _MANY}},
    "symbol:IF2501": {"order_size": {"max_lots": 30}, "collar": {"max_away": "0.02"}},
}


class RiskFigures(msgspec.Struct, frozen=True, kw_only=True):
    """``one_pass``: each review timed alone by the wall clock, what other programs took of the machine included; ``best_of_passes``:
    for each review the quickest of all passes. ``processor_us`` is processor time a review, over all of them.
    """

    rules: int
    contracts_held: int
    working_orders: int
    one_pass: Spread
    best_of_passes: Spread
    processor_us: float


def measure(*, reviews: int = 5_000, passes: int = 5) -> RiskFigures:
    """Review ``reviews`` orders of a bot in one contract, ``passes`` times over. An account that holds ten contracts sends them."""
    exposure, book = _exposure(), LimitBook(load_rules(_RULES))
    for scope, limits in _SCOPED.items():
        book.put(scope, Setting(limits=book.changed(scope, limits), who="bench", reason="", time_ns=0))
    intents = [_intent(number, "IF2501", exposure) for number in range(reviews)]
    gc.collect()
    gc.freeze()
    processor_ns = process_time_ns()
    timed = [_timed(intents, exposure, book) for _ in range(passes)]
    processor_ns = process_time_ns() - processor_ns
    return RiskFigures(
        rules=len(book.rules_for(intents[0])),
        contracts_held=len(exposure.books["a"].holdings),
        working_orders=exposure.books["a"].working_orders,
        one_pass=spread([taken / 1_000 for taken in timed[-1]], "us"),
        best_of_passes=spread([min(each) / 1_000 for each in zip(*timed, strict=True)], "us"),
        processor_us=round(processor_ns / (reviews * passes) / 1_000, 2),
    )


def _timed(intents: Sequence[OrderIntent], exposure: Exposure, book: LimitBook) -> list[int]:
    taken = []
    for intent in intents:
        start = perf_counter_ns()
        verdict = review(intent, exposure, book.rules_for(intent), _NOW)
        taken.append(perf_counter_ns() - start)
        if not isinstance(verdict, Approved):
            raise TypeError(f"the benchmark's order was refused: {verdict}")
    return taken


def _exposure() -> Exposure:
    """An account with lots and two working orders in each of ten contracts."""
    catalog, exposure = load_catalog(), Exposure(trading_day=_DAY)
    exposure.open_account("a", Decimal(1_000_000_000))
    for symbol in _CONTRACTS:
        instrument = catalog.instrument(symbol, on=date(2025, 1, 6), listing_price=Decimal(4000))
        exposure.list_instrument(instrument, Decimal(4000))
        market = exposure.markets[symbol]
        market.last_ticks = instrument.to_ticks(Decimal(4000))
        market.seen_ns, market.phase = _NOW, SessionPhase.CONTINUOUS
        exposure.on_fill(_trade(_intent(0, symbol, exposure)))
        for number in range(2):
            exposure.on_accepted(_intent(-1 - number, symbol, exposure))
    return exposure


def _intent(number: int, symbol: str, exposure: Exposure) -> OrderIntent:
    market = exposure.markets[symbol]
    return OrderIntent(
        client_order_id=f"o{number}-{symbol}",
        account="a",
        symbol=symbol,
        exchange=market.instrument.product.exchange,
        side=Side.BUY,
        offset=Offset.OPEN,
        order_type=OrderType.LIMIT,
        price_ticks=market.last_ticks,
        volume_lots=2,
        created_ns=_NOW,
        bot="b",
        sequence=max(0, number),
        expires_ns=_NOW + 1,
    )


def _trade(intent: OrderIntent) -> Trade:
    return Trade(
        trade_id=f"t-{intent.symbol}",
        order_id="",
        client_order_id=intent.client_order_id,
        account=intent.account,
        symbol=intent.symbol,
        exchange=intent.exchange,
        side=intent.side,
        offset=intent.offset,
        price_ticks=intent.price_ticks,
        volume_lots=intent.volume_lots,
        time_ns=_NOW,
        trading_day=_DAY,
    )
