"""SSI FastConnect Data V2 over HTTP, a service of its own: its login, and questions that are asked again."""

import asyncio
from collections.abc import Callable, Mapping

import httpx

from tradepit.backends.broker.ssi.http import SERVER_FAULT, TOO_MANY, UNAUTHORIZED, SsiHttp, SsiLogin
from tradepit.backends.broker.ssi.v2.frames import Answer, Token, read_answer, read_data
from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import BadRequest, Unavailable

_PATH = "/api/v2/Market/"
# The service admits one request a second.
_REQUESTS_PER_S = 1.0
_TRIES = 3


class SsiV2Data:
    """One login, for prices and for the hub of market data. ``login``: its ``api_key`` and ``api_secret`` are ConsumerID and
    ConsumerSecret of FastConnect Data.
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
        self._logging_in = asyncio.Lock()

    async def token(self) -> str:
        """A token; how long it is good for, the service finds out. Raises Unavailable."""
        async with self._logging_in:
            if not self._token:
                self._token = await self._log_in()
            return self._token

    def forget_token(self, used: str) -> None:
        """The token ``used`` was refused: the next call logs in."""
        if self._token == used:
            self._token = ""

    async def ask(self, path: str, query: Mapping[str, str]) -> Answer:
        """Ask a question, a second time where that may help. Raises Unavailable."""
        last = "no answer"
        for _ in range(_TRIES):
            used = await self.token()
            status, answer = await self._call("GET", path, params=dict(query), headers={"Authorization": f"Bearer {used}"})
            last = f"{status}: {(answer.message or '')[:200] if answer is not None else ''}"
            if status == UNAUTHORIZED:
                self.forget_token(used)
            elif status < 300 and answer is not None:
                return answer
            elif status < SERVER_FAULT and status != TOO_MANY:
                break
        raise Unavailable("SSI's data service does not answer the question", path=path, cause=last)

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _log_in(self) -> str:
        login = self._login()
        body = {"consumerID": login.api_key, "consumerSecret": login.api_secret}
        status, answer = await self._call("POST", "AccessToken", json=body)
        if status >= 300 or answer is None:
            raise Unavailable("SSI's data service refused the login", status=status)
        try:
            return read_data(answer, Token).access_token
        except BadRequest:
            # What cannot be read may be a token: nothing of it is told.
            raise Unavailable("the login of SSI's data service cannot be read") from None

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
