"""The Data API over HTTP: answers, ages, pages, refusals with stable codes, and what it counts."""

from collections.abc import AsyncIterator, Sequence

import pytest
from tests.bot_stage import tick
from tests.market_world import START_MS, MarketWorld

from tradepit.services.market_cache_settings import MarketCacheSettings
from tradepit.trading.model.errors import Unavailable
from tradepit.web.market_past import Length
from tradepit.wire.data_api import Bar

MINUTE = 60_000


class Past:
    """A store that knows bars of minutes from before the window."""

    def __init__(self, *starts: int) -> None:
        self.known = [
            Bar(time_ms=START_MS + MINUTE * n, open=1.0, high=2.0, low=0.5, close=1.5, volume=9, complete=True) for n in starts
        ]
        self.down = False
        self.closed = False

    async def bars(self, symbol: str, length: Length, start_ms: int, end_ms: int, *, most: int) -> Sequence[Bar]:
        if self.down:
            raise Unavailable("the store cannot be reached")
        return [bar for bar in self.known if start_ms <= bar.time_ms <= end_ms][:most]

    async def newest_bars(self, symbol: str, length: Length, most: int, end_ms: int) -> Sequence[Bar]:
        return (await self.bars(symbol, length, 0, end_ms, most=5_000))[-most:]

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def past() -> Past:
    return Past(-3, -2, -1, 0)


@pytest.fixture
async def world(past: Past) -> AsyncIterator[MarketWorld]:
    made = MarketWorld(MarketCacheSettings(window_min=5, bars_h=1), past)
    await made.open()
    yield made
    await made.close()
    assert past.closed


async def test_a_snapshot_is_the_last_tick_the_book_the_session_and_their_age(world: MarketWorld) -> None:
    await world.tell(tick(22_499, 22_501, last=22_500, volume=7))
    await world.book(tick(22_490, 22_510, last=22_500, lots=4))
    await world.phase("IF2501", "CONTINUOUS")
    await world.clock.advance(1.5)
    status, body, headers = await world.get("/v1/snapshots/IF2501")
    assert (status, body["source"], body["age_s"], body["time_ms"]) == (200, "cache", 1.5, START_MS)
    assert (body["tick"]["last_price"], body["tick"]["volume"], body["phase"]) == (4500.0, 7, "CONTINUOUS")
    assert (body["depth"]["bids"], body["depth"]["asks"]) == ([{"price": 4498.0, "lots": 4}], [{"price": 4502.0, "lots": 4}])
    assert body["session"]["phase"] == "CONTINUOUS"
    assert body["session"]["start_ms"] <= START_MS < body["session"]["end_ms"]
    assert (headers["Age"], headers["Data-Age-Ms"]) == ("1", "1500")
    status, body, later = await world.get("/v1/snapshots/IF2501", **{"If-None-Match": headers["ETag"]})
    assert (status, body, later["Data-Age-Ms"]) == (304, None, "1500")
    await world.tell(tick(22_499, 22_501, last=22_501, volume=8, after_s=1))
    await world.clock.advance(1)
    assert (await world.get("/v1/snapshots/IF2501", **{"If-None-Match": headers["ETag"]}))[0] == 200


async def test_what_the_cache_does_not_know_the_exchange_is_asked(world: MarketWorld) -> None:
    world.exchange.shown = tick(22_490, 22_510, last=22_505)
    status, body, _ = await world.get("/v1/snapshots/IF2501")
    assert (status, body["source"], body["tick"]["last_price"]) == (200, "exchange", 4501.0)
    assert world.meters.hit_ratio == 0.0
    status, body, _ = await world.get("/v1/snapshots/IC2501")
    assert (status, body["error"]) == (404, "INSTRUMENT_NOT_FOUND")
    status, body, _ = await world.get("/v1/ticks/IF2501")
    assert (status, body["time_ms"], body["age_s"], body["from_ms"]) == (200, [], None, 0)


