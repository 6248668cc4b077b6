"""The lease on a NATS key-value bucket: compare-and-set by revision, read from the leader, the key is never deleted.

The value is JSON ``{"holder": …, "epoch": …}``; a released lease keeps its epoch under the holder "".
"""

import re

import msgspec

from tradepit.ports.lease import Grant
from tradepit.runtime.nats_api import WRONG_LAST, StreamRefused, ensure_stream, keep, stored
from tradepit.runtime.nats_link import NatsLink
from tradepit.trading.model.errors import ConfigError, Unavailable


class _Value(msgspec.Struct, frozen=True, kw_only=True):
    holder: str
    epoch: int


_DECODER = msgspec.json.Decoder(_Value)


class NatsLease:
    """One contender's view of the lease ``name``. ``timeout_s`` bounds each question to the server.

    No server-side expiry is used: a compare-and-set would drop a key's time to live, and whole seconds are too coarse.
    """

    def __init__(self, url: str, name: str, *, bucket: str = "TP_LEASES", timeout_s: float = 1.0, replicas: int = 1) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_=-]+(\.[A-Za-z0-9_=-]+)*", name):
            raise ConfigError("a lease's name is made of letters, digits and _=-. only", name=name)
        self._link = NatsLink(url, name=f"lease:{name}")
        self._stream, self._subject = f"KV_{bucket}", f"$KV.{bucket}.{name}"
        self._bucket, self._timeout_s, self._replicas = bucket, timeout_s, replicas

    async def connect(self) -> None:
        await self._link.connect()
        await ensure_stream(
            self._link,
            self._stream,
            [f"$KV.{self._bucket}.>"],
            max_msgs_per_subject=1,
            discard="new",
            allow_rollup_hdrs=True,
            deny_delete=True,
            num_replicas=self._replicas,
        )

    async def read(self) -> Grant | None:
        message = await stored(self._link, self._stream, last_by_subj=self._subject, timeout_s=self._timeout_s)
        if message is None:
            return None
        try:
            value = _DECODER.decode(message.payload)
        except msgspec.MsgspecError as error:
            raise Unavailable("the lease holds something that is no lease", lease=self._subject) from error
        return Grant(holder=value.holder, epoch=value.epoch, revision=message.sequence)

    async def acquire(self, holder: str, *, seen: Grant | None) -> Grant | None:
        epoch, revision = (seen.epoch, seen.revision) if seen is not None else (0, 0)
        return await self._put(Grant(holder=holder, epoch=epoch + 1, revision=revision))

    async def refresh(self, grant: Grant) -> Grant | None:
        return await self._put(grant)

    async def release(self, grant: Grant) -> None:
        held = await self._put(grant)  # the newest revision, should a refresh have been kept without our hearing of it
        if held is not None:
            await self._put(Grant(holder="", epoch=held.epoch, revision=held.revision))

    async def close(self) -> None:
        await self._link.close()

    async def _put(self, grant: Grant) -> Grant | None:
        """Write holder and epoch over exactly ``grant.revision``; None when the lease is another's by now."""
        value = msgspec.json.encode(_Value(holder=grant.holder, epoch=grant.epoch))
        try:
            return await self._keep(grant, value)
        except StreamRefused as error:
            if error.err_code not in WRONG_LAST:
                raise
        # A write of our own whose answer was lost looks like somebody else's: holder and epoch tell.
        current = await self.read()
        if current is None or not grant.holder or (current.holder, current.epoch) != (grant.holder, grant.epoch):
            return None
        try:
            return await self._keep(current, value)
        except StreamRefused as error:
            if error.err_code not in WRONG_LAST:
                raise
            return None

    async def _keep(self, grant: Grant, value: bytes) -> Grant:
        headers = {"Nats-Expected-Last-Subject-Sequence": str(grant.revision)}
        ack = await keep(self._link, self._subject, value, timeout_s=self._timeout_s, headers=headers)
        return Grant(holder=grant.holder, epoch=grant.epoch, revision=ack.seq)
