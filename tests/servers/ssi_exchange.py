"""The exchange behind SSI, and what its doors have in common whatever is spoken there: accounts, faults, being gone and back."""

import asyncio
from abc import ABC, abstractmethod
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from tests.servers.ports import free_port

from tradepit.ports.clock import Clock
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.matching.commands import AdvanceTime, Command, ListInstrument, OpenAccount, SubmitOrder
from tradepit.trading.matching.events import Event
from tradepit.trading.matching.venue import Venue
from tradepit.trading.matching.venue_settings import VenueSettings
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import OrderReport, TradeReport
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, Side
from tradepit.trading.model.trade import Trade

SYMBOL, REFERENCE = "41I1F1000", Decimal(1340)
API_KEY, API_SECRET = "key-of-the-house", "secret-of-the-house"
TYPES = {"LO": OrderType.LIMIT} | {kind.value: kind for kind in OrderType if not kind.priced and kind is not OrderType.MARKET}
WORDS = {kind: word for word, kind in TYPES.items()}
STATUSES = {
    OrderStatus.OPEN: "QU",
    OrderStatus.PARTIAL: "PF",
    OrderStatus.FILLED: "FF",
    OrderStatus.REJECTED: "RJ",
    OrderStatus.EXPIRED: "EX",
}
TEXTS = {
    "PRICE_OVER_LIMIT": "Price 0.1 is lower than floor price 1246.2!",
    "NOT_TRADING_PERIOD": "Invalid market status",
    "PRICETYPE_NOT_SUPPORTED": "Invalid market status",
    "INSUFFICIENT_MONEY": "Not enough initial margin",
}
HANOI = timedelta(hours=7)


