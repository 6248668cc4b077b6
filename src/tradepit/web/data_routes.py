"""The Data API's routes: instruments, snapshots, ticks and bars, read-only."""

from typing import Annotated, Literal, TypeVar

from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from tradepit.ports.series import MOST_MS
from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.ids import check_id
from tradepit.web.coded_errors import AnyRequest
from tradepit.web.data_page import DataPage
from tradepit.web.data_question import LIMIT, MOST_SPAN_MS, NEWEST, part_of
from tradepit.web.data_source import DataSource
from tradepit.web.data_standing import DataStanding
from tradepit.web.prometheus_page import CONTENT_TYPE
from tradepit.wire.data_api import (
    BARS_PATH,
    INSTRUMENTS_PATH,
    MOST_ROWS,
    SNAPSHOT_PATH,
    TICKS_PATH,
    BarPage,
    DataVerdict,
    InstrumentPage,
    Snapshot,
    TickWindow,
)
from tradepit.wire.simulator_codec import encode

T = TypeVar("T")
Source = NamedDependency[DataSource]
Page = NamedDependency[DataPage]
Standing = NamedDependency[DataStanding]

Newest = Annotated[
    int | None,
    QueryParameter(ge=1, le=MOST_ROWS, description=f"The newest so many, up to end_ms. Without any parameter: {NEWEST}."),
]
Span = Annotated[
    int | None,
    QueryParameter(ge=1, le=MOST_SPAN_MS, description="The last so many milliseconds before end_ms, or the exchange's now."),
]
Start = Annotated[int | None, QueryParameter(ge=0, le=MOST_MS, description="From this instant on (UTC ms), it included.")]
End = Annotated[int | None, QueryParameter(ge=0, le=MOST_MS, description="Up to this instant (UTC ms), it included.")]
Limit = Annotated[
    int | None,
    QueryParameter(ge=1, le=MOST_ROWS, description=f"At most so many of a span or an interval, oldest first. Else {LIMIT}."),
]
MaxAge = Annotated[
    int | None,
    QueryParameter(ge=0, le=MOST_MS, description="Refuse (503) what was received longer ago than so many milliseconds."),
]
AGE_HEADER = "Data-Age-Ms"


class ExactResponse(Response[T]):
    """Decimals become exact JSON numbers."""

    def render(self, content: object, media_type: str, enc_hook: object = None) -> bytes:
        """The body."""
        del media_type, enc_hook
        return encode(content)


@get(INSTRUMENTS_PATH, summary="The listed contracts", query=("offset", "limit"))
async def instruments(
    source: Source,
    offset: Annotated[int, QueryParameter(ge=0, le=MOST_MS)] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=MOST_ROWS)] = LIMIT,
) -> Response[InstrumentPage]:
    """503 while the exchange has never answered; later what it told last, with its age."""
    page = await source.instruments(offset, limit)
    return _told(page, page.age_s)


@get(SNAPSHOT_PATH + "/{symbol:str}", summary="A contract now", query=("max_age_ms",))
async def snapshot(source: Source, request: AnyRequest, symbol: FromPath[str], max_age_ms: MaxAge = None) -> Response[Snapshot]:
    """The newest tick, the exchange's own book, the session. ``ETag`` stays while nothing new was told (304 on ``If-None-Match``)."""
    found = await source.snapshot(check_id(symbol, "symbol"))
    source.check_age(found.age_s, max_age_ms)
    tag = f'"{found.time_ms}-{found.tick.volume}-{found.depth.time_ms if found.depth else 0}-{found.phase}-{found.source}"'
    if tag in request.headers.get("if-none-match", ""):
        return Response(None, status_code=304, headers={**_age(found.age_s), "ETag": tag})  # type: ignore[arg-type]  # no body
    return _told(found, found.age_s, {"ETag": tag})


@get(
    TICKS_PATH + "/{symbol:str}",
    summary="A contract's ticks",
    query=("n", "span_ms", "start_ms", "end_ms", "limit", "max_age_ms"),
)
async def ticks(
    source: Source,
    symbol: FromPath[str],
    n: Newest = None,
    span_ms: Span = None,
    start_ms: Start = None,
    end_ms: End = None,
    limit: Limit = None,
    max_age_ms: MaxAge = None,
) -> Response[TickWindow]:
    """From the hot window: price, the day's lots, best quotes. One of ``n``, ``span_ms`` and ``start_ms``."""
    check_id(symbol, "symbol")
    part = part_of(source.now_ms, n=n, span_ms=span_ms, start_ms=start_ms, end_ms=end_ms, limit=limit)
    window = await source.ticks(symbol, part)
    source.check_age(window.age_s, max_age_ms)
    return _told(window, window.age_s)


@get(
    BARS_PATH + "/{symbol:str}",
    summary="A contract's bars",
    query=("length", "n", "span_ms", "start_ms", "end_ms", "limit", "max_age_ms"),
)
async def bars(
    source: Source,
    symbol: FromPath[str],
    length: Annotated[Literal["1s", "1m"], QueryParameter()] = "1m",
    n: Newest = None,
    span_ms: Span = None,
    start_ms: Start = None,
    end_ms: End = None,
    limit: Limit = None,
    max_age_ms: MaxAge = None,
) -> Response[BarPage]:
    """From the hot window and, before it, from the store, each interval once. One of ``n``, ``span_ms`` and ``start_ms``."""
    check_id(symbol, "symbol")
    part = part_of(source.now_ms, n=n, span_ms=span_ms, start_ms=start_ms, end_ms=end_ms, limit=limit)
    page = await source.bars(symbol, length, part)
    source.check_age(page.age_s, max_age_ms)
    return _told(page, page.age_s)


@get(["/healthz", "/health"], sync_to_thread=False, summary="The Data API lives")
def healthz() -> DataVerdict:
    """200 as long as it answers."""
    return DataVerdict(ok=True)


@get(["/readyz", "/ready"], sync_to_thread=False, summary="The Data API can answer")
def readyz(standing: Standing) -> Response[DataVerdict]:
    """503 while the cache does not answer."""
    reason = standing.problem
    return Response(DataVerdict(ok=not reason, reason=reason), status_code=503 if reason else 200)


@get("/metrics", sync_to_thread=False, media_type=MediaType.TEXT, summary="Prometheus metrics")
def metrics(page: Page) -> Response[bytes]:
    """Prometheus's text format."""
    return Response(page.render(), media_type=CONTENT_TYPE)


def check_query(request: AnyRequest) -> None:
    """Refuse what nobody would read: a parameter that the route does not have, or one told twice. Raises BadRequest."""
    known = request.route_handler.opt.get("query")
    if known is None:
        return
    told = [name for name, _ in request.query_params.multi_items()]
    for name in told:
        if name not in known:
            raise BadRequest("no such parameter", parameter=name[:64], known=", ".join(known))
        if told.count(name) > 1:
            raise BadRequest("a parameter is told twice", parameter=name)


def _told(body: T, age_s: float | None, headers: dict[str, str] | None = None) -> Response[T]:
    return ExactResponse(body, headers={**_age(age_s), **(headers or {})})


def _age(age_s: float | None) -> dict[str, str]:
    return {} if age_s is None else {"Age": str(int(age_s)), AGE_HEADER: str(round(age_s * 1_000))}


ROUTES: tuple[HTTPRouteHandler, ...] = (instruments, snapshot, ticks, bars, healthz, readyz, metrics)
