"""The position and account projections: updates from their queues become keys with a time to live.

An update that comes again after newer ones, as a queue delivers what a killed worker had in hand, changes nothing.
"""

from tradepit.ports.bus import Message
from tradepit.ports.cache import Cache
from tradepit.services.queue_worker import Figures
from tradepit.trading.model.ids import check_id
from tradepit.wire import tq
from tradepit.wire.tq_codec import cached_account, encode, from_timestamp, read_update
from tradepit.wire.tq_requests import split_symbol


class PositionProjection:
    """Work at the queue of position updates: the net position, a whole number, negative for short."""

    def __init__(self, cache: Cache, *, ttl_s: float) -> None:
        self._cache, self._ttl_s = cache, ttl_s
        self._kept = self._late = 0

    async def open(self) -> None:
        await self._cache.connect()

    async def do(self, message: Message) -> None:
        told = read_update(message.payload, tq.PositionUpdate, "POSITION_UPDATE")
        check_id(told.portfolio_id, "portfolio_id")
        split_symbol(told.symbol)
        key, value = tq.position_key(told.portfolio_id, told.symbol), str(told.net_position).encode()
        newer = await self._cache.put_newer(key, value, version=from_timestamp(told.timestamp), ttl_s=self._ttl_s)
        self._kept, self._late = self._kept + newer, self._late + (not newer)

    async def close(self) -> None:
        """The cache belongs to the process, which closes it last."""

    def problem(self) -> str:
        return ""

    def figures(self) -> Figures:
        return {"kept": self._kept, "late": self._late}


class AccountProjection:
    """Work at the queue of account updates: the account's money as JSON."""

    def __init__(self, cache: Cache, *, ttl_s: float) -> None:
        self._cache, self._ttl_s = cache, ttl_s
        self._kept = self._late = 0

    async def open(self) -> None:
        await self._cache.connect()

    async def do(self, message: Message) -> None:
        told = read_update(message.payload, tq.AccountUpdate, "ACCOUNT_UPDATE")
        check_id(told.portfolio_id, "portfolio_id")
        key, value = tq.account_key(told.portfolio_id), encode(cached_account(told))
        newer = await self._cache.put_newer(key, value, version=from_timestamp(told.timestamp), ttl_s=self._ttl_s)
        self._kept, self._late = self._kept + newer, self._late + (not newer)

    async def close(self) -> None:
        """The cache belongs to the process, which closes it last."""

    def problem(self) -> str:
        return ""

    def figures(self) -> Figures:
        return {"kept": self._kept, "late": self._late}
