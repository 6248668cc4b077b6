from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tradepit.trading.model.terms import Offset, OrderType, SessionPhase, Side

BUY, SELL = Side.BUY, Side.SELL
OPEN = "2025-01-06 09:31"
Pits = Callable[..., Any]


def test_displayed_levels_are_quotes_an_account_can_trade_with(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    assert market.show({18_999: 3, 18_998: 5}, {19_000: 2, 19_001: 4}) == []
    assert market.book() == ({18_999: 3, 18_998: 5}, {19_000: 2, 19_001: 4})
    assert market.told(market.order("ann", "a1", BUY, 19_001, 3)) == [
        "a1 OPEN",
        "a1 trades 2@19000",
        "a1 trades 1@19001",
        "a1 FILLED",
    ]
    assert market.book() == ({18_999: 3, 18_998: 5}, {19_001: 3})
    assert market.venue.outside_lots("IF2501") == -3


def test_a_resting_order_is_crossed_within_the_displayed_size_only(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.order("ann", "a1", SELL, 19_000, 5)
    assert market.told(market.show({19_002: 2}, {19_003: 1})) == ["a1 trades 2@19000", "a1 PARTIAL"]
    assert market.book() == ({}, {19_000: 3, 19_003: 1}), "the bid is used up"
    assert market.told(market.show({19_002: 2, 19_000: 9}, {19_003: 1}))[-1] == "a1 FILLED"
    assert market.book() == ({19_000: 8}, {19_003: 1}), "two more at 19,002, the last one at 19,000"


def test_a_new_tick_replaces_the_former_quotes(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.show({18_999: 3}, {19_000: 2})
    market.show({19_001: 1}, {19_002: 7})
    assert market.book() == ({19_001: 1}, {19_002: 7})
    market.show({}, {})
    assert market.book() == ({}, {})


def test_an_unchanged_level_keeps_its_place_and_what_is_added_joins_behind(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.show({}, {19_000: 2})
    market.order("ann", "a1", SELL, 19_000, 1)
    market.show({}, {19_000: 4})
    assert market.told(market.order("bob", "b1", BUY, 19_000, 2)) == ["b1 OPEN", "b1 trades 2@19000", "b1 FILLED"]
    assert market.told(market.order("bob", "b2", BUY, 19_000, 1))[1] == "a1 trades 1@19000", "before the two that joined later"
    assert market.book() == ({}, {19_000: 2})


def test_a_shrinking_level_moves_those_behind_it_up(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.show({}, {19_000: 5})
    market.order("ann", "a1", SELL, 19_000, 1)
    market.show({}, {19_000: 1})
    market.order("bob", "b1", BUY, 19_000, 2)
    assert market.state("ann", "a1")[0] == "FILLED"


def test_what_accounts_took_is_shown_again_by_the_next_tick(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.show({}, {19_000: 2})
    market.order("ann", "a1", BUY, 19_000, 2)
    market.show({}, {19_000: 2})
    assert market.book() == ({}, {19_000: 2})


def test_quotes_are_withdrawn_when_trading_pauses_and_figures_still_count(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.show({18_999: 3}, {19_000: 2})
    market.order("ann", "a1", BUY, 18_000, 1)
    market.at("11:30")
    assert market.book() == ({18_000: 1}, {})
    market.at("12:00")
    market.show({18_999: 3}, {19_000: 2}, last_ticks=18_999, volume_lots=4, turnover=Decimal(4 * 300 * 3800))
    assert market.book() == ({18_000: 1}, {})
    seen = market.venue.tick("IF2501")
    assert (seen.last_ticks, seen.volume_lots, seen.phase) == (18_999, 4, SessionPhase.BREAK)


def test_the_outside_fills_all_or_none_and_market_orders(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.show({18_999: 3}, {19_000: 2})
    market.order("ann", "a1", BUY, 19_000, 3, Offset.OPEN, OrderType.FOK)
    market.order("ann", "a2", BUY, 0, 2, Offset.OPEN, OrderType.MARKET)
    assert market.state("ann", "a1")[3] == "NOT_FILLABLE"
    assert market.state("ann", "a2") == ("FILLED", 2, 0, "")


def test_an_unknown_symbol_is_refused(pit: Pits) -> None:
    market = pit("IF2501", "rb2505", start=OPEN)
    market.instruments["IFX"] = market.instruments["IF2501"]
    assert market.told(market.show({}, {}, symbol="IFX")) == ["refused INSTRUMENT_NOT_FOUND"]


def test_open_interest_counts_accounts_and_outside(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.show({18_999: 3}, {19_000: 2}, open_interest=500)
    market.order("ann", "a1", BUY, 19_000, 2)
    assert market.venue.tick("IF2501").open_interest == 502
    market.order("ann", "a2", SELL, 18_999, 2, Offset.CLOSE)
    assert market.venue.tick("IF2501").open_interest == 500


def test_the_youngest_lots_of_a_level_go_first(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.show({}, {19_000: 2})
    market.order("ann", "a1", SELL, 19_000, 1)
    for size in (4, 7, 1):
        market.show({}, {19_000: size})
    assert market.book() == ({}, {19_000: 2})
    market.order("bob", "b1", BUY, 19_000, 1)
    assert market.state("ann", "a1")[0] == "OPEN", "one lot of the oldest quote was still before it"
    market.order("bob", "b2", BUY, 19_000, 1)
    assert market.state("ann", "a1")[0] == "FILLED"


def test_a_level_that_is_traded_with_again_and_again_leaves_nothing_behind(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.show({18_999: 2}, {19_000: 3})
    for number in range(200):
        market.order("ann", f"a{number}", BUY, 19_000, 2)
        market.order("ann", f"c{number}", SELL, 18_999, 2, Offset.CLOSE)
        assert market.state("ann", f"a{number}")[0] == market.state("ann", f"c{number}")[0] == "FILLED"
        market.show({18_999: 2}, {19_000: 3})
        assert market.book() == ({18_999: 2}, {19_000: 3})
    kept = market.venue._floor.markets["IF2501"]
    assert max(len(queue) for side in Side for queue in kept.quotes(side).queues.values()) < 3
    assert not len(kept.book)
