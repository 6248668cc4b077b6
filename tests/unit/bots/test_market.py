"""What a bot sees: quotes, windows, sessions, its own position."""

from datetime import datetime

import numpy as np
import pytest
from tests.bot_stage import SECOND, START_NS, Stage, scripted, tick

from tradepit.bots.windows import COLUMNS, Windows
from tradepit.trading.model.errors import BadRequest, InstrumentNotFound
from tradepit.trading.model.terms import SessionPhase


def _stage() -> Stage:
    stage = Stage(scripted(), "IF2501", "IH2501")
    stage.host.start()
    return stage


def test_before_the_first_tick_nothing_is_known() -> None:
    market = _stage().host.board["IF2501"]
    assert np.isnan([market.last, market.bid, market.ask, market.mid, *market.limits]).all()
    assert (market.bid_lots, market.ask_lots, market.quoted, market.trading_day, market.pnl) == (0, 0, False, 0, 0.0)
    assert market.depth() == ([], [])
    assert len(market.window("last")) == 0


def test_prices_are_exactly_the_quoted_ones() -> None:
    stage = _stage()
    stage.show(tick(22501, 22503, last=22502))
    market = stage.host.board["IF2501"]
    assert (market.bid, market.last, market.ask, market.mid, market.tick_size) == (4500.2, 4500.4, 4500.6, 4500.4, 0.2)
    assert market.depth() == ([(4500.2, 5)], [(4500.6, 5)])
    assert market.round(4500.27, 2) == 4500.6
    assert [market.to_ticks(market.price(ticks)) for ticks in (1, 22501, 99_999_999)] == [1, 22501, 99_999_999]


def test_an_empty_side_or_an_auction_is_no_market() -> None:
    stage = _stage()
    stage.show(tick(22501, 0))
    market = stage.host.board["IF2501"]
    assert (market.quoted, market.bid) == (False, 4500.2)
    assert np.isnan(market.ask)
    stage.show(tick(22501, 22503, after_s=1, phase=SessionPhase.AUCTION_ORDERING))
    assert not market.quoted


def test_windows_are_the_newest_values_oldest_first_and_copies() -> None:
    stage = _stage()
    stage.show(*(tick(22500 + number, 22502 + number, after_s=number, volume=10 * number) for number in range(5)))
    market = stage.host.board["IF2501"]
    assert market.window("bid", 3).tolist() == [4500.4, 4500.6, 4500.8]
    assert market.window("volume").tolist() == [0, 10, 10, 10, 10]
    assert market.window("time_ns", 1).tolist() == [START_NS + 4 * SECOND]
    assert len(market.window("last", 99)) == 5
    market.window("bid")[:] = 0
    assert market.window("bid").min() > 0
    frame = market.frame(2)
    assert frame.columns == ["time", *COLUMNS[1:]]
    assert frame["ask"].to_list() == [4501.0, 4501.2]
    with pytest.raises(BadRequest):
        market.window("colour")


@pytest.mark.parametrize("size", [1, 3, 8])
def test_a_window_keeps_the_newest_and_forgets_the_rest(size: int) -> None:
    windows = Windows(size)
    for number in range(20):
        windows.add(number, number, float(number), 0.0, 0.0, 0, 0)
        kept = list(range(max(0, number + 1 - size), number + 1))
        assert windows.column("time_ns").tolist() == kept
        assert windows.column("last", 2).tolist() == kept[-2:]


def test_a_new_day_counts_its_volume_from_nothing() -> None:
    windows = Windows(4)
    for traded in (100, 130, 20):
        windows.add(1, traded, 0.0, 0.0, 0.0, 0, 0)
    assert windows.column("volume").tolist() == [0, 30, 20]


def test_time_is_the_exchanges_and_the_session_is_known() -> None:
    stage = _stage()
    stage.show(tick(22500, 22502))
    market = stage.host.board["IF2501"]
    assert market.local_time.replace(tzinfo=None) == datetime(2025, 1, 6, 10, 0)  # noqa: DTZ001 - local by intent
    assert market.phase is SessionPhase.CONTINUOUS
    assert market.seconds_to_close == 1.5 * 3600 + 2 * 3600
    assert (market.session.end_ns - START_NS) / SECOND == 1.5 * 3600


def test_other_contracts_are_a_name_away() -> None:
    market = _stage().host.board["IF2501"]
    assert market.of("IH2501").symbol == "IH2501"
    assert market.symbols == ("IF2501", "IH2501")
    with pytest.raises(InstrumentNotFound):
        market.of("IC2501")


def test_profit_is_open_and_closed_less_fees() -> None:
    stage = Stage(scripted([{"symbol": "IF2501", "side": "buy", "qty": 3, "price": 4500}]))
    stage.host.start()
    stage.show(tick(22498, 22500))
    stage.host.report(stage.fill(1, 2, 22500, fee="10"))
    stage.host.report(stage.fill(1, 1, 22515, fee="5"))
    market = stage.host.board["IF2501"]
    assert market.holding.average_price == pytest.approx(4501.0)
    stage.show(tick(22520, 22530, after_s=1, last=22525))
    assert market.pnl == pytest.approx(3 * 300 * (4505 - 4501) - 15)
    assert stage.host.ctx.pnl == market.pnl
