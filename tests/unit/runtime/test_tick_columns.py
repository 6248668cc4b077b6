"""The columns of a recording are those of the exchange's own snapshots."""

from tradepit.runtime.tick_columns import columns, is_count, is_text, level_columns


def test_one_level_gives_nineteen_columns_in_the_recorded_order() -> None:
    names = columns(1)
    assert len(names) == 19
    assert names[0] == "datetime"
    assert names[-4:] == ("bid_price_1", "bid_volume_1", "ask_price_1", "ask_volume_1") == level_columns(1)


def test_each_deeper_level_adds_four() -> None:
    assert len(columns(10)) == 19 + 9 * 4


def test_kinds() -> None:
    assert is_text("symbol")
    assert is_count("volume")
    assert is_count("ask_volume_7")
    assert not is_count("ask_price_7")
    assert not is_text("datetime")
