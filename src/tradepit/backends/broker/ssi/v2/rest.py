"""SSI FastConnect V2 over HTTP: signed commands that are sent once, questions that are asked again."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import httpx
import msgspec

from tradepit.backends.broker.ssi.http import SERVER_FAULT, TOO_MANY, UNAUTHORIZED, SsiHttp, SsiLogin, SsiRefused
from tradepit.backends.broker.ssi.v2.frames import Answer, read_data
from tradepit.backends.broker.ssi.v2.login import TRADING, SsiV2Login, read_response
from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import BadRequest, OutcomeUnknown, Unavailable

_DONE, _NOTHING_THERE = 200, 204

AnswerT = TypeVar("AnswerT")


class SsiV2Rest:
    """One login. ``one_time``: the second factor is a one-time code, else the PIN."""

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
        self._http = SsiHttp(url, login, clock, requests_per_s=requests_per_s, timeout_s=timeout_s)
        self.login = SsiV2Login(self._http, clock, one_time=one_time)

    async def send(self, path: str, body: msgspec.Struct) -> None:
        """Send a signed command, once: a good answer says that it arrived. Raises SsiRefused, Unavailable, OutcomeUnknown."""
        content = msgspec.json.encode(body)
        used = await self.login.token()
        response = await self._http.command("POST", TRADING + path, content, used)
        status, answer = read_response(response)
        if status == UNAUTHORIZED:
            # The door did not let it in: with a new token it is the same request for the first time.
            self.login.forget(used)
            response = await self._http.command("POST", TRADING + path, content, await self.login.token())
            status, answer = read_response(response)
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
            used = await self.login.reading_token()
            headers = {"Authorization": f"Bearer {used}"}
            try:
                response = await self._http.call("GET", TRADING + path, params=dict(query), headers=headers)
            except httpx.HTTPError as error:
                last = type(error).__name__
                continue
            status, answer = read_response(response)
            last = f"{status}: {_text(answer)}"
            if status == UNAUTHORIZED:
                self.login.forget(used)
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


def _there(answer: Answer | None) -> Answer:
    if answer is None:
        raise BadRequest("no answer of SSI's")
    return answer


def _text(answer: Answer | None) -> str:
    return (answer.message or "")[:200] if answer is not None else ""