async def test_windows_by_number_by_span_and_by_interval_page_after_page(world: MarketWorld) -> None:
    for number in range(3):
        await world.minute(number)
    await world.clock.advance(1)
    at = [START_MS + 10_000 * number for number in range(18)]
    _, body, _ = await world.get("/v1/ticks/IF2501?n=3")
    assert (body["time_ms"], body["price"], body["volume"]) == (at[-3:], [4504.6, 4504.8, 4505.0], [204.0, 205.0, 206.0])
    assert (body["from_ms"], body["next_start_ms"]) == (at[0], None)
    _, body, _ = await world.get(f"/v1/ticks/IF2501?n=2&end_ms={at[4]}")
    assert body["time_ms"] == at[3:5]
    _, body, _ = await world.get("/v1/ticks/IF2501?span_ms=25000")
    assert body["time_ms"] == at[-3:]
    pages: list[int] = []
    start: int | None = at[0]
    while start is not None:
        _, body, _ = await world.get(f"/v1/ticks/IF2501?start_ms={start}&limit=5")
        pages += body["time_ms"]
        start = body["next_start_ms"]
    assert pages == at
    _, body, _ = await world.get(f"/v1/ticks/IF2501?start_ms={at[2]}&end_ms={at[3]}")
    assert (body["time_ms"], body["bid"], body["ask_lots"]) == (at[2:4], [4500.2, 4500.4], [5.0, 5.0])


