"""The login of SSI FastConnect V2: a token for orders that a second factor buys, and one for questions that needs none."""

import asyncio
import base64
import binascii

import httpx
import msgspec
from loguru import logger

from tradepit.backends.broker.ssi.http import SERVER_FAULT, TOO_MANY, SsiHttp, SsiLogin
from tradepit.backends.broker.ssi.v2.frames import Answer, Token, read_answer, read_data
from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import BadRequest, Unavailable

TRADING = "/api/v2/Trading/"
_PIN, _ONE_TIME = 0, 1
# What stands for a code where none is asked for.
_NO_CODE = "1"
_SECOND_NS = 1_000_000_000
_LIFE_NS = 8 * 3600 * _SECOND_NS
# Of a token that runs out, this much is not used; it is renewed earlier still, and tried again a minute later where that fails.
_SKEW_NS, _EARLY_NS, _AGAIN_NS = 30 * _SECOND_NS, 1800 * _SECOND_NS, 60 * _SECOND_NS


class _Held(msgspec.Struct, frozen=True):
    """A token and its end, UTC ns."""

    token: str = ""
    until_ns: int = 0


class _Expiry(msgspec.Struct, frozen=True):
    exp: int


class SsiV2Login:
    """``one_time``: the code is a one-time code and good for a single login; else it is the PIN.

    Credentials that were refused are not tried a second time: after five wrong codes SSI blocks the client.
    """

    def __init__(self, http: SsiHttp, clock: Clock, *, one_time: bool) -> None:
        self._http, self._clock, self._one_time = http, clock, one_time
        self._orders, self._questions = _Held(), _Held()
        self._not_before_ns = 0
        self._refused: SsiLogin | None = None
        self._used: SsiLogin | None = None
        self._code_asked_for = False
        self._logging_in = asyncio.Lock()

    async def token(self) -> str:
        """A token that is good for orders, for a while. Raises Unavailable."""
        async with self._logging_in:
            await self._log_in_where_needed()
            return self._orders.token

    async def reading_token(self) -> str:
        """A token that is good for questions and the stream. Raises Unavailable.

        It is that for orders where there is one. While a one-time code is waited for, the house sees what happens all the same.
        """
        async with self._logging_in:
            try:
                await self._log_in_where_needed()
            except Unavailable:
                if not self._one_time:
                    raise
                if not self._good(self._questions, _SKEW_NS):
                    self._questions = await self._exchange(self._http.login(), _NO_CODE, saves=False)
                    logger.warning("ssi: orders wait for a one-time code; questions do not")
                return self._questions.token
            return self._orders.token

    def forget(self, used: str) -> None:
        """The token ``used`` was refused: the next call logs in."""
        if self._orders.token == used:
            self._orders = _Held()
        if self._questions.token == used:
            self._questions = _Held()

    async def _log_in_where_needed(self) -> None:
        if not self._good(self._orders, _SKEW_NS):
            await self._log_in()
        elif not self._good(self._orders, _EARLY_NS) and self._clock.now_ns() >= self._not_before_ns:
            await self._renew_early()

    def _good(self, held: _Held, ahead_ns: int) -> bool:
        return bool(held.token) and held.until_ns - self._clock.now_ns() >= ahead_ns

    async def _renew_early(self) -> None:
        """Log in while the old token is good: where that fails nothing is lost yet. A one-time code that was used is left alone."""
        self._not_before_ns = self._clock.now_ns() + _AGAIN_NS
        if self._one_time and self._http.login() == self._used:
            return
        try:
            await self._log_in()
        except Unavailable as error:
            logger.warning("ssi: the login could not be renewed yet: {}", error)

    async def _log_in(self) -> None:
        login = self._http.login()
        self._http.signer()  # a key that cannot be read is found out before the first order
        if login == self._refused or (self._one_time and login == self._used):
            await self._ask_for_code(login)
            raise Unavailable("this code was refused or used before; it is not tried again until it changes")
        # The code counts for all orders under this token: it need not go with each.
        self._orders = await self._exchange(login, login.otp, saves=True)
        self._used, self._code_asked_for = login, False
        logger.info("ssi: logged in")

    async def _exchange(self, login: SsiLogin, code: str, *, saves: bool) -> _Held:
        body = _consumer(login) | {"twoFactorType": _ONE_TIME if self._one_time else _PIN, "code": code, "isSave": saves}
        status, answer = await self._auth("AccessToken", body)
        if status >= 300 or answer is None:
            if saves and 400 <= status < SERVER_FAULT and status != TOO_MANY:
                self._refused = login
                await self._ask_for_code(login)
            raise Unavailable("SSI refused the login", status=status, cause=(answer.message or "")[:200] if answer else "")
        try:
            token = read_data(answer, Token).access_token
        except BadRequest:
            # What cannot be read may be a token: nothing of it is told.
            raise Unavailable("SSI's login cannot be read") from None
        return _Held(token, _expires_ns(token) or self._clock.now_ns() + _LIFE_NS)

    async def _ask_for_code(self, login: SsiLogin) -> None:
        """Have SSI send the client a one-time code, once until a login succeeds."""
        if self._one_time and not self._code_asked_for:
            status, _ = await self._auth("GetOTP", _consumer(login))
            self._code_asked_for = True
            logger.warning("ssi: a one-time code was asked for ({}); put it where the settings say", status)

    async def _auth(self, path: str, body: dict[str, object]) -> tuple[int, Answer | None]:
        try:
            response = await self._http.call("POST", TRADING + path, json=body)
        except httpx.HTTPError as error:
            raise Unavailable("no connection to SSI", cause=type(error).__name__) from error
        status, answer = read_response(response)
        if status == TOO_MANY:
            self._http.pause(response)
        return status, answer


def read_response(response: httpx.Response) -> tuple[int, Answer | None]:
    """The status that counts, which is the worse of HTTP's and the answer's own, and the answer where it can be read."""
    try:
        answer = read_answer(response.content)
    except BadRequest:
        return response.status_code, None
    return max(response.status_code, answer.number), answer


def _consumer(login: SsiLogin) -> dict[str, object]:
    return {"consumerID": login.api_key, "consumerSecret": login.api_secret}


def _expires_ns(token: str) -> int:
    """When a token ends (UTC ns) by its own word; 0 when it does not say."""
    try:
        claims = token.split(".")[1]
        return msgspec.json.decode(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)), type=_Expiry).exp * _SECOND_NS
    except (IndexError, ValueError, binascii.Error, msgspec.MsgspecError):
        return 0
