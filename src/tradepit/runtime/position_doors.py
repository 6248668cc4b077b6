"""Questions a keeper of positions answers: positions, accounts, and a digest that replicas and the exchange compare by."""

from collections.abc import Awaitable, Callable

import msgspec

from tradepit.ports.bus import Bus, Message, Subscription
from tradepit.runtime.position_follower import PositionFollower
from tradepit.trading.model.account import Account
from tradepit.trading.model.errors import BadRequest, TradepitError, Unavailable
from tradepit.trading.model.position import Position
from tradepit.wire import gateway as wire
from tradepit.wire.simulator import MAX_REQUEST_BYTES, QueryRequest, instance_subject, rpc_subject
from tradepit.wire.simulator_codec import encode_error

_QUERY = msgspec.json.Decoder(QueryRequest)


class DigestReply(wire.Reply, frozen=True, kw_only=True, omit_defaults=True):
    """Reply of digest: the hash of all positions after report ``seq`` (see ``digest_positions``)."""

    instance: str = ""
    seq: int = 0
    trading_day: int = 0
    trades: int = 0
    digest: str = ""


class StateReply(DigestReply, frozen=True, kw_only=True, omit_defaults=True):
    """Reply of positions (of one account, or of all without one), and of an instance's own state (with every account's money)."""

    ready: bool = False
    positions: tuple[Position, ...] = ()
    accounts: tuple[Account, ...] = ()


class PositionDoors:
    """Answers for one instance. ``positions``, ``account`` and ``digest`` are shared by all instances of the service when it
    offers them to clients; ``service.<service>.<instance>.state`` and ``.digest`` are this instance's own.
    """

    def __init__(self, bus: Bus, follower: PositionFollower, service: str, instance: str) -> None:
        self._bus, self._follower, self._service, self._instance = bus, follower, service, instance
        self._subscriptions: list[Subscription] = []

    async def open(self, *, to_clients: bool) -> None:
        """Begin to answer."""
        for method, answer in (("state", self._state), ("digest", self._digest)):
            subject = instance_subject(self._service, self._instance, method)
            self._subscriptions.append(await self._bus.serve(subject, _guarded(answer)))
        if to_clients:
            for method, answer in (("positions", self._positions), ("account", self._account), ("digest", self._digest)):
                subject = rpc_subject(self._service, method)
                self._subscriptions.append(await self._bus.serve(subject, _guarded(answer), group=self._service))

    async def close(self) -> None:
        """Answer no more. Idempotent."""
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            await subscription.stop()

    async def _state(self, body: QueryRequest) -> wire.Reply:
        book = self._follower.book
        names = [body.account] if body.account else book.accounts()
        return self._reply(book.positions(body.account), [book.account(name) for name in names])

    async def _positions(self, body: QueryRequest) -> wire.Reply:
        self._require_ready()
        return self._reply(self._follower.book.positions(body.account), [])

    async def _account(self, body: QueryRequest) -> wire.Reply:
        self._require_ready()
        if not body.account:
            raise BadRequest("account is missing", field="account")
        return wire.AccountReply(account=self._follower.book.account(body.account))

    async def _digest(self, body: QueryRequest) -> wire.Reply:
        del body
        book = self._follower.book
        return DigestReply(
            instance=self._instance, seq=book.sequence, trading_day=book.trading_day, trades=book.trades, digest=book.digest()
        )

    def _reply(self, positions: list[Position], accounts: list[Account]) -> StateReply:
        book = self._follower.book
        return StateReply(
            instance=self._instance,
            seq=book.sequence,
            trading_day=book.trading_day,
            trades=book.trades,
            digest=book.digest(),
            ready=self._follower.ready,
            positions=tuple(positions),
            accounts=tuple(accounts),
        )

    def _require_ready(self) -> None:
        if not self._follower.ready:
            raise Unavailable("positions are being rebuilt")


def _guarded(answer: Callable[[QueryRequest], Awaitable[wire.Reply]]) -> Callable[[Message], Awaitable[bytes]]:
    async def respond(message: Message) -> bytes:
        try:
            return wire.encode(await answer(wire.read_body(message.payload, _QUERY, MAX_REQUEST_BYTES)))
        except TradepitError as error:
            return encode_error(error)

    return respond