class SsiExchange(ABC):
    """The exchange outlives ``stop``: it is the way to it that is gone. ``accounts`` are SSI's numbers.

    Faults: ``flowing`` cleared holds answers and events back, ``lose_answers`` and ``faults`` (500) come after the deed,
    ``too_many`` (429) before it; ``twice`` tells events twice, ``mute`` tells no fills. ``denied`` counts requests under an id
    that was used before, where that is an offence.
    """

    def __init__(self, clock: Clock, key: RSAPublicKey, accounts: tuple[str, ...]) -> None:
        self._clock, self._key, self.accounts = clock, key, accounts
        catalog = load_catalog()
        self.venue = Venue(VenueSettings(snapshot_ns=0, session_group="hnx"), calendar=catalog.calendar)
        instrument = catalog.instrument(SYMBOL, on=date(2025, 1, 6), listing_price=REFERENCE)
        self.tick = instrument.product.tick_size
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._notified = self._others = 0
        self._traded: dict[str, Decimal] = {}
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.logins = self.refreshes = self.orders = 0
        self.lose_answers = self.too_many = self.faults = 0
        self.denied = 0
        self.twice = self.mute = False
        self.otp = ""
        self.token_life_s = 3600.0
        self.handed_out: list[str] = []
        # Days of which no contract is listed yet.
        self.bare_days: set[date] = set()
        # Bars of past days: minute (HH:MM), open, high, low, close in index points, lots.
        self.history: dict[date, list[tuple[str, float, float, float, float, int]]] = {}
        self._apply(ListInstrument(instrument=instrument, reference=REFERENCE))
        for account in accounts:
            self._apply(OpenAccount(account=account, deposit=Decimal(10_000_000_000), currency="VND"))

    @property
    def url(self) -> str:
        """Its HTTP address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    @abstractmethod
    def stream_url(self) -> str:
        """Its stream's address."""

    async def start(self) -> None:
        """Listen, on the same port as before."""
        self.port = self.port or free_port()
        app = web.Application()
        self._serve(app)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()

    async def stop(self) -> None:
        """Be gone, connections and all."""
        await self.cut()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    @abstractmethod
    async def cut(self) -> None:
        """End every stream."""

    @abstractmethod
    def expire_tokens(self) -> None:
        """Every token has run out, whatever was said when it was handed out."""

    @abstractmethod
    def revoke(self) -> None:
        """What renews a token is good for nothing any more."""

    @abstractmethod
    def _serve(self, app: web.Application) -> None:
        """Open the doors."""

    @abstractmethod
    def _tell_order(self, order: Order) -> None:
        """An order's state has changed."""

    @abstractmethod
    def _tell_trade(self, trade: Trade, order: Order) -> None:
        """An order was filled."""

    @abstractmethod
    def _tell_market(self) -> None:
        """The market may have changed."""

    def trade(self, account: str, side: Side, price_ticks: int, lots: int) -> None:
        """An order of a client that does not come this way."""
        self._others += 1
        self._submit(f"other{self._others}", account, side, OrderType.LIMIT, price_ticks, lots)

    def lots(self, account: str) -> int:
        """The account's net position."""
        signs = {Side.BUY: 1, Side.SELL: -1}
        return sum(signs[position.side] * position.lots for position in self.venue.positions(account))

    def signed(self, request: web.Request, body: bytes) -> bool:
        """Whether a request carries the client's signature of exactly this body."""
        try:
            self._key.verify(bytes.fromhex(request.headers.get("X-Signature", "")), body, PKCS1v15(), SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True

    def orders_of(self, account: str, first: date, last: date) -> list[Order]:
        """An account's orders of some days (Hanoi), as they are now."""
        self._apply(AdvanceTime())
        return [order for order in self.venue.orders(account) if first <= hanoi(order.inserted_ns).date() <= last]

    def average(self, order: Order) -> Decimal:
        """The average price of what an order traded, 0 for nothing."""
        traded = self._traded.get(order.client_order_id, Decimal(0))
        return traded / order.traded_lots if order.traded_lots and traded else Decimal(0)

    async def misbehave(self, request: web.Request) -> bool:
        """After the deed: the connection is gone, or (True) the answer is to be a failure."""
        if self.lose_answers:
            self.lose_answers -= 1
            assert request.transport is not None
            request.transport.abort()
            raise web.HTTPServiceUnavailable
        if self.faults:
            self.faults -= 1
            return True
        await self.flowing.wait()
        return False

    def _submit(
        self, name: str, account: str, side: Side, kind: OrderType, price_ticks: int, lots: int, *, told: bool = False
    ) -> Order:
        intent = OrderIntent(
            client_order_id=name,
            account=account,
            symbol=SYMBOL,
            exchange=Exchange.HNX,
            side=side,
            offset=Offset.NET,
            order_type=kind,
            price_ticks=price_ticks,
            volume_lots=lots,
        )
        if told:
            self._tell_order(Order(intent=intent, status=OrderStatus.SUBMITTED))
        self._apply(SubmitOrder(intent=intent))
        order = self.venue.order(account, name)
        assert order is not None
        return order

    def _apply(self, command: Command) -> tuple[Event, ...]:
        events = self.venue.apply(command, self._clock.now_ns())
        for event in events:
            if isinstance(event, TradeReport):
                trade = event.trade
                value = self._traded.get(trade.client_order_id, Decimal(0))
                self._traded[trade.client_order_id] = value + trade.price_ticks * self.tick * trade.volume_lots
                order = self.venue.order(trade.account, trade.client_order_id)
                assert order is not None
                self._tell_trade(trade, order)
            elif isinstance(event, OrderReport):
                self._tell_order(event.order)
        self._tell_market()
        return events


def status_of(order: Order) -> str:
    """An order's status in SSI's words."""
    if order.status is OrderStatus.SUBMITTED:
        return "RS"
    return STATUSES.get(order.status, "FFPC" if order.traded_lots else "CL")


def whole_of(order: Order) -> int:
    """An order's whole quantity as it is after changes."""
    return order.traded_lots + order.left_lots if order.active else order.intent.volume_lots


def cancelled_of(order: Order) -> int:
    """What of an order was taken back."""
    return 0 if order.active or order.status is OrderStatus.SUBMITTED else order.intent.volume_lots - order.traded_lots


def hanoi(instant_ns: int) -> datetime:
    """The hour in Hanoi."""
    return datetime.fromtimestamp(instant_ns / 1e9, UTC) + HANOI
