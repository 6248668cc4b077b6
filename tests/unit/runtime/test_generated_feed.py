"""The generated feed ticks on its grid, catches up after a restart, and opens each trading day with the exchange."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from tradepit.runtime.clock import ManualClock
from tradepit.runtime.exchange_desk import Listed
from tradepit.runtime.generated_feed import GeneratedFeed
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.calendar.local_time import local_ns
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.model.tick import Tick

MONDAY, TUESDAY = date(2025, 1, 6), date(2025, 1, 7)
SECOND = 10**9


def at(day: date, clock: str) -> int:
    return local_ns(day, clock, load_calendar().days("cffex_index").zone)


class Exchange:
    """Tells its listings; the day is what the test says."""

    def __init__(self) -> None:
        self.day = 20250106
        self.asked = 0

    async def look_up(self, symbol: str) -> Listed:
        self.asked += 1
        instrument = load_catalog().instrument(symbol, on=MONDAY, listing_price=Decimal(3900))
        return Listed(instrument=instrument, reference=Decimal(3900), trading_day=self.day)


def feed(exchange: Exchange, clock: ManualClock, *symbols: str) -> GeneratedFeed:
    return GeneratedFeed(symbols or ("IF2501",), exchange.look_up, load_calendar(), clock, seed=4)


async def take(made: GeneratedFeed, count: int) -> list[Sequence[Tick]]:
    found = []
    async for batch in made.batches():
        found.append(batch)
        if len(found) == count:
            return found
    return found


async def test_ticks_of_all_symbols_every_hundred_milliseconds_on_whole_ones() -> None:
    clock = ManualClock(at(MONDAY, "10:00") + 30_000_001)
    made = feed(Exchange(), clock, "IF2501", "IC2501")
    batches = await take(made, 5)
    assert [[tick.symbol for tick in batch] for batch in batches] == [["IF2501", "IC2501"]] * 5
    assert [batch[0].time_ns for batch in batches] == [at(MONDAY, "10:00") + number * 100_000_000 for number in range(5)]
    assert set(made.instruments) == {"IF2501", "IC2501"}
    assert made.progress()["generated"] == 10


async def test_a_restarted_feed_goes_on_with_the_same_market() -> None:
    first = await take(feed(Exchange(), ManualClock(at(MONDAY, "09:30"))), 40)
    later = feed(Exchange(), ManualClock(at(MONDAY, "09:30") + 3 * SECOND))
    assert await take(later, 10) == first[30:]
    assert later.progress()["skipped"] == 30


async def test_nothing_ticks_outside_continuous_trading() -> None:
    clock = ManualClock(at(MONDAY, "11:29") + 59 * SECOND + 900_000_000)
    before, after = await take(feed(Exchange(), clock), 2)
    assert before[0].time_ns == at(MONDAY, "11:30") - 100_000_000
    assert after[0].time_ns == at(MONDAY, "13:00")


async def test_a_new_day_begins_when_the_exchange_has_begun_it() -> None:
    exchange = Exchange()
    clock = ManualClock(at(MONDAY, "14:59") + 59 * SECOND + 900_000_000)
    batches = feed(exchange, clock).batches()
    last = await anext(batches)
    exchange.day = 20250107
    clock.advance_to(at(TUESDAY, "09:29"))
    first = await anext(batches)
    assert (last[0].trading_day, first[0].trading_day) == (20250106, 20250107)
    assert first[0].time_ns == at(TUESDAY, "09:30")
    assert first[0].volume_lots < last[0].volume_lots


async def test_a_day_the_exchange_does_not_trade_yet_is_asked_for_once_a_second() -> None:
    exchange, clock = Exchange(), ManualClock(at(MONDAY, "09:30"))
    exchange.day = 20250103
    opens_ns = at(MONDAY, "09:30") + 3 * SECOND

    async def look_up(symbol: str) -> Listed:
        if clock.now_ns() >= opens_ns:
            exchange.day = 20250106
        return await exchange.look_up(symbol)

    batch = await anext(GeneratedFeed(("IF2501",), look_up, load_calendar(), clock, seed=4).batches())
    assert batch[0].time_ns == opens_ns
    assert exchange.asked == 4
