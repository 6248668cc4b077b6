"""Laws that hold for every instant, day, group and contract month the calendar knows."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.calendar.contracts import KRX_MONTHS, KRX_YEARS
from tradepit.trading.calendar.expiry import ExpiryRule, expiry_of
from tradepit.trading.calendar.product_files import CodeStyle
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.model.errors import InstrumentNotFound
from tradepit.trading.model.terms import SessionPhase

CATALOG, CALENDAR = load_catalog(), load_calendar()
CHINA = CALENDAR.days("cn_day")
groups = st.sampled_from(sorted(CALENDAR.groups))
dates = st.dates(date(2025, 1, 2), date(2026, 12, 20))
LAST_S = 1797000000  # 2026-12-11: what follows an instant is looked for too, and the calendar knows no day of 2027
instants = st.integers(1735783200, LAST_S).map(lambda second: second * 10**9)  # from 2025-01-02 on
months = st.dates(date(2021, 1, 1), date(2026, 12, 1))
products = st.sampled_from([product.product_id for product in CATALOG.products])


@given(dates, groups)
def test_a_days_windows_are_contiguous_and_belong_to_it(day: date, group: str) -> None:
    windows = CALENDAR.phases(day, group)
    assert bool(windows) == CALENDAR.days(group).is_trading_day(day)
    assert all(earlier.end_ns == later.start_ns and earlier.phase is not later.phase for earlier, later in pairwise(windows))
    for window in windows:
        assert window.start_ns < window.end_ns
        assert CALENDAR.trading_day_of(window.start_ns, group) == CALENDAR.trading_day_of(window.end_ns - 1, group) == day


@given(instants, groups)
def test_the_phase_holds_until_the_next_boundary(instant: int, group: str) -> None:
    phase = CALENDAR.phase_at(instant, group)
    boundary, following = CALENDAR.next_boundary(instant, group)
    assert boundary > instant
    assert following is not phase
    assert CALENDAR.phase_at(boundary, group) is following
    for between in (boundary - 1, instant + (boundary - instant) // 2):
        assert CALENDAR.phase_at(between, group) is phase


@given(st.lists(st.integers(0, 20 * 86400), min_size=3, max_size=3).map(sorted), instants, groups)
def test_trading_time_adds_up(seconds: list[int], start: int, group: str) -> None:
    a, b, c = (min(start + second * 10**9, LAST_S * 10**9) for second in seconds)
    whole = CALENDAR.trading_ns_between(a, c, group)
    assert whole == CALENDAR.trading_ns_between(a, b, group) + CALENDAR.trading_ns_between(b, c, group)
    assert 0 <= whole <= c - a


@given(dates, groups)
def test_settlement_hours_cover_the_day_backwards(day: date, group: str) -> None:
    windows = CALENDAR.phases(day, group)
    if not windows:
        return
    hours = CALENDAR.settlement_hours(day, group)
    assert hours[0][1] == windows[-1].end_ns
    assert hours[-1][0] == windows[0].start_ns
    assert all(later[0] == earlier[1] for later, earlier in pairwise(hours))
    lengths = [CALENDAR.trading_ns_between(begin, end, group) for begin, end in hours]
    assert all(length == 3600 * 10**9 for length in lengths[:-1])
    assert 0 < lengths[-1] <= 3600 * 10**9


@given(months, st.sampled_from(list(ExpiryRule)))
def test_contracts_expire_on_a_trading_day_of_their_month_or_near(month: date, rule: ExpiryRule) -> None:
    expiry = expiry_of(rule, month.year, month.month, CHINA)
    assert CHINA.is_trading_day(expiry)
    first = month.replace(day=1)
    if rule is ExpiryRule.LAST_DAY_OF_PRIOR_MONTH:
        assert CHINA.next_trading_day(expiry) >= first > expiry
    else:
        assert first <= expiry < first + timedelta(days=31)


@given(products, months)
def test_codes_round_trip(product_id: str, month: date) -> None:
    listing = CATALOG.listing(product_id)
    code = f"{month:%y%m}"
    symbols = [product_id + (code[1:] if listing.code_style is CodeStyle.YMM else code)]
    if listing.krx_code:
        symbols.append(f"{listing.krx_code}{KRX_YEARS[month.year - 2010]}{KRX_MONTHS[month.month - 1]}000")
    for symbol in symbols:
        found = CATALOG.contract_month(symbol, month)
        assert (found.product_id, found.year, found.month) == (product_id, month.year, month.month)


@given(dates)
def test_rolling_codes_are_four_rising_live_months(on: date) -> None:
    four = [CATALOG.contract_month(f"VN30F{alias}", on) for alias in ("1M", "2M", "1Q", "2Q")]
    numbers = [month.year * 12 + month.month for month in four]
    assert numbers == sorted(set(numbers))
    assert numbers[1] == numbers[0] + 1
    assert numbers[3] == numbers[2] + 3
    assert four[2].month % 3 == 0
    assert numbers[2] - numbers[1] <= 3
    if (four[0].year, four[0].month) <= (2026, 12):
        assert CATALOG.instrument("VN30F1M", on=on, listing_price=Decimal(1)).expiry >= on


@given(st.text(max_size=12), dates)
def test_any_text_is_a_contract_or_not_found(symbol: str, on: date) -> None:
    try:
        found = CATALOG.contract_month(symbol, on)
    except InstrumentNotFound:
        return
    assert 1 <= found.month <= 12


@given(instants, st.sampled_from(["cn_day", "cffex_index", "cffex_bond", "hnx"]))
def test_without_a_night_session_nothing_trades_at_night(instant: int, group: str) -> None:
    hour = instant // 10**9 // 3600 % 24  # UTC: the markets trade between 01:00 and 08:00
    if CALENDAR.phase_at(instant, group) is SessionPhase.CONTINUOUS:
        assert 1 <= hour < 8
