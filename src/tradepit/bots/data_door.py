"""The Data API's door seen from a bot: one question, one answer, errors that are ours."""

import urllib.error
import urllib.request
from typing import TypeVar

import msgspec

from tradepit.trading.model.errors import ConfigError, TimedOut, Unavailable

AnswerT = TypeVar("AnswerT", bound=msgspec.Struct)
_MOST_BYTES = 64 * 1024 * 1024
_UNKNOWN = 404


class DataDoor:
    """Blocking. ``url`` is ``http://host:port``. Raises ConfigError for one that is none, later Unavailable and TimedOut alone."""

    def __init__(self, url: str, *, timeout_s: float = 5.0) -> None:
        if not url.startswith(("http://", "https://")) or "@" in url:
            raise ConfigError("the Data API is at http://host:port", data_api=url[:100])
        self._url, self._timeout_s = url.rstrip("/"), timeout_s
        # What the environment says of proxies is not meant for the house's own doors.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(self, path: str, kind: type[AnswerT]) -> AnswerT | None:
        """The answer, None for a contract nobody knows."""
        try:
            with self._opener.open(self._url + path, timeout=self._timeout_s) as reply:
                return msgspec.json.decode(reply.read(_MOST_BYTES), type=kind)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == _UNKNOWN:
                    return None
                raise Unavailable("the Data API does not answer that now", path=path, status=error.code) from error
        except TimeoutError as error:
            raise TimedOut("the Data API does not answer", path=path) from error
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            raise Unavailable("the Data API cannot be asked", path=path, cause=str(error)[:200]) from error
