"""SSI FastConnect V2 over HTTP: the login with its second factor, signed commands that are sent once, questions asked again."""

import asyncio
import base64
import binascii
from collections.abc import Callable, Mapping
from typing import TypeVar

import httpx
import msgspec
from loguru import logger

from tradepit.backends.broker.ssi_http import SERVER_FAULT, TOO_MANY, UNAUTHORIZED, SsiHttp, SsiLogin, SsiRefused
from tradepit.backends.broker.ssi_v2_frames import Answer, Token, read_answer, read_data
from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import BadRequest, OutcomeUnknown, Unavailable

TRADING = "/api/v2/Trading/"
_PIN, _ONE_TIME = 0, 1
_SECOND_NS = 1_000_000_000
_LIFE_NS = 8 * 3600 * _SECOND_NS
# Of a token that runs out, this much is not used; a house that may log in by itself does so earlier still.
_SKEW_NS, _EARLY_NS, _AGAIN_NS = 30 * _SECOND_NS, 1800 * _SECOND_NS, 60 * _SECOND_NS
_DONE, _NOTHING_THERE = 200, 204

AnswerT = TypeVar("AnswerT")


class _Expiry(msgspec.Struct, frozen=True):
    exp: int


class SsiV2Rest:
    """One login. ``one_time``: the code is a one-time code and good for a single login; else it is the PIN."""

    def __init__(
        self,
        url: str,
        login: Callable[[], SsiLogin],
        clock: Clock,
        *,
        one_time: bool = False,
        requests_per_s: float = 10.0,
        timeout_s: float = 5.0,
    ) -> None:
        self._login, self._clock, self._one_time = login, clock, one_time
        self._http = SsiHttp(url, login, clock, requests_per_s=requests_per_s, timeout_s=timeout_s)
        self._token, self._until_ns, self._not_before_ns = "", 0, 0
        self._refused: SsiLogin | None = None
        self._used: SsiLogin | None = None
        self._code_asked_for = False
        self._logging_in = asyncio.Lock()

    async def token(self) -> str:
        """A token that is good for a while. Raises Unavailable; credentials that were refused are not tried a second time."""
        async with self._logging_in:
            now_ns = self._clock.now_ns()
            if not self._token or self._until_ns - now_ns < _SKEW_NS:
                await self._log_in()
            elif self._until_ns - now_ns < _EARLY_NS and now_ns >= self._not_before_ns:
                await self._renew_early(now_ns)
            return self._token

    def forget_token(self, used: str) -> None:
        """The token ``used`` was refused: the next call logs in."""
        if self._token == used:
            self._token = ""

    async def send(self, path: str, body: msgspec.Struct) -> None:
        """Send a signed command, once: a good answer says that it arrived. Raises SsiRefused, Unavailable, OutcomeUnknown."""
        content = msgspec.json.encode(body)
        used = await self.token()
        response = await self._http.command("POST", TRADING + path, content, used)
        status, answer = _read(response)
        if status == UNAUTHORIZED:
            # The door did not let it in: with a new token it is the same request for the first time.
            self.forget_token(used)
            response = await self._http.command("POST", TRADING + path, content, await self.token())
            status, answer = _read(response)
        if status == TOO_MANY:
            self._http.pause(response)
            raise Unavailable("SSI takes no more requests now; nothing was done")
        if status >= SERVER_FAULT:
            raise OutcomeUnknown("SSI failed over the request", status=status)
        if status >= 300:
            raise SsiRefused(status, status, _text(answer))
        if answer is None or answer.number != _DONE:
            raise OutcomeUnknown("SSI's answer cannot be read")

    async def ask(self, path: str, query: Mapping[str, str], kind: type[AnswerT]) -> AnswerT:
        """Ask a question, a second time where that may help. Raises Unavailable."""
        last = "no answer"
        for _ in range(3):
            used = await self.token()
            try:
                response = await self._http.call(
                    "GET", TRADING + path, params=dict(query), headers={"Authorization": f"Bearer {used}"}
                )
            except httpx.HTTPError as error:
                last = type(error).__name__
                continue
            status, answer = _read(response)
            last = f"{status}: {_text(answer)}"
            if status == UNAUTHORIZED:
                self.forget_token(used)
            elif status == TOO_MANY:
                self._http.pause(response)
            elif status < 300:
                try:
                    return read_data(Answer() if answer is None and status == _NOTHING_THERE else _there(answer), kind)
                except BadRequest as error:
                    raise Unavailable("SSI's answer cannot be read", path=path, cause=str(error)[:200]) from error
            elif status < SERVER_FAULT:
                break
        raise Unavailable("SSI did not answer the question", path=path, cause=last[:200])

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _renew_early(self, now_ns: int) -> None:
        """Log in while the old token is good: where that fails nothing is lost yet. A one-time code that was used is left alone."""
        self._not_before_ns = now_ns + _AGAIN_NS
        if self._one_time and self._login() == self._used:
            return
        try:
            await self._log_in()
        except Unavailable as error:
            logger.warning("ssi: the login could not be renewed yet: {}", error)

    async def _log_in(self) -> None:
        login = self._login()
        self._http.signer()  # a key that cannot be read is found out before the first order
        if login == self._refused or (self._one_time and login == self._used):
            # After five wrong codes SSI blocks the client.
            await self._ask_for_code(login)
            raise Unavailable("this code was refused or used before; it is not tried again until it changes")
        body = _consumer(login) | {
            "twoFactorType": _ONE_TIME if self._one_time else _PIN,
            "code": login.otp,
            # The code counts for all orders under this token: it need not go with each.
            "isSave": True,
        }
        status, answer = await self._auth("AccessToken", body)
        if status >= 300 or answer is None:
            if 400 <= status < SERVER_FAULT and status != TOO_MANY:
                self._refused = login
                await self._ask_for_code(login)
            raise Unavailable("SSI refused the login", status=status, cause=_text(answer))
        try:
            token = read_data(answer, Token).access_token
        except BadRequest:
            # What cannot be read may be a token: nothing of it is told.
            raise Unavailable("SSI's login cannot be read") from None
        self._token, self._used, self._code_asked_for = token, login, False
        self._until_ns = _expires_ns(token) or self._clock.now_ns() + _LIFE_NS
        logger.info("ssi: logged in")

    async def _ask_for_code(self, login: SsiLogin) -> None:
        """Have SSI send the client a one-time code, once until a login succeeds."""
        if self._one_time and not self._code_asked_for:
            self._code_asked_for = True
            status, _ = await self._auth("GetOTP", _consumer(login))
            logger.warning("ssi: a one-time code was asked for ({}); put it where the settings say", status)

    async def _auth(self, path: str, body: dict[str, object]) -> tuple[int, Answer | None]:
        try:
            response = await self._http.call("POST", TRADING + path, json=body)
        except httpx.HTTPError as error:
            raise Unavailable("no connection to SSI", cause=type(error).__name__) from error
        status, answer = _read(response)
        if status == TOO_MANY:
            self._http.pause(response)
        return status, answer


def _consumer(login: SsiLogin) -> dict[str, object]:
    return {"consumerID": login.api_key, "consumerSecret": login.api_secret}


def _read(response: httpx.Response) -> tuple[int, Answer | None]:
    """The status that counts, which is the worse of HTTP's and the answer's own, and the answer where it can be read."""
    try:
        answer = read_answer(response.content)
    except BadRequest:
        return response.status_code, None
    return max(response.status_code, answer.number), answer


def _there(answer: Answer | None) -> Answer:
    if answer is None:
        raise BadRequest("no answer of SSI's")
    return answer


def _text(answer: Answer | None) -> str:
    return (answer.message or "")[:200] if answer is not None else ""


def _expires_ns(token: str) -> int:
    """When a token ends (UTC ns) by its own word; 0 when it does not say."""
    try:
        claims = token.split(".")[1]
        return msgspec.json.decode(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)), type=_Expiry).exp * _SECOND_NS
    except (IndexError, ValueError, binascii.Error, msgspec.MsgspecError):
        return 0
