"""SSI's HTTP door, whatever dialect is spoken there: requests spaced out, signed where they command, and honest about what happened."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
from loguru import logger

from tradepit.backends.broker.ssi.signing import SsiSigner
from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import OutcomeUnknown, Unavailable

UNAUTHORIZED, CONFLICT, TOO_MANY, SERVER_FAULT = 401, 409, 429, 500
_SECOND_NS = 1_000_000_000
_LONGEST_PAUSE_S = 30.0


class SsiLogin(msgspec.Struct, frozen=True, kw_only=True):
    """Who logs in, read anew whenever it is needed. Never printed, never logged.

    In V2 ``api_key`` and ``api_secret`` are ConsumerID and ConsumerSecret, and ``otp`` is the PIN or the one-time code; in V3 it is
    empty where SSI asks for none.
    """

    client_id: str
    api_key: str
    api_secret: str
    private_key: str
    otp: str = ""

    def __repr__(self) -> str:
        return "SsiLogin(…)"


class SsiRefused(Exception):
    """SSI said no, and did nothing. ``code`` is SSI's, ``status`` HTTP's."""

    def __init__(self, status: int, code: int | str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message

    @property
    def duplicate(self) -> bool:
        """The request's id was used before today."""
        return self.status == CONFLICT


class SsiHttp:
    """One session of one client. Requests are spaced out to ``requests_per_s``, and wait as a 429 says."""

    def __init__(
        self, url: str, login: Callable[[], SsiLogin], clock: Clock, *, requests_per_s: float = 10.0, timeout_s: float = 5.0
    ) -> None:
        self.login, self._clock, self._space_ns = login, clock, int(_SECOND_NS / requests_per_s)
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout_s, trust_env=False)
        self._signer: tuple[str, SsiSigner] | None = None
        self._free_ns = 0

    async def call(self, method: str, path: str, **told: Any) -> httpx.Response:  # noqa: ANN401 - as httpx takes them
        """One request, in its turn. Raises httpx.HTTPError."""
        await self._turn()
        # In a task of its own: the house's doors run requests eagerly, outside of any (runtime/eager.py), and anyio wants one.
        return await asyncio.ensure_future(self._http.request(method, path, **told))

    async def command(self, method: str, path: str, content: bytes, token: str) -> httpx.Response:
        """One signed request. Raises Unavailable (it never left), OutcomeUnknown."""
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "X-Signature": self.signer().sign(content),
        }
        try:
            return await self.call(method, path, content=content, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Unavailable("no connection to SSI; nothing was done", cause=type(error).__name__) from error
        except httpx.HTTPError as error:
            raise OutcomeUnknown("SSI did not answer", cause=type(error).__name__) from error

    def signer(self) -> SsiSigner:
        """What signs, made anew when the key has changed. Raises ConfigError."""
        text = self.login().private_key
        if self._signer is None or self._signer[0] != text:
            self._signer = (text, SsiSigner(text))
        return self._signer[1]

    def pause(self, response: httpx.Response) -> None:
        """Wait as long as an answer says, before anything else is asked."""
        try:
            seconds = float(response.headers.get("Retry-After", "1"))
        except ValueError:
            seconds = 1.0
        seconds = min(max(seconds, 0.0), _LONGEST_PAUSE_S)
        self._free_ns = max(self._free_ns, self._clock.monotonic_ns() + int(seconds * _SECOND_NS))
        logger.warning("ssi: too many requests, waiting {} s", seconds)

    async def close(self) -> None:
        """Let go of connections."""
        await asyncio.ensure_future(self._http.aclose())

    async def _turn(self) -> None:
        """Wait until one more request may be sent."""
        now_ns = self._clock.monotonic_ns()
        mine_ns = max(self._free_ns, now_ns)
        self._free_ns = mine_ns + self._space_ns
        if mine_ns > now_ns:
            await asyncio.sleep((mine_ns - now_ns) / _SECOND_NS)
