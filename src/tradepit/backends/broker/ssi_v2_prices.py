"""The day's prices of contracts from SSI FastConnect Data V2, a service of its own: FastConnect Trading V2 tells none."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import date, timedelta

import httpx
import msgspec
from loguru import logger

from tradepit.backends.broker.ssi_frames import MasterRow
from tradepit.backends.broker.ssi_http import SERVER_FAULT, TOO_MANY, UNAUTHORIZED, SsiHttp, SsiLogin
from tradepit.backends.broker.ssi_terms import number
from tradepit.backends.broker.ssi_v2_frames import Answer, DayPrice, Token, read_answer, read_data
from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import BadRequest, Unavailable

_PATH = "/api/v2/Market/"
# The service admits one request a second.
_REQUESTS_PER_S = 1.0
_LOOK_BACK = timedelta(days=14)
_TRIES = 3
_DATE = "%d/%m/%Y"


class SsiV2Prices:
    """A contract's row of the day is asked for until it is there, and then kept.

    ``login``: its ``api_key`` and ``api_secret`` are ConsumerID and ConsumerSecret of FastConnect Data.
    """

    def __init__(
        self,
        url: str,
        login: Callable[[], SsiLogin],
        clock: Clock,
        *,
        requests_per_s: float = _REQUESTS_PER_S,
        timeout_s: float = 5.0,
    ) -> None:
        self._login = login
        self._http = SsiHttp(url, login, clock, requests_per_s=min(requests_per_s, 1_000.0), timeout_s=timeout_s)
        self._token = ""
        self._day = date.min
        self._known: dict[str, MasterRow] = {}
        self._asking = asyncio.Lock()

    async def of_day(self, trading_day: int, symbols: Sequence[str]) -> dict[str, MasterRow]:
        """Reference, ceiling and floor (index points) by contract code, of those that are known. Raises Unavailable.

        Before the service has a contract's row of the day, the close of its last one is the reference: the daily settlement
        price of these futures is their close. Ceiling and floor are 0 then, and follow from it.
        """
        day = date.fromisoformat(str(trading_day))
        async with self._asking:
            if day != self._day:
                self._day, self._known = day, {}
            found = {symbol: self._known.get(symbol) or await self._row(symbol, day) for symbol in symbols}
        return {symbol: row for symbol, row in found.items() if row is not None}

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _row(self, symbol: str, day: date) -> MasterRow | None:
        query = {
            "symbol": symbol,
            "fromDate": (day - _LOOK_BACK).strftime(_DATE),
            "toDate": day.strftime(_DATE),
            "pageIndex": "1",
            "pageSize": "50",
            "market": "DER",
        }
        rows = await self._ask(query)
        by_day = {row.trading_date: row for row in rows}
        today = by_day.get(day.strftime(_DATE))
        if today is not None and number(today.ref_price) > 0:
            self._known[symbol] = today.told(symbol)
            return self._known[symbol]
        for back in range(1, _LOOK_BACK.days + 1):
            former = by_day.get((day - timedelta(days=back)).strftime(_DATE))
            if former is not None and number(former.close_price) > 0:
                logger.warning(
                    "ssi: {} has no prices of {} yet, its reference is the close of {}", symbol, day, former.trading_date
                )
                return MasterRow(symbol=symbol, ref_price=number(former.close_price))
        return None

    async def _ask(self, query: dict[str, str]) -> tuple[DayPrice, ...]:
        last = "no answer"
        for _ in range(_TRIES):
            headers = {"Authorization": f"Bearer {await self._logged_in()}"}
            status, answer = await self._call("GET", "DailyStockPrice", params=query, headers=headers)
            last = f"{status}: {(answer.message or '')[:200] if answer is not None else ''}"
            if status == UNAUTHORIZED:
                self._token = ""
            elif status < 300 and answer is not None:
                return _rows(answer)
            elif status < SERVER_FAULT and status != TOO_MANY:
                break
        raise Unavailable("SSI tells no prices", cause=last)

    async def _logged_in(self) -> str:
        if not self._token:
            login = self._login()
            body = {"consumerID": login.api_key, "consumerSecret": login.api_secret}
            status, answer = await self._call("POST", "AccessToken", json=body)
            if status >= 300 or answer is None:
                raise Unavailable("SSI's data service refused the login", status=status)
            try:
                self._token = read_data(answer, Token).access_token
            except BadRequest:
                # What cannot be read may be a token: nothing of it is told.
                raise Unavailable("the login of SSI's data service cannot be read") from None
        return self._token

    async def _call(self, method: str, path: str, **told: object) -> tuple[int, Answer | None]:
        try:
            response = await self._http.call(method, _PATH + path, **told)
        except httpx.HTTPError as error:
            raise Unavailable("no connection to SSI's data service", cause=type(error).__name__) from error
        if response.status_code == TOO_MANY:
            self._http.pause(response)
        try:
            answer = read_answer(response.content)
        except BadRequest:
            return response.status_code, None
        return max(response.status_code, answer.number), answer


def _rows(answer: Answer) -> tuple[DayPrice, ...]:
    """Rows that can be read; one that cannot hides no other."""
    found: list[DayPrice] = []
    for row in answer.data if isinstance(answer.data, list) else []:
        try:
            found.append(msgspec.convert(row, DayPrice, strict=False))
        except msgspec.MsgspecError as error:
            logger.error("ssi: a day's prices cannot be read: {}", error)
    return tuple(found)
