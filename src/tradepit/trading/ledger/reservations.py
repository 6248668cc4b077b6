"""What working orders keep frozen: lots for closes, margin and fee for opens, and what is let go of it."""

from decimal import Decimal

from tradepit.trading.ledger.book import Book
from tradepit.trading.ledger.closing import closable, freeze, over_close
from tradepit.trading.ledger.funds import Funds, Hold
from tradepit.trading.ledger.rules import LedgerRules
from tradepit.trading.model.errors import DuplicateId, VenueRefused, VolumeNotValid
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.product import CloseRule
from tradepit.trading.model.terms import Offset, Side

_NETS, _OPEN, _BUY = CloseRule.NET, Offset.OPEN, Side.BUY  # named for each order: see ``at_hand``
OFFSET_NOT_VALID = "OFFSET_NOT_VALID"


def reserve(funds: Funds, book: Book, intent: OrderIntent, rules: LedgerRules) -> None:
    """Freeze what ``intent`` may need, or raise and change nothing."""
    if intent.volume_lots <= 0:
        raise VolumeNotValid(volume=intent.volume_lots)
    if intent.client_order_id in funds.holds:
        raise DuplicateId(client_order_id=intent.client_order_id)
    if book.contract.close_rule is _NETS:
        hold = _reserve_net(funds, book, intent, rules)
    elif intent.offset is _OPEN:
        hold = _reserve_open(funds, book, intent, rules)
    elif intent.offset.closes:
        hold = _reserve_close(book, intent)
    else:
        raise VenueRefused(OFFSET_NOT_VALID, "This exchange needs an offset.", offset=str(intent.offset))
    funds.holds[intent.client_order_id] = hold


def _reserve_open(funds: Funds, book: Book, intent: OrderIntent, rules: LedgerRules) -> Hold:
    contract, lots = book.contract, intent.volume_lots
    margin = contract.frozen_margin(intent.price_ticks, rules.freeze_price)
    fee = contract.frozen_fee(intent.price_ticks)
    funds.require((margin + fee) * lots, rules)
    funds.frozen_margin += margin * lots
    funds.frozen_fee += fee * lots
    return Hold(intent.symbol, intent.side, intent.offset, lots, margin, fee)


def closable_lots(book: Book, side: Side, offset: Offset) -> int:
    """Lots a closing order of ``side`` may ask for: those in its bucket no working order counts on."""
    lots = book.closed_by(side)
    if book.contract.close_rule is _NETS:
        return max(0, lots.total - (book.working_buy if side is _BUY else book.working_sell))
    return max(0, closable(lots, book.contract.close_rule, offset))


def _require_lots(book: Book, intent: OrderIntent) -> None:
    there = closable_lots(book, intent.side, intent.offset)
    if intent.volume_lots > there:
        raise over_close(book.contract.close_rule, intent.offset, intent.volume_lots, there)


def _reserve_close(book: Book, intent: OrderIntent) -> Hold:
    # A close freezes no money, not even its fee: reducing exposure must never fail for lack of funds.
    _require_lots(book, intent)
    freeze(book.closed_by(intent.side), book.contract.close_rule, intent.offset, intent.volume_lots)
    return Hold(intent.symbol, intent.side, intent.offset, intent.volume_lots)


def _reserve_net(funds: Funds, book: Book, intent: OrderIntent, rules: LedgerRules) -> Hold:
    side, lots = intent.side, intent.volume_lots
    if intent.offset.closes:
        _require_lots(book, intent)
    buys = book.working_buy + (lots if side is _BUY else 0)
    sells = book.working_sell + (lots if side is Side.SELL else 0)
    needed = sum(_net_freeze(book, buys, sells)) - book.frozen_margin - book.frozen_fee
    if needed > 0:
        funds.require(needed, rules)
    _work(book, side, lots)
    refreeze(funds, book)
    return Hold(intent.symbol, side, intent.offset, lots)


def release(funds: Funds, client_order_id: str, lots: int | None) -> int:
    """Let go of ``lots`` of a working order, of all that is left when None. Returns how many; 0 when nothing is held."""
    hold = funds.holds.get(client_order_id)
    if hold is None:
        return 0
    if lots is None or lots == hold.lots:
        _unfreeze(funds, hold, hold.lots)
        del funds.holds[client_order_id]
        return hold.lots
    gone = min(lots, hold.lots)
    if gone < 0:
        raise VolumeNotValid(volume=gone)
    _unfreeze(funds, hold, gone)
    left = hold.lots - gone
    if left:
        funds.holds[client_order_id] = Hold(hold.symbol, hold.side, hold.offset, left, hold.margin_per_lot, hold.fee_per_lot)
    else:
        del funds.holds[client_order_id]
    return gone


def release_all(funds: Funds) -> None:
    """Let go of everything every working order keeps frozen."""
    for client_order_id in tuple(funds.holds):
        release(funds, client_order_id, None)


def reinstate(funds: Funds, hold: Hold) -> None:
    """Freeze what ``hold`` says without asking whether it may: for restoring a snapshot."""
    _unfreeze(funds, hold, -hold.lots)


def refreeze(funds: Funds, book: Book) -> None:
    """On a venue without offsets: freeze anew for what the working orders together may open."""
    margin, fee = _net_freeze(book, book.working_buy, book.working_sell)
    funds.frozen_margin += margin - book.frozen_margin
    funds.frozen_fee += fee - book.frozen_fee
    book.frozen_margin, book.frozen_fee = margin, fee


def _net_freeze(book: Book, buys: int, sells: int) -> tuple[Decimal, Decimal]:
    # Working buys beyond the short position would open, and working sells beyond the long one; either side may fill first.
    contract = book.contract
    lots = max(0, buys - book.short.total) + max(0, sells - book.long.total)
    fee = contract.pre_value * contract.product.fees.open.by_money + contract.open_fee.by_lot
    return lots * contract.pre_value * contract.ratio, lots * fee


def _unfreeze(funds: Funds, hold: Hold, lots: int) -> None:
    book = funds.books[hold.symbol]
    if book.contract.close_rule is _NETS:
        _work(book, hold.side, -lots)
        refreeze(funds, book)
    elif hold.offset is _OPEN:
        funds.frozen_margin -= hold.margin_per_lot * lots
        funds.frozen_fee -= hold.fee_per_lot * lots
    else:
        freeze(book.closed_by(hold.side), book.contract.close_rule, hold.offset, -lots)


def _work(book: Book, side: Side, lots: int) -> None:
    if side is _BUY:
        book.working_buy += lots
    else:
        book.working_sell += lots
