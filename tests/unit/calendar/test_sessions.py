"""Session tables as windows of a trading day."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from tradepit.trading.calendar.packaged import read_packaged
from tradepit.trading.calendar.sessions import PhaseWindow, SessionFile, windows_of
from tradepit.trading.calendar.trading_days import Market, TradingDays
from tradepit.trading.model.errors import CalendarUnknown, ConfigError

GROUPS = read_packaged("sessions.toml", SessionFile).groups
CHINA = TradingDays(read_packaged("holidays/china.toml", Market))
VIETNAM = TradingDays(read_packaged("holidays/vietnam.toml", Market))
BEIJING = timedelta(hours=8)
HANOI = timedelta(hours=7)


def shown(windows: tuple[PhaseWindow, ...], offset: timedelta = BEIJING) -> list[str]:
    rows = []
    for window in windows:
        local = datetime.fromtimestamp(window.start_ns / 1e9, UTC) + offset
        rows.append(f"{local:%m-%d %H:%M} {window.phase}")
    return rows


def test_a_monday_begins_on_friday_evening() -> None:
    windows = windows_of("cn_night_0230", GROUPS["cn_night_0230"], CHINA, date(2025, 3, 10))
    assert shown(windows) == [
        "03-07 20:55 AUCTION_ORDERING",
        "03-07 20:59 AUCTION_MATCHING",
        "03-07 21:00 CONTINUOUS",
        "03-08 02:30 BREAK",
        "03-10 09:00 CONTINUOUS",
        "03-10 10:15 BREAK",
        "03-10 10:30 CONTINUOUS",
        "03-10 11:30 BREAK",
        "03-10 13:30 CONTINUOUS",
    ]
    assert windows[-1].end_ns == int(datetime(2025, 3, 10, 7, tzinfo=UTC).timestamp()) * 10**9


def test_the_day_after_a_holiday_opens_with_its_own_auction() -> None:
    windows = windows_of("cn_night_2300", GROUPS["cn_night_2300"], CHINA, date(2025, 10, 9))
    assert shown(windows)[:3] == ["10-09 08:55 AUCTION_ORDERING", "10-09 08:59 AUCTION_MATCHING", "10-09 09:00 CONTINUOUS"]


COMMODITY = ("08:55 AUCTION_ORDERING", "08:59 AUCTION_MATCHING", "09:00 CONTINUOUS", "10:15 BREAK", "10:30 CONTINUOUS",
             "11:30 BREAK", "13:30 CONTINUOUS")  # fmt: skip
CFFEX = ("09:25 AUCTION_ORDERING", "09:29 AUCTION_MATCHING", "09:30 CONTINUOUS", "11:30 BREAK", "13:00 CONTINUOUS")


@pytest.mark.parametrize(("group", "rows"), [("cn_day", COMMODITY), ("cffex_index", CFFEX), ("cffex_bond", CFFEX)])
def test_day_only_groups(group: str, rows: tuple[str, ...]) -> None:
    assert tuple(row[6:] for row in shown(windows_of(group, GROUPS[group], CHINA, date(2025, 3, 11)))) == rows


def test_hanoi_has_ato_and_atc_auctions() -> None:
    windows = windows_of("hnx", GROUPS["hnx"], VIETNAM, date(2025, 3, 11))
    assert [row[6:] for row in shown(windows, HANOI)] == [
        "08:45 AUCTION_ORDERING",
        "09:00 CONTINUOUS",
        "11:30 BREAK",
        "13:00 CONTINUOUS",
        "14:30 CLOSING_AUCTION",
    ]


def test_a_closed_day_has_no_windows() -> None:
    assert windows_of("cn_day", GROUPS["cn_day"], CHINA, date(2025, 10, 1)) == ()
    assert windows_of("cn_day", GROUPS["cn_day"], CHINA, date(2025, 3, 8)) == ()


def test_a_day_before_the_table_holds_is_refused() -> None:
    with pytest.raises(CalendarUnknown):
        windows_of("cffex_bond", GROUPS["cffex_bond"], CHINA, date(2020, 7, 17))
    assert windows_of("cffex_bond", GROUPS["cffex_bond"], CHINA, date(2020, 7, 20))


def test_rows_out_of_order_are_refused() -> None:
    group = GROUPS["cn_day"]
    for day in (tuple(reversed(group.day)), ((group.day[0][0], "09:30", "09:30"),)):
        with pytest.raises(ConfigError):
            windows_of("cn_day", msgspec.structs.replace(group, day=day), CHINA, date(2025, 3, 11))
