"""The sample bots trade as they say they do."""

from math import sin
from pathlib import Path
from typing import Any

import pytest
from tests.bot_market import NEXT_DAY_S, net, quoted, recording, run
from tests.bot_stage import SECOND, START_NS

import tradepit.bots.samples
from tradepit.bots.bot import BotBase
from tradepit.bots.loading import load_bot
from tradepit.trading.model.terms import OrderStatus

FOLDER = Path(tradepit.bots.samples.__file__).parent


def _sample(name: str) -> type[BotBase]:
    return load_bot(str(FOLDER / f"{name}.py"))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_every_sample_is_loaded_by_its_path_and_names_its_parameters(path: Path) -> None:
    bot = load_bot(str(path))
    assert bot.Config is not None
    assert bot.Config.__struct_fields__
    assert bot.__doc__


def test_the_trend_follower_is_long_in_a_rise_and_turns_in_a_fall() -> None:
    path = [22500] * 30 + [22500 + 3 * step for step in range(60)] + [22680 - 3 * step for step in range(90)]
    result = run(_sample("moving_average"), {"symbol": "IF2501", "fast": 5, "slow": 20}, recording(quoted(path)))
    assert net(result)[0] == 1
    assert net(result)[-1] == -1
    first, turn = result.trades[0], next(trade for trade in result.trades if trade.side == "SELL")
    assert 30 < (first.time_ns - START_NS) / SECOND < 45
    assert 90 < (turn.time_ns - START_NS) / SECOND < 125
    # The turn closes the long lot and opens a short one: two orders on an exchange with offsets.
    assert [trade.offset for trade in result.trades if trade.side == "SELL"] == ["CLOSE", "OPEN"]
    assert result.sound


def test_the_trend_follower_stays_out_of_noise() -> None:
    path = [22500 + step % 2 for step in range(200)]
    assert run(_sample("moving_average"), {"symbol": "IF2501", "fast": 5, "slow": 20}, recording(quoted(path))).trades == []


def test_the_market_maker_earns_its_spread_where_prices_swing_and_stays_within_its_limit() -> None:
    path = [22500 + (8 if step % 2 else -8) for step in range(400)]
    result = run(_sample("market_maker"), {"symbol": "IF2501", "half_spread": 4, "most": 3}, recording(quoted(path)))
    assert result.statistics.gross_profit > 0
    assert max(abs(held) for held in net(result)) <= 3
    assert {trade.side for trade in result.trades} == {"BUY", "SELL"}
    assert result.host["refusals"] == {}
    assert result.sound


def test_the_market_maker_is_out_before_the_close() -> None:
    # From 14:50 local time; the day ends at 15:00, and 300 s before it the bot leaves.
    path = [22500 + (8 if step % 2 else -8) for step in range(500)]
    result = run(_sample("market_maker"), {"symbol": "IF2501", "half_spread": 4}, recording(quoted(path, from_s=4 * 3600 + 3000)))
    assert result.statistics.final_position == {}
    last = max(trade.time_ns for trade in result.trades)
    assert (last - START_NS) / SECOND - (4 * 3600 + 3000) < 305
    assert all(order.status.terminal for order in result.orders)


def _apart(step: int) -> int:
    return 40 if 250 <= step < 300 else step % 3


def test_the_pairs_trader_sells_what_is_dear_buys_what_is_cheap_and_leaves_when_they_meet() -> None:
    steps = range(420)
    first = quoted([22500 + _apart(step) for step in steps])
    second = quoted([22500] * len(steps), symbol="IF2503", from_s=0.25)
    params = {"first": "IF2501", "second": "IF2503", "every_s": 1.0, "window": 100, "enter": 3.0, "leave": 0.5}
    result = run(_sample("pairs"), params, recording(first, second))
    entered = [(trade.symbol, trade.side.value) for trade in result.trades[:2]]
    assert entered == [("IF2501", "SELL"), ("IF2503", "BUY")]
    assert result.statistics.final_position == {}
    assert result.statistics.gross_profit > 0


@pytest.mark.parametrize(("towards", "side"), [(1, "BUY"), (-1, "SELL")])
def test_the_breakout_follows_the_first_range_once_and_is_flat_before_the_close(towards: int, side: str) -> None:
    opening = -30 * 60  # 09:30, half an hour before the stage's start
    quiet = [22500 + step % 5 for step in range(100)]
    away = [22504 + towards * 2 * step for step in range(100)]
    ticks = (
        quoted(quiet, from_s=opening, step_s=9),
        quoted(away, from_s=opening + 1000),
        quoted([22504 + towards * 200] * 30, from_s=4 * 3600 + 3500, step_s=4),
    )
    shown = _counted(*ticks)
    result = run(_sample("breakout"), {"symbol": "IF2501"}, recording(shown))
    assert [trade.side.value for trade in result.trades] == [side, "SELL" if side == "BUY" else "BUY"]
    assert (result.trades[0].time_ns - START_NS) / SECOND > opening + 900
    assert result.statistics.final_position == {}
    assert result.statistics.gross_profit > 0


def test_the_breakout_does_not_trade_a_range_it_has_not_seen() -> None:
    result = run(_sample("breakout"), {"symbol": "IF2501"}, recording(quoted([22500 + 5 * step for step in range(50)])))
    assert result.trades == []


def test_the_rebalancer_holds_its_weights_and_corrects_them() -> None:
    params = {"weights": {"IF2501": 0.6, "IH2501": -0.4}, "notional": 10_000_000, "every_s": 60}
    rising = quoted([22500 + 10 * step for step in range(130)])
    still = quoted([13_000] * 130, symbol="IH2501", from_s=0.5)
    result = run(_sample("rebalancer"), params, recording(rising, still))
    # 6 million at 300 * 4500 a lot are 4.4 lots, 4 million at 300 * 2600 are 5.1.
    assert result.statistics.final_position == {"IF2501": 4, "IH2501": -5}
    more = run(
        _sample("rebalancer"), params, recording(rising, quoted([13_000] * 65 + [11_750] * 65, symbol="IH2501", from_s=0.5))
    )
    assert more.statistics.final_position == {"IF2501": 4, "IH2501": -6}


def test_samples_go_on_over_a_night() -> None:
    path = [22500 + round(12 * sin(step / 6)) for step in range(200)]
    ticks = recording(quoted(path), quoted(path, from_s=NEXT_DAY_S))
    for name, params in (("moving_average", {"fast": 5, "slow": 20}), ("market_maker", {"half_spread": 4}), ("breakout", {})):
        result = run(_sample(name), {"symbol": "IF2501"} | params, ticks)
        assert result.sound, name
        assert all(order.status is not OrderStatus.REJECTED for order in result.orders), name


def _counted(*streams: Any) -> Any:
    """The streams as one day of one contract: volume and turnover go on counting."""
    import msgspec  # noqa: PLC0415 - only here

    shown, turnover = [], 0
    for number, one in enumerate((one for stream in streams for one in stream), 1):
        turnover += one.last_ticks * 60
        shown.append(msgspec.structs.replace(one, volume_lots=number, turnover=type(one.turnover)(turnover)))
    return shown
