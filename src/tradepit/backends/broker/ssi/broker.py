"""Vietnam's futures through SSI FastConnect as a broker: signed HTTP requests, and a stream of order and match events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
from loguru import logger

from tradepit.backends.broker.broker_book import Key, Taken
from tradepit.backends.broker.ssi.book import Asked
from tradepit.backends.broker.ssi.dialect import Placed
from tradepit.backends.broker.ssi.http import SsiRefused
from tradepit.backends.broker.ssi.link import SsiLink
from tradepit.backends.broker.ssi.news import ToldLimits
from tradepit.backends.broker.ssi.quotes import limits_of
from tradepit.backends.broker.ssi.terms import SIDES, TYPES, account_of, positions_of, reason_of, token
from tradepit.ports.broker import Capabilities, Listing
from tradepit.ports.clock import Clock
from tradepit.trading.calendar.catalog import Catalog
from tradepit.trading.model.account import Account
from tradepit.trading.model.errors import (
    DuplicateId,
    OrderNotFound,
    OutcomeUnknown,
    StaleEpoch,
    Unavailable,
    VenueRefused,
    VolumeNotValid,
)
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.position import Position
from tradepit.trading.model.report import Report
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus
from tradepit.trading.risk.review import Approved

ACCOUNT_NOT_FOUND = "ACCOUNT_NOT_FOUND"
_Done = Callable[[Order], bool]
_CAPABILITIES = Capabilities(
    order_types=frozenset(TYPES),
    offsets=frozenset({Offset.NET}),
    reduces=True,
    voids_unknown=True,
    phases_by_asking=True,
)


class SsiBroker:
    """Implements ``ports.broker.Broker``; any number of brokers of one process share a link.

    An order is sent once, under an id that follows from its own and is journaled before.
    ``timeout_s`` is how long news is awaited before the outcome counts as unknown. An order is voided (NOT_SENT) only when it
    never left, or when SSI's list of its day does not hold it and what was sent had time to arrive.
    """

    def __init__(self, link: SsiLink, catalog: Catalog, clock: Clock, *, timeout_s: float = 5.0) -> None:
        self._link, self._catalog, self._clock, self._timeout_s = link, catalog, clock, timeout_s
        self._joined = False

    @property
    def capabilities(self) -> Capabilities:
        return _CAPABILITIES

    async def connect(self) -> None:
        if not self._joined:
            await self._link.join()
            self._joined = True

    async def open_session(self, epoch: int) -> None:
        await self._link.open_session(epoch)

    async def submit(self, approved: Approved, *, epoch: int) -> Order:
        link, intent = self._link, approved.intent
        key = (intent.account, intent.client_order_id)
        self._check_epoch(epoch)
        self._check_account(intent.account)
        sends = False
        async with link.deciding:
            known = link.book.orders.get(key)
            if known is not None:
                return _same(known, intent)
            taken = link.book.taken.get(key)
            if taken is None or key in link.kept_back:
                if not link.ready:
                    raise Unavailable("not connected to the broker; nothing was done")
                if refused := self._refusal(intent):
                    message = "refused before it was sent"
                    return Order(intent=intent, status=OrderStatus.REJECTED, reason=refused, message=message)
                if taken is None:
                    taken = await self._take(intent, epoch)
                sends = True
                link.kept_back.discard(key)
                link.sent_ns[key] = self._clock.monotonic_ns()
            news = link.wait_for(key)
        if not sends:
            return _same(await self._within(news), intent)
        return await self._send(intent, key, taken, news)

    async def _take(self, intent: OrderIntent, epoch: int) -> Taken:
        link, day = self._link, self._link.trading_day
        number, name = link.accounts[intent.account], intent.client_order_id
        async with link.journal.writing:
            sent_as = link.dialect.request_id(number, name, day, link.book.request_ids)
            taken = Taken(intent=intent, trading_day=day, request_id=sent_as)
            await link.journal.append([taken], epoch)
        return taken

    async def _send(self, intent: OrderIntent, key: Key, taken: Taken, news: "asyncio.Future[Order]") -> Order:
        try:
            with self._link.sending(key):
                async with asyncio.timeout(self._timeout_s):
                    order_id = await self._link.dialect.place(self._placed(intent, taken.request_id))
        except TimeoutError as error:
            raise OutcomeUnknown("SSI did not answer in time", client_order_id=key[1]) from error
        except Unavailable:
            self._link.kept_back.add(key)
            raise
        except SsiRefused as refusal:
            if refusal.duplicate:
                # A copy of it came before: what became of that one is the answer.
                await self._look(key, taken.trading_day)
                return await self._within(news) if key not in self._link.book.orders else self._link.book.orders[key]
            return await self._refused(intent, key, refusal)
        try:
            return await self._within(news)
        except OutcomeUnknown:
            if not self._link.ready:
                raise
            # SSI has it, and the exchange has not said more yet.
            left = intent.volume_lots
            return Order(intent=intent, status=OrderStatus.SUBMITTED, order_id=token(order_id), left_lots=left)

    async def _refused(self, intent: OrderIntent, key: Key, refusal: SsiRefused) -> Order:
        journal = self._link.journal
        async with journal.writing:
            if key not in journal.book.orders:
                now_ns, reason = self._clock.now_ns(), reason_of(refusal.message)
                await journal.append(journal.book.refuse(intent, reason, f"{refusal.code} {refusal.message}", now_ns))
        self._link.announce(key)
        return journal.book.orders[key]

    async def cancel(self, account: str, client_order_id: str, *, epoch: int) -> Order:
        key = (account, client_order_id)
        known, placed = await self._working(key, epoch)
        if known is not None and not known.active:
            return known
        change_id = await self._ask(key, "cancel", self._clock.now_ns(), 0, epoch)
        asking = self._link.dialect.cancel(placed, change_id)
        return await self._change(asking, key, change_id, lambda order: not order.active)

    async def reduce(self, account: str, client_order_id: str, by_lots: int, *, reduce_id: str, epoch: int) -> Order:
        """Lower what is left of an order; it keeps its place. Twice under one ``reduce_id`` is once."""
        key = (account, client_order_id)
        known, placed = await self._working(key, epoch)
        if by_lots <= 0:
            raise VolumeNotValid(by_lots=by_lots)
        if known is None:
            raise OutcomeUnknown("the order is not known to work yet", client_order_id=client_order_id)
        asked_for = self._link.book.change(key, reduce_id)
        if not known.active or (asked_for and known.traded_lots + known.left_lots <= asked_for):
            return known
        left = asked_for - known.traded_lots if asked_for else known.left_lots - by_lots
        if left <= 0:
            return await self.cancel(account, client_order_id, epoch=epoch)
        quantity = known.traded_lots + left
        change_id = await self._ask(key, reduce_id, 0, quantity, epoch)
        asking = self._link.dialect.modify(placed, change_id, quantity)
        return await self._change(asking, key, change_id, lambda order: not order.active or order.left_lots <= left)

    async def _ask(self, key: Key, name: str, stamp: int, quantity: int, epoch: int) -> str:
        """The id under which a change is asked for, journaled first where SSI would not know it again."""
        link = self._link
        if not link.ready:
            raise Unavailable("not connected to the broker; nothing was done")
        async with link.journal.writing:
            request_id = link.dialect.request_id(link.book.request_of(key) or key[1], name, stamp, link.book.request_ids)
            if link.dialect.keeps_changes:
                asked = Asked(account=key[0], client_order_id=key[1], change_id=name, request_id=request_id, quantity=quantity)
                await link.journal.append([asked], epoch)
        return request_id

    def _placed(self, intent: OrderIntent, request_id: str, order_id: str = "", quantity: int = 0) -> Placed:
        instrument, symbol = self._link.listed.contracts[intent.symbol]
        return Placed(
            account_no=self._link.accounts[intent.account],
            request_id=request_id,
            order_id=order_id,
            symbol=symbol,
            side=SIDES[intent.side],
            order_type=TYPES[intent.order_type],
            price=instrument.to_price(intent.price_ticks),
            quantity=quantity or intent.volume_lots,
        )

    async def resolve(self, intent: OrderIntent, *, epoch: int) -> Order:
        link, key = self._link, (intent.account, intent.client_order_id)
        self._check_epoch(epoch)
        self._check_account(intent.account)
        if key not in link.book.orders:
            await link.await_ready(self._timeout_s)
        async with link.deciding:
            taken = link.book.taken.get(key)
            looked_ns = self._clock.monotonic_ns()
            left = taken is not None and key not in link.kept_back
            if key not in link.book.orders and taken is not None and left:
                looked_ns = await link.looked(key[0], taken.trading_day)
            known = link.book.orders.get(key)
            if known is not None:
                return known
            if key in link.book.undecided or (left and link.book.alike(intent)):
                raise OutcomeUnknown("SSI has it, and has not said what became of it", client_order_id=intent.client_order_id)
            waited_ns = looked_ns - link.sent_ns.get(key, link.joined_ns)
            if left and (key in link.on_its_way or waited_ns < link.timing.settle_s * 1e9):
                raise OutcomeUnknown("sent, and it may still turn up", client_order_id=intent.client_order_id)
            logger.info("ssi: order {} never left or never arrived", intent.client_order_id)
            async with link.journal.writing:
                if key not in link.book.orders:
                    void = link.book.void(intent, self._clock.now_ns(), link.book.trading_day)
                    await link.journal.append([void], epoch)
            link.kept_back.discard(key)
            return link.book.orders[key]

    async def query(self, account: str, client_order_id: str) -> Order | None:
        link, key = self._link, (account, client_order_id)
        if key not in link.book.orders:
            await link.await_ready(self._timeout_s)
            taken = link.book.taken.get(key)
            if taken is not None:
                await self._look(key, taken.trading_day)
        return link.book.orders.get(key)

    def reports(self, after: int) -> AsyncIterator[Report]:
        return self._link.follow(after)

    async def last_report(self) -> int:
        return self._link.book.last_report

    async def instruments(self) -> list[Listing]:
        link = self._link
        await link.await_ready(self._timeout_s)
        return [self._listing(symbol) for symbol in link.listed.contracts]

    async def find(self, symbol: str) -> Listing | None:
        await self._link.await_ready(self._timeout_s)
        return self._listing(symbol) if symbol in self._link.listed.contracts else None

    def _listing(self, symbol: str) -> Listing:
        instrument, row = self._link.listed.contracts[symbol][0], self._link.listed.market[symbol]
        told = ToldLimits(symbol=row.symbol, ceiling=row.ceiling, floor=row.floor, reference=row.ref_price)
        low, high = limits_of(told, instrument)
        return Listing(
            instrument=instrument,
            phase=self._link.phases.phase_of(symbol),
            lower_limit_ticks=low,
            upper_limit_ticks=high,
            pre_settlement=row.ref_price,
        )

    async def account(self, account: str) -> Account:
        self._check_account(account)
        return account_of(account, await self._link.dialect.funds(self._link.accounts[account]))

    async def positions(self, account: str) -> list[Position]:
        self._check_account(account)
        rows = await self._link.dialect.positions(self._link.accounts[account])
        by_name = self._link.book.instruments
        return [side for row in rows if row.symbol in by_name for side in positions_of(account, row, by_name[row.symbol])]

    async def close(self) -> None:
        if self._joined:
            self._joined = False
            await self._link.leave()

    async def _change(self, asking: Awaitable[None], key: Key, change_id: str, done: _Done) -> Order:
        """Ask for a change, and wait until the order shows it."""
        link = self._link
        news, refused = link.wait_for(key), link.refusal_of(change_id)
        try:
            async with asyncio.timeout(self._timeout_s):
                await asking
            while True:
                changed = await self._within(news, refused)
                if done(changed):
                    return changed
                news = link.wait_for(key)
        except TimeoutError as error:
            raise OutcomeUnknown("SSI did not answer in time", client_order_id=key[1]) from error
        except SsiRefused as refusal:
            # Too late, perhaps: what SSI lists is the answer.
            await self._look(key, link.trading_day)
            known = link.book.orders.get(key)
            if known is not None and (refusal.duplicate or done(known)):
                return known
            raise VenueRefused(reason_of(refusal.message), refusal.message or None, code=refusal.code) from refusal
        finally:
            if not refused.cancel() and not refused.cancelled():
                refused.exception()  # SSI's answer may have been heard instead

    async def _working(self, key: Key, epoch: int) -> tuple[Order | None, Placed]:
        """An order that was sent, and as what. The journal is asked who leads: not every change is written."""
        link = self._link
        await link.journal.superseded()
        self._check_epoch(epoch)
        known, taken = link.book.orders.get(key), link.book.taken.get(key)
        intent = known.intent if known is not None else taken.intent if taken is not None else None
        if intent is None:
            raise OrderNotFound(client_order_id=key[1])
        sent_as = taken.request_id if taken is not None else link.book.request_of(key)
        if known is None:
            return None, self._placed(intent, sent_as)
        placed = self._placed(intent, sent_as, known.order_id, known.traded_lots + known.left_lots)
        word, price = link.book.terms_of(key)
        if word:
            # Somebody else may have changed it: what is not to be changed now must be as it is there.
            placed = msgspec.structs.replace(placed, order_type=word, price=price)
        return known, placed

    async def _look(self, key: Key, trading_day: int) -> None:
        await self._link.look(key[0], trading_day)

    async def _within(self, news: "asyncio.Future[Order]", refused: "asyncio.Future[None] | None" = None) -> Order:
        waiting: set[asyncio.Future[Any]] = {news} if refused is None else {news, refused}
        done, _ = await asyncio.wait(waiting, timeout=self._timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if refused is not None and refused in done:
            refused.result()
        if news not in done:
            news.cancel()
            raise OutcomeUnknown("the broker did not answer in time")
        return news.result()

    def _refusal(self, intent: OrderIntent) -> str:
        """Why SSI would not be asked for an order; empty when it would."""
        if intent.symbol not in self._link.listed.contracts or intent.exchange is not Exchange.HNX:
            return "INSTRUMENT_NOT_FOUND"
        if intent.order_type not in TYPES:
            return "PRICETYPE_NOT_SUPPORTED"
        if intent.offset is not Offset.NET:
            return "OFFSET_NOT_VALID"
        if intent.order_type.priced != (intent.price_ticks > 0):
            return "PRICE_NOT_VALID"
        return "" if intent.volume_lots > 0 else "VOLUME_NOT_VALID"

    def _check_epoch(self, epoch: int) -> None:
        if epoch < max(self._link.journal.epoch, self._link.journal.fenced_by):
            raise StaleEpoch

    def _check_account(self, account: str) -> None:
        if account not in self._link.accounts:
            raise VenueRefused(ACCOUNT_NOT_FOUND, account=account[:64])


def _same(known: Order, intent: OrderIntent) -> Order:
    """The order under an id that was used before, when it is the same one. Raises DuplicateId."""
    terms = ("symbol", "side", "offset", "order_type", "price_ticks", "volume_lots")
    if any(getattr(known.intent, term) != getattr(intent, term) for term in terms):
        raise DuplicateId(client_order_id=intent.client_order_id)
    return known
