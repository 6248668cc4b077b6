"""Positions and money of every account, folded from the trades a venue reports: what trackers and monitors keep."""

from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Decimal
from hashlib import sha256

from tradepit.trading.ledger import fills
from tradepit.trading.ledger.book import Book
from tradepit.trading.ledger.contract import Contract
from tradepit.trading.ledger.fills import Fill
from tradepit.trading.ledger.funds import Funds
from tradepit.trading.ledger.records import Records
from tradepit.trading.ledger.rules import LedgerRules
from tradepit.trading.ledger.settlement import settle
from tradepit.trading.model.account import Account
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.position import Position
from tradepit.trading.model.terms import Side
from tradepit.trading.model.trade import Trade

_RULES = LedgerRules()
_REMEMBERED = 65_536


class PositionBook:
    """A projection: the same trades in the order of their numbers give the same book, and telling one again changes nothing.

    Lots are kept by the ledger's own rules (today and history apart, first in first out), so positions, realised profit and
    margin equal the venue's; working orders are unknown here, so nothing is ever frozen. ``sequence`` is the number of the
    newest report applied, ``trading_day`` is YYYYMMDD, 0 before anything is known.
    """

    def __init__(self, rules: LedgerRules = _RULES) -> None:
        self._records = Records(0, rules)
        self.sequence = 0
        self.trades = 0
        self._applied: set[int] = set()
        self._in_order: deque[int] = deque()
        self._floor = 0

    @property
    def trading_day(self) -> int:
        """The running trading day."""
        return self._records.trading_day

    def knows(self, symbol: str) -> bool:
        """True when the contract was listed here."""
        return symbol in self._records.contracts

    def instrument(self, symbol: str) -> Instrument:
        """The listed instrument. Raises InstrumentNotFound."""
        return self._records.contract(symbol).instrument

    def list_instrument(self, instrument: Instrument, pre_settlement: Decimal) -> None:
        """Keep a contract; ``pre_settlement`` (quoted units) is today's basis of its history lots.

        Listing it again corrects the basis, which a book that slept over a settlement does not know.
        """
        contract = self._records.contracts.get(instrument.symbol)
        if contract is None:
            self._records.contracts[instrument.symbol] = Contract(instrument, pre_settlement)
        elif contract.pre_settlement != pre_settlement:
            mark = contract.mark
            contract.begin_day(pre_settlement)
            contract.mark_at(mark)
            for funds in self._records.funds.values():
                funds.resum(self._records.rules.margin_price)

    def apply(self, trade: Trade, sequence: int) -> bool:
        """Fold one trade; False when its number was folded before. One that comes late, after newer ones, still counts.

        ``trade.trading_day`` may not be ahead of the book's: roll first.

        Raises InstrumentNotFound, and VenueRefused when it closes more than this book holds: trades before it are missing.
        """
        if self.has(sequence):
            return False
        records = self._records
        contract = records.contract(trade.symbol)
        if not records.trading_day:
            records.trading_day = trade.trading_day
        funds = records.funds.get(trade.account)
        if funds is None:
            funds = records.funds[trade.account] = Funds(trade.account, contract.product.currency)
        fill = Fill(trade.client_order_id, trade.side, trade.offset, trade.price_ticks, trade.volume_lots)
        result = fills.apply(funds, records.book(funds, trade.symbol), fill, records.trading_day, records.rules.margin_price)
        # The venue's word on the fee counts: it knows which of today's lots have paid already.
        funds.fee += Decimal(trade.fee) - result.fee
        self._remember(sequence)
        self.trades += 1
        return True

    def has(self, sequence: int) -> bool:
        """True when the trade of that number was folded (or is older than all of the last 65,536)."""
        return sequence <= self._floor or sequence in self._applied

    def _remember(self, sequence: int) -> None:
        self.sequence = max(self.sequence, sequence)
        self._applied.add(sequence)
        self._in_order.append(sequence)
        if len(self._in_order) > _REMEMBERED:
            oldest = self._in_order.popleft()
            self._applied.discard(oldest)
            self._floor = max(self._floor, oldest)

    def roll(self, trading_day: int, prices: Mapping[str, Decimal], sequence: int = 0) -> bool:
        """The former day was settled at ``prices`` (quoted units): today's lots are history, expired contracts are gone.

        False when that day is not new. A contract without a price settles at its former one; money carried over may then be wrong
        until ``set_funds`` corrects it, positions are right in any case.
        """
        self.sequence = max(self.sequence, sequence)
        if trading_day <= self.trading_day:
            return False
        if self.trading_day:
            # A book that slept over several settlements: whatever expired on any day before this one is paid out.
            self._records.trading_day = trading_day - 1
            settle(self._records, trading_day, prices)
        else:
            self._records.trading_day = trading_day
        return True

    def set_funds(self, account: Account) -> None:
        """Take over what trades do not tell: the balance carried over, deposits and withdrawals."""
        funds = self._records.funds.get(account.account)
        if funds is None:
            funds = self._records.funds[account.account] = Funds(account.account, account.currency)
        funds.pre_balance, funds.deposit, funds.withdraw = account.pre_balance, account.deposit, account.withdraw

    def mark(self, symbol: str, last_ticks: int) -> None:
        """The last price is now ``last_ticks``; contracts not listed here are passed over."""
        contract = self._records.contracts.get(symbol)
        if contract is not None and last_ticks > 0:
            contract.mark_ticks(last_ticks)

    def accounts(self) -> list[str]:
        """Names of all accounts seen, sorted."""
        return sorted(self._records.funds)

    def account(self, account: str) -> Account:
        """The account's money at the last prices. Raises VenueRefused ACCOUNT_NOT_FOUND."""
        return self._records.account(account).report(self._records.rules)

    def positions(self, account: str = "") -> list[Position]:
        """Positions that hold lots, of one account or of all, sorted by account, symbol, long before short."""
        price = self._records.rules.margin_price
        found = []
        for name, funds in sorted(self._records.funds.items()):
            if account in ("", name):
                for _, book in sorted(funds.books.items()):
                    found += [book.position(name, lots, price) for lots in (book.long, book.short) if lots.total]
        return found

    def net_lots(self, account: str, symbol: str) -> int:
        """Long less short lots, 0 for what was never traded."""
        book = self.book(account, symbol)
        return book.net_lots if book is not None else 0

    def book(self, account: str, symbol: str) -> Book | None:
        """The lots of one account in one contract, None when it never traded it. To be read only."""
        funds = self._records.funds.get(account)
        return funds.books.get(symbol) if funds is not None else None

    def digest(self) -> str:
        """The hash of all positions, as ``digest_positions`` makes it, without valuing them: cheap enough for every heartbeat."""
        return _digest(
            (name, symbol, side, lots.today_lots, lots.history_lots)
            for name, funds in self._records.funds.items()
            for symbol, book in funds.books.items()
            for side, lots in ((Side.BUY, book.long), (Side.SELL, book.short))
            if lots.total
        )


def digest_positions(positions: Iterable[Position]) -> str:
    """SHA-256 (hex) over the sorted lines ``account,symbol,side,today,yesterday`` of all positions that hold lots.

    Equal for equal positions whoever keeps them: trackers, monitors and the venue compare by it.
    """
    return _digest(
        (held.account, held.symbol, held.side, held.today_lots, held.yesterday_lots) for held in positions if held.lots
    )


def _digest(rows: Iterable[tuple[str, str, Side, int, int]]) -> str:
    lines = sorted(f"{account},{symbol},{side},{today},{yesterday}\n" for account, symbol, side, today, yesterday in rows)
    return sha256("".join(lines).encode()).hexdigest()
