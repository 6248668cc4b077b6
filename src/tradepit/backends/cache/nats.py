"""The cache on a NATS key-value bucket with a time to live per key."""

import asyncio
import contextlib
import math
import re
import secrets

from tradepit.runtime.nats_api import (
    WRONG_LAST,
    StreamRefused,
    call,
    create_consumer,
    ensure_stream,
    keep,
    nanoseconds,
    stored,
)
from tradepit.runtime.nats_connection import NatsMessage
from tradepit.runtime.nats_link import NatsLink
from tradepit.trading.model.errors import IdNotValid, TimedOut, Unavailable

_KEY = re.compile(r"[A-Za-z0-9_=-]+(\.[A-Za-z0-9_=-]+)*")
_VERSION = "Tradepit-Version"
_PREFIX = re.compile(r"[A-Za-z0-9_.=-]*")


class NatsCache:
    """One member's view of a bucket. The server counts whole seconds: a key lives ``ttl_s`` rounded up, at least 1 s.

    ``storage``: "memory" (the keys go with the server) or "file". Raises IdNotValid for a key that is none.
    """

    def __init__(self, url: str, *, bucket: str = "TP_CACHE", storage: str = "memory", timeout_s: float = 2.0) -> None:
        self._link = NatsLink(url, name=f"cache:{bucket}")
        self._bucket, self._stream, self._storage, self._timeout_s = bucket, f"KV_{bucket}", storage, timeout_s

    async def connect(self) -> None:
        await self._link.connect()
        await ensure_stream(
            self._link,
            self._stream,
            [f"$KV.{self._bucket}.>"],
            storage=self._storage,
            max_msgs_per_subject=1,
            allow_msg_ttl=True,
            allow_rollup_hdrs=True,
            discard="new",
        )

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        await keep(self._link, self._subject(key), value, timeout_s=self._timeout_s, headers=_life(ttl_s))

    async def put_newer(self, key: str, value: bytes, *, version: int, ttl_s: float) -> bool:
        subject = self._subject(key)
        try:
            async with asyncio.timeout(self._timeout_s):
                while True:
                    held = await stored(self._link, self._stream, last_by_subj=subject, timeout_s=self._timeout_s)
                    if held is not None and int(held.headers.get(_VERSION, 0)) > version:
                        return False
                    last = str(held.sequence if held is not None else 0)
                    headers = {**_life(ttl_s), _VERSION: str(version), "Nats-Expected-Last-Subject-Sequence": last}
                    try:
                        await keep(self._link, subject, value, timeout_s=self._timeout_s, headers=headers)
                    except StreamRefused as error:
                        if error.err_code not in WRONG_LAST:
                            raise
                    else:
                        return True
        except TimeoutError as error:
            raise TimedOut(bucket=self._bucket) from error

    async def get(self, key: str) -> bytes | None:
        message = await stored(self._link, self._stream, last_by_subj=self._subject(key), timeout_s=self._timeout_s)
        return message.payload if message is not None else None

    async def delete(self, key: str) -> None:
        await call(self._link, f"STREAM.PURGE.{self._stream}", {"filter": self._subject(key)}, timeout_s=self._timeout_s)

    async def items(self, prefix: str) -> dict[str, bytes]:
        if not _PREFIX.fullmatch(prefix):
            raise IdNotValid(key=prefix)
        name = f"i{secrets.token_hex(8)}"
        found: dict[str, bytes] = {}
        start, complete = f"$KV.{self._bucket}.", asyncio.Event()
        wanted: int | None = None
        received = 0

        def receive(message: NatsMessage) -> None:
            nonlocal received
            received += 1
            key = message.subject[len(start) :]
            if key.startswith(prefix):
                found[key] = message.data
            if received == wanted:
                complete.set()

        subscription = await self._link.subscribe(f"_INBOX.{name}", receive)
        try:
            # Subjects can be filtered by whole tokens only; the rest of the prefix is compared here.
            tokens = prefix.rpartition(".")[0]
            config = {
                "deliver_subject": f"_INBOX.{name}",
                "deliver_policy": "last_per_subject",
                "filter_subject": f"{start}{tokens}.>" if tokens else f"{start}>",
                "ack_policy": "none",
                "mem_storage": True,
                "num_replicas": 1,
                "inactive_threshold": nanoseconds(5.0),
            }
            info = await create_consumer(self._link, self._stream, name, config)
            wanted = info["num_pending"] + info["delivered"]["consumer_seq"]
            if received < wanted:
                async with asyncio.timeout(self._timeout_s):
                    await complete.wait()
        except TimeoutError as error:
            raise TimedOut(bucket=self._bucket) from error
        finally:
            await subscription.stop()
            with contextlib.suppress(Unavailable):
                await call(self._link, f"CONSUMER.DELETE.{self._stream}.{name}", timeout_s=1.0)
        return found

    async def close(self) -> None:
        await self._link.close()

    def _subject(self, key: str) -> str:
        if not _KEY.fullmatch(key):
            raise IdNotValid(key=key)
        return f"$KV.{self._bucket}.{key}"


def _life(ttl_s: float) -> dict[str, str]:
    return {"Nats-TTL": f"{max(1, math.ceil(ttl_s))}s"}
