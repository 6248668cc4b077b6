"""Orders at the venue: submit, cancel, reduce, resolve, and the end of the day's orders."""

from tradepit.trading.calendar.acceptance import cancel_accepted
from tradepit.trading.matching.commands import CancelOrder, ReduceOrder, ResolveOrder, SubmitOrder
from tradepit.trading.matching.venue_admission import NOT_TRADING_PERIOD, admit
from tradepit.trading.matching.venue_floor import Floor, explain
from tradepit.trading.matching.venue_market import NEVER_NS, Market, OrderEntry
from tradepit.trading.matching.venue_matching import execute, withdraw
from tradepit.trading.matching.venue_snapshots import touch
from tradepit.trading.model.errors import (
    BadRequest,
    DuplicateId,
    OrderNotFound,
    PriceNotValid,
    RequestRefused,
    VenueRefused,
    VolumeNotValid,
)
from tradepit.trading.model.ids import check_id
from tradepit.trading.model.instrument import MAX_TICKS
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import OrderStatus, SessionPhase

# Named for each order: see ``at_hand``.
_CANCELLED = OrderStatus.CANCELLED
_OPEN, _CONTINUOUS = OrderStatus.OPEN, SessionPhase.CONTINUOUS
NOT_SENT = "NOT_SENT"
DAY_ENDED = "DAY_ENDED"
MAX_REFERENCE = 256


def submit(floor: Floor, command: SubmitOrder) -> None:
    """A new order; the same one again says nothing (ask ``order``). Raises StaleEpoch, DuplicateId, BadRequest.

    A refusal of the exchange is an order too: REJECTED, with the code as its reason.
    """
    floor.fence(command.session, command.epoch)
    intent = command.intent
    if _is_known(floor, intent):
        return
    try:
        market = admit(floor, intent)
    except RequestRefused as refusal:
        details = "".join(f" {key}={text}" for key, text in explain(refusal).items())
        floor.enter(intent, OrderStatus.REJECTED, reason=refusal.reason_code, message=refusal.message + details)
        return
    entry = floor.enter(intent, _OPEN, market.next_order_id(floor.trading_day))
    execute(floor, market, entry)


def resolve(floor: Floor, command: ResolveOrder) -> None:
    """What became of an order whose answer was lost; one never seen is voided. Raises as ``submit``."""
    floor.fence(command.session, command.epoch)
    if not _is_known(floor, command.intent):
        message = "The order had not arrived; a late copy is refused."
        floor.enter(command.intent, OrderStatus.REJECTED, reason=NOT_SENT, message=message)


def cancel(floor: Floor, command: CancelOrder) -> None:
    """Take what is left out of the book; a finished order stays as it is. Raises StaleEpoch, OrderNotFound, VenueRefused."""
    floor.fence(command.session, command.epoch)
    found = _working(floor, command.account, command.client_order_id)
    if found is not None:
        withdraw(floor, *found, _CANCELLED)


def reduce(floor: Floor, command: ReduceOrder) -> None:
    """Lower what is left; the order keeps its place. By all that is left or more: a cancel. A finished order stays as it is.

    Raises StaleEpoch, OrderNotFound, VolumeNotValid, DuplicateId, VenueRefused NOT_TRADING_PERIOD.
    """
    floor.fence(command.session, command.epoch)
    check_id(command.reduce_id, "reduce_id")
    content = f"{command.account}/{command.client_order_id}/{command.by_lots}"
    if not floor.first_time("reduce", command.reduce_id, content):
        return
    if command.by_lots <= 0:
        raise VolumeNotValid(by_lots=command.by_lots)
    found = _working(floor, command.account, command.client_order_id)
    floor.did("reduce", command.reduce_id, content)
    if found is None:
        return
    market, entry = found
    left = entry.order.left_lots - command.by_lots
    if left <= 0:
        withdraw(floor, market, entry, _CANCELLED)
        return
    market.book.reduce(entry.book_id, command.by_lots)
    floor.ledger.release(command.account, command.client_order_id, command.by_lots)
    entry.reduced += command.by_lots
    floor.change(entry, entry.order.status, entry.traded, left)
    touch(floor, market)


def expire_all(floor: Floor, market: Market) -> None:
    """The market closed for the day: all working orders end, in the order they came."""
    for entry in tuple(market.working.values()):
        withdraw(floor, market, entry, OrderStatus.EXPIRED, DAY_ENDED)


def _is_known(floor: Floor, intent: OrderIntent) -> bool:
    known = floor.find(intent.account, intent.client_order_id)
    if known is not None:
        if known.order.intent != intent:
            raise DuplicateId(account=intent.account, client_order_id=intent.client_order_id)
        return True
    # What is recorded must be printable and of bounded size, whoever sent it. Names of accounts and contracts that are known here
    # were checked when they came.
    if intent.account not in floor.accounts:
        check_id(intent.account, "account")
    check_id(intent.client_order_id, "client_order_id")
    if intent.symbol not in floor.markets:
        check_id(intent.symbol, "symbol")
    if not -MAX_TICKS <= intent.volume_lots <= MAX_TICKS:
        raise VolumeNotValid(client_order_id=intent.client_order_id)
    if not -MAX_TICKS <= intent.price_ticks <= MAX_TICKS:
        raise PriceNotValid(client_order_id=intent.client_order_id)
    if len(intent.reference) > MAX_REFERENCE or len(intent.bot) > MAX_REFERENCE or not -NEVER_NS <= intent.created_ns <= NEVER_NS:
        raise BadRequest("The reference or the instant is too long.", client_order_id=intent.client_order_id)
    return False


def _working(floor: Floor, account: str, client_order_id: str) -> tuple[Market, OrderEntry] | None:
    entry = floor.find(account, client_order_id)
    if entry is None:
        raise OrderNotFound(account=account, client_order_id=client_order_id)
    if not entry.order.active:
        return None
    market = floor.markets[entry.order.intent.symbol]
    if market.phase is not _CONTINUOUS and not cancel_accepted(market.phase, floor.calendar.group(market.product.session_group)):
        raise VenueRefused(NOT_TRADING_PERIOD, "The market takes no cancels now.", phase=market.phase)
    return market, entry
