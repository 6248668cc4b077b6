"""What waits to be told to one DIFF client: merge patches, conflated until the client peeks, then told together."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

Patch = dict[str, Any]
_MAX_NOTICES = 1_000
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Outlet:
    """One ``rtn_data`` for one ``peek_message``. A slow client costs memory for one merged document, never for a queue: of what it
    was to be told in words it finds the newest thousand.

    A patch that deletes (``None``) keeps its place: what comes after it is not merged into it. Notices go in a patch of their
    own: the vendor's JavaScript client takes a patch with ``notify`` for nothing else, and forgets the rest of it.
    """

    def __init__(self) -> None:
        self._waiting: list[Patch] = []
        self._notices: Patch = {}
        self._sealed = self._peeked = False
        self._news = asyncio.Event()
        self.told = self.merged = 0

    def add(self, patch: Mapping[str, Any]) -> None:
        """Tell this with the next answer."""
        others = {key: value for key, value in patch.items() if key != "notify"}
        if "notify" in patch:
            merge(self._notices, {"notify": patch["notify"]})
            waiting = self._notices["notify"]
            while len(waiting) > _MAX_NOTICES:
                del waiting[next(iter(waiting))]
        if others or "notify" not in patch:
            self._add(others)
        self._look()

    def peek(self) -> None:
        """The client asks for news: it is answered now, or as soon as there is any."""
        self._peeked = True
        self._look()

    async def next(self) -> bytes:
        """The next ``rtn_data`` message, once it was asked for and there is something to tell."""
        await self._news.wait()
        self._news.clear()
        waiting, self._waiting = self._waiting, []
        if self._notices:
            waiting.insert(0, self._notices)
            self._notices = {}
        self._peeked = self._sealed = False
        self.told += 1
        return _ENCODER.encode({"aid": "rtn_data", "data": waiting})

    def _add(self, patch: Mapping[str, Any]) -> None:
        deletes = _deletes(patch)
        if self._waiting and not self._sealed and not deletes:
            merge(self._waiting[-1], patch)
            self.merged += 1
        else:
            self._waiting.append(merge({}, patch) if not deletes else dict(patch))
        self._sealed = deletes

    def _look(self) -> None:
        if self._peeked and (self._waiting or self._notices):
            self._news.set()


def merge(target: Patch, patch: Mapping[str, Any]) -> Patch:
    """``target`` with ``patch`` merged into it (RFC 7386, deletions kept as such); nothing of ``patch`` is shared with it."""
    for key, value in patch.items():
        if isinstance(value, Mapping):
            inner = target.get(key)
            target[key] = merge(inner if isinstance(inner, dict) else {}, value)
        else:
            target[key] = value
    return target


def _deletes(patch: Mapping[str, Any]) -> bool:
    return any(value is None or (isinstance(value, Mapping) and _deletes(value)) for value in patch.values())
