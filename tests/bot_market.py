"""Small recorded markets for backtests: quotes by the second, two contracts, two days."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from tests.bot_stage import SECOND, START_NS, instrument, tick

from tradepit.bots.backtest.engine import Backtest
from tradepit.bots.backtest.recording import Recording
from tradepit.bots.backtest.result import BacktestResult
from tradepit.bots.backtest.settings import BacktestSettings
from tradepit.bots.bot import BotBase
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.tick import Tick

NEXT_DAY_S = 86_400
_SETTLED = {"IF2501": Decimal(4500), "IF2503": Decimal(4500), "IH2501": Decimal(2600)}


def quoted(
    middles: Sequence[int], *, symbol: str = "IF2501", from_s: float = 0, step_s: float = 1, half: int = 1, lots: int = 5
) -> list[Tick]:
    """One tick for each middle (in ticks), ``half`` ticks to either side, and a lot traded at each."""
    found, turnover = [], Decimal(0)
    listed = instrument(symbol)
    for number, middle in enumerate(middles, 1):
        turnover += listed.notional(middle, 1)
        shown = tick(
            middle - half,
            middle + half,
            symbol=symbol,
            after_s=from_s + (number - 1) * step_s,
            last=middle,
            volume=number,
            lots=lots,
        )
        day = 20250106 + max(0, int((from_s + number * step_s) // NEXT_DAY_S))
        settled = _SETTLED[symbol] if day == 20250106 else Decimal(0)
        found.append(msgspec.structs.replace(shown, turnover=turnover, pre_settlement=settled, trading_day=day))
    return found


def recording(*streams: list[Tick]) -> Recording:
    ticks = sorted((one for stream in streams for one in stream), key=lambda one: one.time_ns)
    listed: dict[str, Instrument] = {one.symbol: instrument(one.symbol) for one in ticks}
    return Recording(ticks=ticks, instruments=listed, rows=len(ticks), refused=[])


def run(bot: type[BotBase], params: dict[str, Any], ticks: Recording, **settings: Any) -> BacktestResult:
    return Backtest(bot, params, ticks, BacktestSettings(**settings), load_catalog()).run()


def at(result: BacktestResult, number: int) -> float:
    """Seconds after the start at which the trade happened."""
    return (result.trades[number].time_ns - START_NS) / SECOND


def net(result: BacktestResult) -> list[int]:
    """The net position after each trade."""
    found, held = [], 0
    for trade in result.trades:
        held += trade.volume_lots if trade.side == "BUY" else -trade.volume_lots
        found.append(held)
    return found