async def test_bars_have_each_interval_once_whoever_knows_it(world: MarketWorld, past: Past) -> None:
    await world.until(30)
    # The writer came in the middle of a minute.
    await world.tell(tick(22_499, 22_501, last=22_500, after_s=30, volume=50))
    for number in (1, 2):
        await world.minute(number)
    await world.clock.advance(1)
    _, body, _ = await world.get(f"/v1/bars/IF2501?start_ms={START_MS - 10 * MINUTE}")
    told = [((bar["time_ms"] - START_MS) // MINUTE, bar["close"], bar["volume"], bar["complete"]) for bar in body["bars"]]
    assert told == [
        (-3, 1.5, 9, True), (-2, 1.5, 9, True), (-1, 1.5, 9, True), (0, 1.5, 9, True),
        (1, 4503.0, 56, True), (2, 4505.0, 100, False),
    ]  # fmt: skip
    assert body["seam_ms"] == START_MS + MINUTE
    assert [(bar["open"], bar["high"], bar["low"]) for bar in body["bars"][-2:]] == [
        (4502.0, 4503.0, 4502.0),
        (4504.0, 4505.0, 4504.0),
    ]
    _, body, _ = await world.get("/v1/bars/IF2501?n=4")
    assert [(bar["time_ms"] - START_MS) // MINUTE for bar in body["bars"]] == [-1, 0, 1, 2]
    pages: list[int] = []
    start: int | None = START_MS - 10 * MINUTE
    while start is not None:
        _, body, _ = await world.get(f"/v1/bars/IF2501?start_ms={start}&limit=2")
        pages += [(bar["time_ms"] - START_MS) // MINUTE for bar in body["bars"]]
        start = body["next_start_ms"]
    assert pages == [-3, -2, -1, 0, 1, 2]
    # The store is late: the hot window's own beginning is better than nothing, and its lots are not known.
    past.known = past.known[:2]
    _, body, _ = await world.get(f"/v1/bars/IF2501?start_ms={START_MS - 10 * MINUTE}")
    found = [((bar["time_ms"] - START_MS) // MINUTE, bar["close"], bar["volume"]) for bar in body["bars"]]
    assert found == [(-3, 1.5, 9), (-2, 1.5, 9), (0, 4500.0, None), (1, 4503.0, 56), (2, 4505.0, 100)]
    # Without the store only what needs it is refused.
    past.down = True
    status, body, _ = await world.get(f"/v1/bars/IF2501?start_ms={START_MS}")
    assert (status, body["error"]) == (503, "SERVICE_UNAVAILABLE")
    status, body, _ = await world.get(f"/v1/bars/IF2501?start_ms={START_MS + MINUTE}")
    assert (status, len(body["bars"])) == (200, 2)
    status, body, _ = await world.get(f"/v1/bars/IF2501?length=1s&n=1&end_ms={START_MS + 2 * MINUTE + 10_000}")
    assert (status, body["bars"][0]["time_ms"]) == (200, START_MS + 2 * MINUTE + 10_000)


async def test_the_lots_of_the_windows_first_bar_are_the_stores(world: MarketWorld) -> None:
    # The writer came at the very beginning of a minute, and does not know what had traded by then.
    for number in (0, 1):
        await world.minute(number)
    await world.clock.advance(1)
    _, body, _ = await world.get(f"/v1/bars/IF2501?start_ms={START_MS - MINUTE}")
    told = [((bar["time_ms"] - START_MS) // MINUTE, bar["close"], bar["volume"]) for bar in body["bars"]]
    assert told == [(-1, 1.5, 9), (0, 1.5, 9), (1, 4503.0, 100)]
    assert body["seam_ms"] == START_MS + MINUTE


@pytest.mark.parametrize(
    "query",
    [
        "n=0", "n=-1", "n=5001", "n=1e4", "n=NaN", "n=Infinity", "n=", "n=99999999999999999999999999", "n=1.5", "n=%F0%9F%98%80",
        "n=1&n=2", "n=1&start_ms=5", "n=1&limit=2", "span_ms=0", "span_ms=1&start_ms=5", "span_ms=99999999999", "start_ms=-1",
        "start_ms=9&end_ms=8", "end_ms=-1", "start_ms=9007199254740992", "end_ms=9007199254740992", "start_ms=0&limit=0",
        "start_ms=0&limit=5001", "start_ms=0", "lenght=1m", "max_age_ms=-1", "max_age_ms=x", "__proto__=1",
    ],
)  # fmt: skip
async def test_a_question_that_makes_no_sense_is_refused_with_a_code(world: MarketWorld, query: str) -> None:
    for path in ("/v1/ticks/IF2501", "/v1/bars/IF2501"):
        status, body, _ = await world.get(f"{path}?{query}")
        assert (status, body["error"], body["success"]) == (400, "INVALID_REQUEST", False), (path, body)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/snapshots/IF2501.CFFEX", 400, "ID_NOT_VALID"),
        ("/v1/ticks/%2e%2e", 400, "ID_NOT_VALID"),
        ("/v1/bars/" + "x" * 65, 400, "ID_NOT_VALID"),
        ("/v1/bars/%E6%BC%A2", 400, "ID_NOT_VALID"),
        ("/v1/ticks/IC2501", 404, "INSTRUMENT_NOT_FOUND"),
        ("/v1/bars/if2501", 404, "INSTRUMENT_NOT_FOUND"),
        ("/v1/bars/IF2501?length=1h", 400, "INVALID_REQUEST"),
        ("/v1/instruments?offset=-1", 400, "INVALID_REQUEST"),
        ("/v1/instruments?limit=0", 400, "INVALID_REQUEST"),
        ("/v1/instruments?page=2", 400, "INVALID_REQUEST"),
        ("/v1/nothing", 404, "NOT_FOUND"),
        ("/v1/snapshots/IF2501?max_age_ms=1", 503, "SERVICE_UNAVAILABLE"),
    ],
)
async def test_refusals_by_path(world: MarketWorld, path: str, status: int, code: str) -> None:
    await world.tell(tick(22_499, 22_501, last=22_500))
    await world.clock.advance(1)
    found, body, _ = await world.get(path)
    assert (found, body["error"]) == (status, code), body


async def test_a_cache_that_is_away_is_told_at_once_and_nothing_old_is(world: MarketWorld) -> None:
    await world.minute(0)
    assert (await world.get("/readyz"))[0] == 200
    world.series.down = world.cache.down = True
    for path in ("/v1/snapshots/IF2501", "/v1/ticks/IF2501", "/v1/bars/IF2501"):
        status, body, _ = await world.get(path)
        assert (status, body["error"]) == (503, "SERVICE_UNAVAILABLE")
    await world.clock.advance(2)
    status, body, _ = await world.get("/readyz")
    assert (status, body["ok"], (await world.get("/healthz"))[0]) == (503, False, 200)
    assert world.api.health().status == "UNHEALTHY"
    world.series.down = world.cache.down = False
    await world.clock.advance(2)
    assert (await world.get("/v1/snapshots/IF2501"))[0] == (await world.get("/readyz"))[0] == 200
    assert world.api.health().status == "ACTIVE"


async def test_contracts_are_listed_and_told_while_the_exchange_is_away(world: MarketWorld) -> None:
    status, body, _ = await world.get("/v1/instruments")
    row = body["instruments"][0]
    assert (status, body["total"], body["trading_day"]) == (200, 1, 20250106)
    assert (row["symbol"], row["exchange"], row["tick_size"], row["pre_settlement"]) == ("IF2501", "CFFEX", 0.2, 3900)
    world.exchange.down = True
    await world.clock.advance(30)
    status, body, headers = await world.get("/v1/instruments?offset=1")
    assert (status, body["instruments"], int(headers["Age"]) > 20) == (200, [], True)


async def test_an_exchange_that_never_answered_leaves_unknown_contracts_unknown() -> None:
    world = MarketWorld()
    world.exchange.down = True
    await world.open()
    try:
        assert (await world.get("/v1/instruments"))[0] == 503
        assert (await world.get("/v1/ticks/IF2501"))[0] == 503
        await world.tell(tick(22_499, 22_501, last=22_500))
        await world.clock.advance(1)
        status, body, _ = await world.get("/v1/snapshots/IF2501")
        assert (status, body["session"]) == (200, None)
    finally:
        await world.close()


async def test_what_is_in_the_cache_and_cannot_be_read_is_no_answer(world: MarketWorld) -> None:
    world.exchange.shown = tick(22_490, 22_510, last=22_505)
    for value in (b"", b"\xff", b"{}", b'{"received_ns": 1, "tick": {"symbol": "IF2501"}}'):
        await world.cache.put("markets.if2501.tick", value, ttl_s=60)
        status, body, _ = await world.get("/v1/snapshots/IF2501")
        assert (status, body["source"]) == (200, "exchange")


async def test_it_counts_what_it_answers(world: MarketWorld) -> None:
    world.exchange.shown = tick(22_490, 22_510, last=22_505)
    await world.get("/v1/snapshots/IF2501")
    await world.tell(tick(22_499, 22_501, last=22_500))
    await world.clock.advance(2)
    for _ in range(3):
        await world.get("/v1/snapshots/IF2501")
    await world.get("/v1/snapshots/IC2501")
    _, page, headers = await world.get("/metrics")
    assert headers["content-type"].startswith("text/plain")
    lines = page.splitlines()
    for line in (
        "data_api_cache_hit_ratio 0.6",
        'data_api_cache_hits_total{kind="snapshots"} 3.0',
        'data_api_cache_misses_total{kind="snapshots"} 2.0',
        'data_api_snapshot_age_seconds{symbol="IF2501"} 2.0',
        'data_api_requests_total{kind="snapshots",status="200"} 4.0',
        'data_api_requests_total{kind="snapshots",status="404"} 1.0',
        'data_api_request_seconds_count{kind="snapshots"} 5.0',
    ):
        assert line in lines, line
    figures = world.api.health().figures
    assert (figures["cache_hit_ratio"], figures["refused"], figures["contracts"]) == (0.6, 1, 1)


async def test_its_document_names_the_paths_and_their_bounds(world: MarketWorld) -> None:
    _, document, _ = await world.get("/schema/openapi.json")
    assert {"/v1/instruments", "/v1/snapshots/{symbol}", "/v1/ticks/{symbol}", "/v1/bars/{symbol}"} <= set(document["paths"])
    told = {row["name"]: row for row in document["paths"]["/v1/ticks/{symbol}"]["get"]["parameters"]}
    assert {"n", "span_ms", "start_ms", "end_ms", "limit", "max_age_ms", "symbol"} == set(told)
    assert "Snapshot" in str(document["components"]["schemas"])


async def test_other_names_than_its_own_are_refused(world: MarketWorld) -> None:
    status, body, _ = await world.get("/v1/instruments", Host="evil.example")
    assert (status, body["error"]) == (403, "HOST_NOT_ALLOWED")
