"""SSI FastConnect V3 over HTTP: the token and its renewal, signed commands that are sent once, questions that are asked again."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar

import httpx
import msgspec
from loguru import logger

from tradepit.backends.broker.ssi.frames import Refusal, Token
from tradepit.backends.broker.ssi.http import SERVER_FAULT, TOO_MANY, UNAUTHORIZED, SsiHttp, SsiLogin, SsiRefused
from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import OutcomeUnknown, Unavailable

ORDER = "/api/v3/trading/order"
ORDER_BOOK = "/api/v3/trading/orderBook"
FUNDS = "/api/v3/trading/ppmmrAccount"
POSITIONS = "/api/v3/trading/position"
MASTER = "/api/v3/data/masterdata"
_TOKEN, _REFRESH = "/api/v3/auth/token", "/api/v3/auth/refresh"
# Of a token that runs out, this much is not used: it must not run out on the way.
_SKEW_NS = 30_000_000_000
_SECOND_NS = 1_000_000_000
# The refresh token is of no use any more: log in anew.
_LOG_IN_AGAIN = frozenset({401101, 401102, 401103, 401104, 401106, 401107, 401108})

AnswerT = TypeVar("AnswerT")


class SsiRest:
    """One session of one API key; SSI allows no more."""

    def __init__(
        self, url: str, login: Callable[[], SsiLogin], clock: Clock, *, requests_per_s: float = 10.0, timeout_s: float = 5.0
    ) -> None:
        self._login, self._clock = login, clock
        self._http = SsiHttp(url, login, clock, requests_per_s=requests_per_s, timeout_s=timeout_s)
        self._token: Token | None = None
        self._refused: SsiLogin | None = None
        self._logging_in = asyncio.Lock()

    @property
    def client_id(self) -> str:
        """SSI's number of the client."""
        return self._login().client_id

    async def token(self) -> str:
        """A token that is good for a while. Raises Unavailable; credentials that were refused are not tried a second time."""
        async with self._logging_in:
            token = self._token
            if token is None or (token.expires_at and self._clock.now_ns() >= token.expires_at * _SECOND_NS - _SKEW_NS):
                token = self._token = await self._renewed(token)
            return token.access_token

    def forget_token(self, used: str) -> None:
        """The token ``used`` was refused: the next call renews it."""
        if self._token is not None and self._token.access_token == used:
            self._token = msgspec.structs.replace(self._token, expires_at=1)

    async def send(self, method: str, body: msgspec.Struct, answer: type[AnswerT]) -> AnswerT:
        """Send a signed command, once. Raises SsiRefused, Unavailable (certainly not done), OutcomeUnknown."""
        content = msgspec.json.encode(body)
        used = await self.token()
        response = await self._http.command(method, ORDER, content, used)
        if response.status_code == UNAUTHORIZED and _refusal(response).code not in (401006, 401008, 401013):
            # The door did not let it in: with a new token it is the same request for the first time.
            self.forget_token(used)
            response = await self._http.command(method, ORDER, content, await self.token())
        status = response.status_code
        if status == TOO_MANY:
            self._http.pause(response)
            raise Unavailable("SSI takes no more requests now; nothing was done")
        if status >= SERVER_FAULT:
            raise OutcomeUnknown("SSI failed over the request", status=status)
        refusal = _refusal(response)
        if status >= 400 or refusal.code not in (0, 200, 204):
            raise SsiRefused(status, refusal.code, refusal.text)
        try:
            return msgspec.json.decode(response.content, type=answer, strict=False)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise OutcomeUnknown("SSI's answer cannot be read", cause=str(error)[:200]) from error

    async def ask(self, path: str, query: Mapping[str, str], answer: type[AnswerT]) -> AnswerT:
        """Ask a question, a second time where that may help. Raises Unavailable."""
        last = "no answer"
        for _ in range(3):
            used = await self.token()
            try:
                response = await self._http.call("GET", path, params=dict(query), headers={"Authorization": f"Bearer {used}"})
            except httpx.HTTPError as error:
                last = type(error).__name__
                continue
            status, refusal = response.status_code, _refusal(response)
            last = f"{status} {refusal.code}: {refusal.text}"
            if status == UNAUTHORIZED:
                self.forget_token(used)
            elif status == TOO_MANY:
                self._http.pause(response)
            elif status < 400 and refusal.code in (0, 200, 204):
                try:
                    return msgspec.json.decode(response.content or b"{}", type=answer, strict=False)
                except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                    raise Unavailable("SSI's answer cannot be read", path=path, cause=str(error)[:200]) from error
            elif status < SERVER_FAULT:
                break
        raise Unavailable("SSI did not answer the question", path=path, cause=last[:200])

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _renewed(self, token: Token | None) -> Token:
        login = self._login()
        self._http.signer()  # a key that cannot be read is found out before the first order
        if token is not None and token.refresh_token:
            body = {"apiKey": login.api_key, "refreshToken": token.refresh_token}
            renewed = await self._auth(_REFRESH, body)
            if isinstance(renewed, Token):
                return renewed
            if renewed.code not in _LOG_IN_AGAIN:
                raise Unavailable("SSI did not renew the login", cause=renewed.text)
        if login == self._refused:
            # After five wrong codes SSI blocks the client.
            raise Unavailable("SSI refused these credentials before; they are not tried again until they change")
        body = {"apiKey": login.api_key, "apiSecret": login.api_secret} | ({"otp": login.otp} if login.otp else {})
        found = await self._auth(_TOKEN, body)
        if isinstance(found, Token):
            logger.info("ssi: logged in")
            return found
        if found.status in (400, 401, 403):
            self._refused = login
        raise Unavailable("SSI refused the login", status=found.status, cause=found.text)

    async def _auth(self, path: str, body: dict[str, str]) -> "Token | _Answered":
        try:
            response = await self._http.call("POST", path, json=body)
        except httpx.HTTPError as error:
            raise Unavailable("no connection to SSI", cause=type(error).__name__) from error
        refusal = _refusal(response)
        if response.status_code == TOO_MANY:
            self._http.pause(response)
        if response.status_code == 200 and refusal.code in (0, 200):
            try:
                return msgspec.json.decode(response.content, type=Token, strict=False)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                # What cannot be read may be a token: nothing of it is told.
                raise Unavailable("SSI's login cannot be read") from None
        return refusal


class _Answered(msgspec.Struct, frozen=True):
    status: int
    code: int
    text: str


def _refusal(response: httpx.Response) -> _Answered:
    """What an answer says of itself; code 0 when it says nothing."""
    try:
        told = msgspec.json.decode(response.content or b"{}", type=Refusal, strict=False)
        code = int(told.code)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
        return _Answered(response.status_code, 0, "")
    return _Answered(response.status_code, code, (told.msg or told.message)[:200])
