"""Other backtesters on the same quotes and orders, from the dependency group ``bench``.

Each function takes the number of quotes and how often an order is sent, and returns seconds of processor time; what is prepared
before the run, and analysed after it, is not counted. Raises ImportError without the package.
"""

from collections.abc import Callable
from functools import cache
from time import thread_time
from typing import Any

_PRICE, _STEP, _STEP_NS, _BEGIN_NS = 4500.0, 0.2, 250_000_000, 1_000_000_000
_AWAY = 10.0


def hftbacktest(events: int, every: int) -> float:
    """Hftbacktest (Rust, its strategy compiled by numba): replays a feed and fills own orders only; no risk review, no margin."""
    from hftbacktest import BacktestAsset, HashMapMarketDepthBacktest  # noqa: PLC0415 - optional

    asset = (
        BacktestAsset()
        .data(_feed(events))
        .linear_asset(1.0)
        .constant_order_latency(0, 0)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(_STEP)
        .lot_size(1.0)
    )
    strategy = _strategy()
    backtest = HashMapMarketDepthBacktest([asset])
    start = thread_time()
    sent = strategy(backtest, every)
    seconds = thread_time() - start
    backtest.close()
    # It ends before it has seen the last quotes; nobody's figure changes by two in thousands.
    if every <= events and abs(sent - events // every) > 1 + events // 1000:
        raise AssertionError("the peer did not trade as meant")
    return seconds


@cache
def _feed(events: int) -> Any:  # noqa: ANN401 - a numpy record array of the peer's own type
    import numpy as np  # noqa: PLC0415 - only here
    from hftbacktest import BUY_EVENT, DEPTH_EVENT, EXCH_EVENT, LOCAL_EVENT, SELL_EVENT  # noqa: PLC0415 - optional
    from hftbacktest.types import event_dtype  # noqa: PLC0415 - optional

    rows = np.zeros(2 * events, dtype=event_dtype)
    number = np.arange(events)
    middle = _PRICE + number % 7 * _STEP
    for start, side, away in ((0, BUY_EVENT, -_STEP), (1, SELL_EVENT, _STEP)):
        rows["ev"][start::2] = DEPTH_EVENT | EXCH_EVENT | LOCAL_EVENT | side
        rows["exch_ts"][start::2] = rows["local_ts"][start::2] = _BEGIN_NS + number * _STEP_NS
        rows["px"][start::2] = middle + away
        rows["qty"][start::2] = 10
    return rows


@cache
def _strategy() -> Callable[[Any, int], int]:
    """The strategy, compiled: by a first run on few quotes, as every process has to."""
    from hftbacktest import GTC, LIMIT, BacktestAsset, HashMapMarketDepthBacktest  # noqa: PLC0415 - optional
    from numba import njit  # noqa: PLC0415 - optional

    @njit
    def quote(backtest: Any, every: int) -> int:  # noqa: ANN401 - the peer's own
        seen = sent = 0
        while backtest.elapse(_STEP_NS) == 0:
            seen += 1
            if seen % every == 0:
                if sent:
                    backtest.cancel(0, sent, False)
                sent += 1
                backtest.submit_buy_order(0, sent, backtest.depth(0).best_bid - _AWAY, 1.0, GTC, LIMIT, False)
                backtest.clear_inactive_orders(0)
        return sent

    asset = BacktestAsset().data(_feed(64)).linear_asset(1.0).constant_order_latency(0, 0).risk_adverse_queue_model()
    asset = asset.no_partial_fill_exchange().trading_value_fee_model(0.0, 0.0).tick_size(_STEP).lot_size(1.0)
    warm = HashMapMarketDepthBacktest([asset])
    quote(warm, 4)
    warm.close()
    compiled: Callable[[Any, int], int] = quote
    return compiled


def nautilus_trader(events: int, every: int) -> float:
    """nautilus_trader: its strategy is Python over Cython; orders pass its risk engine, its accounts and its matching."""
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig  # noqa: PLC0415 - optional
    from nautilus_trader.config import LoggingConfig  # noqa: PLC0415 - optional
    from nautilus_trader.model.currencies import USD  # noqa: PLC0415 - optional
    from nautilus_trader.model.data import QuoteTick  # noqa: PLC0415 - optional
    from nautilus_trader.model.enums import AccountType, OmsType  # noqa: PLC0415 - optional
    from nautilus_trader.model.objects import Money, Price, Quantity  # noqa: PLC0415 - optional
    from nautilus_trader.test_kit.providers import TestInstrumentProvider  # noqa: PLC0415 - optional

    contract = TestInstrumentProvider.es_future(2024, 12)
    engine = BacktestEngine(BacktestEngineConfig(run_analysis=False, logging=LoggingConfig(bypass_logging=True)))
    money = [Money(100_000_000, USD)]
    engine.add_venue(
        contract.id.venue, oms_type=OmsType.NETTING, account_type=AccountType.MARGIN, base_currency=USD, starting_balances=money
    )
    engine.add_instrument(contract)
    size = Quantity.from_int(10)
    quotes = []
    for number in range(events):
        bid, at = _PRICE + number % 7 * 0.25, _BEGIN_NS + number * _STEP_NS
        quotes.append(QuoteTick(contract.id, Price(bid, 2), Price(bid + 0.25, 2), size, size, at, at))
    engine.add_data(quotes)
    strategy = _nautilus_strategy()(contract.id, every)
    engine.add_strategy(strategy)
    start = thread_time()
    engine.run()
    seconds = thread_time() - start
    engine.dispose()
    if strategy.sent != events // every:
        raise AssertionError("the peer did not trade as meant")
    return seconds


@cache
def _nautilus_strategy() -> Any:  # noqa: ANN401 - a class of the peer's own
    from nautilus_trader.model.enums import OrderSide  # noqa: PLC0415 - optional
    from nautilus_trader.model.objects import Price, Quantity  # noqa: PLC0415 - optional
    from nautilus_trader.trading.strategy import Strategy  # noqa: PLC0415 - optional

    class Quoter(Strategy):  # type: ignore[misc]  # the peer has no types
        """Withdraws and places anew with every ``every``-th quote."""

        def __init__(self, contract: Any, every: int) -> None:  # noqa: ANN401 - the peer's own
            super().__init__()
            self.contract, self.every, self.seen, self.sent = contract, every, 0, 0
            self.own: Any = None

        def on_start(self) -> None:
            self.subscribe_quote_ticks(self.contract)

        def on_quote_tick(self, tick: Any) -> None:  # noqa: ANN401 - the peer's own
            self.seen += 1
            if self.seen % self.every == 0:
                if self.own is not None and self.own.is_open:
                    self.cancel_order(self.own)
                price = Price(float(tick.bid_price) - _AWAY, 2)
                self.own = self.order_factory.limit(self.contract, OrderSide.BUY, Quantity.from_int(1), price)
                self.submit_order(self.own)
                self.sent += 1

    return Quoter


PEERS: dict[str, tuple[str, Callable[[int, int], float]]] = {
    "nautilus_trader": ("nautilus_trader", nautilus_trader),
    "hftbacktest": ("hftbacktest", hftbacktest),
}
