"""``tradepit bench backtest``: a backtest that sends an order with every fourth event, beside two other backtesters in the same run.

Each contestant sees as many quotes of one contract and, with every fourth, withdraws its order and places another well below the
market. Told is processor time per order, the market's own events included, and per event of a run without orders.
"""

import gc
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from importlib.util import find_spec
from time import thread_time
from typing import Any

from tradepit.bots.backtest.engine import Backtest
from tradepit.bots.backtest.recording import Recording
from tradepit.bots.backtest.settings import BacktestSettings
from tradepit.bots.bot import BotBase
from tradepit.bots.intents import Sent
from tradepit.bots.market import Market
from tradepit.cli.bench import match_feedback, workload
from tradepit.cli.bench.backtest_peers import PEERS
from tradepit.cli.bench.contest import Contestant, Figures, ratio, summary, take_turns
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.calendar.local_time import local_ns
from tradepit.trading.model.tick import Level, Tick

EVERY = 4
NEVER = 1 << 60
_DAY = date(2025, 1, 6)
_SYMBOL, _TICKS, _STEP_NS = "IF2501", 22_500, 250_000_000
_OURS, _FUSED = "BotBase", "fused into the kernel"


class Quoter(BotBase):
    """An order at ten points below the bid with every ``every``-th tick, the former one withdrawn."""

    def on_start(self) -> None:
        """Nothing seen, nothing sent."""
        self.seen = 0
        self.own: Sent | None = None

    def on_tick(self, market: Market) -> None:
        """Withdraw and place anew, when it is time."""
        self.seen += 1
        if self.seen % self.config["every"] == 0:
            if self.own is not None:
                self.ctx.cancel(self.own)
            self.own = self.ctx.buy(market.symbol, 1, market.round(market.bid, -50))


def run(*, repeats: int = 3, events: int = 8_000) -> Figures:
    """Measure all that are installed, in turns."""
    orders = events // EVERY
    runs: dict[str, Callable[[int], float]] = {_OURS: lambda every: _ours(recording(events), every)}
    for name, (package, peer) in PEERS.items():
        if find_spec(package) is not None:
            runs[name] = lambda every, peer=peer: peer(events, every)  # type: ignore[misc]  # bound now
    contestants: dict[str, Contestant] = {}
    for name, once in runs.items():
        contestants[name] = lambda once=once: once(EVERY)  # type: ignore[misc]  # bound now
        contestants[f"{name}, no orders"] = lambda once=once: once(NEVER)  # type: ignore[misc]  # bound now
    if find_spec("numba"):
        contestants[_FUSED] = _fused(events)
    gc.collect()
    seconds = take_turns(contestants, repeats)
    report: Figures = {"events": events, "orders": orders}
    for name in runs:
        report[name] = summary(seconds[name], orders)
        report[name]["event_without_orders_ns"] = summary(seconds[f"{name}, no orders"], events)["median_ns"]
    if _FUSED in seconds:
        report[_FUSED] = summary(seconds[_FUSED], orders)
    report["orders_a_second"] = {name: round(1e9 / report[name]["median_ns"]) for name in [*runs, *_there(seconds)]}
    for other in PEERS:
        if other in seconds:
            over = {name: ratio(seconds[other], seconds[name]) for name in (_OURS, *_there(seconds))}
            report[f"order rate over {other}"] = over
        else:
            report[f"order rate over {other}"] = "not installed (dependency group bench)"
    return report


def recording(events: int) -> Recording:
    """Quotes of one contract, four a second, a lot traded with each."""
    catalog = load_catalog()
    day = catalog.calendar.days("cn_day").zone
    start_ns = local_ns(_DAY, "10:00", day)
    instrument = catalog.instrument(_SYMBOL, on=_DAY, listing_price=Decimal(4500))
    ticks, turnover = [], Decimal(0)
    for number in range(events):
        middle = _TICKS + number % 7
        turnover += instrument.notional(middle, 1)
        ticks.append(_tick(instrument.product.exchange, start_ns + number * _STEP_NS, middle, number + 1, turnover))
    return Recording(ticks=ticks, instruments={_SYMBOL: instrument}, rows=events, refused=[])


def _tick(exchange: Any, time_ns: int, middle: int, lots: int, turnover: Decimal) -> Tick:  # noqa: ANN401 - the product's own
    return Tick(
        symbol=_SYMBOL,
        exchange=exchange,
        time_ns=time_ns,
        trading_day=20250106,
        last_ticks=middle,
        volume_lots=lots,
        turnover=turnover,
        open_interest=0,
        open_ticks=0,
        high_ticks=0,
        low_ticks=0,
        upper_limit_ticks=0,
        lower_limit_ticks=0,
        pre_close_ticks=0,
        pre_settlement=Decimal(4500),
        bids=(Level(middle - 1, 10),),
        asks=(Level(middle + 1, 10),),
    )


def _ours(ticks: Recording, every: int) -> float:
    backtest = Backtest(Quoter, {"every": every}, ticks, BacktestSettings(), load_catalog())
    start = thread_time()
    result = backtest.run()
    seconds = thread_time() - start
    if result.statistics.cancelled != len(ticks.ticks) // every or not result.sound:
        raise AssertionError("the bot did not trade as meant")
    return seconds


def _fused(events: int) -> Contestant:
    flat = workload.generate(1, events, 300, 7)
    stream = memoryview(flat).cast("B").cast("i", (events, 4))
    return match_feedback.timed_replay(stream, events)


def _there(seconds: dict[str, list[float]]) -> list[str]:
    return [_FUSED] if _FUSED in seconds else []
