"""The ledger: many accounts in many contracts; a pure machine that takes orders, fills, transfers and settlements."""

from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256

import msgspec

from tradepit.trading.ledger import fills, reservations, snapshot
from tradepit.trading.ledger.contract import Contract
from tradepit.trading.ledger.fills import Fill, FillResult
from tradepit.trading.ledger.funds import Funds
from tradepit.trading.ledger.records import Records
from tradepit.trading.ledger.rules import LedgerRules
from tradepit.trading.ledger.settlement import settle
from tradepit.trading.ledger.snapshot import LedgerState
from tradepit.trading.ledger.statement import SettlementStatement
from tradepit.trading.model.account import Account
from tradepit.trading.model.errors import BadRequest, VolumeNotValid
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.position import Position
from tradepit.trading.model.terms import Offset, Side
from tradepit.trading.model.trade import Trade

_DEFAULT_RULES = LedgerRules()
_LARGEST = Decimal(10) ** 15


class Ledger:
    """Positions, margin, frozen amounts, fees and profit of every account, exact to the last digit.

    Not idempotent by itself: its user applies each order, fill and transfer once (client order ids of working orders excepted,
    which are refused when they come twice). An operation that raises has changed nothing. Amounts are Decimal in the account's
    currency, volumes lots, prices ticks; settlement prices are Decimal in quoted units, for they may lie off the tick grid.
    """

    def __init__(self, trading_day: int, rules: LedgerRules = _DEFAULT_RULES) -> None:
        self._records = Records(trading_day, rules)

    @property
    def trading_day(self) -> int:
        """The running trading day, YYYYMMDD."""
        return self._records.trading_day

    @property
    def rules(self) -> LedgerRules:
        """How this ledger reckons."""
        return self._records.rules

    # Accounts and contracts

    def list_instrument(self, instrument: Instrument, pre_settlement: Decimal) -> None:
        """Begin to keep a contract whose previous settlement is ``pre_settlement``. Listing it again changes nothing.

        Raises BadRequest when the price is not a positive finite number.
        """
        if instrument.symbol not in self._records.contracts:
            self._records.contracts[instrument.symbol] = Contract(instrument, pre_settlement)

    def open_account(self, account: str, deposit: Decimal, currency: str = "CNY") -> None:
        """Open an account with its first deposit (0 or more). Opening it again changes nothing. Raises BadRequest."""
        if account in self._records.funds:
            return
        funds = Funds(account, currency)
        if not deposit.is_zero():
            funds.deposit = _positive(deposit)
        self._records.funds[account] = funds

    def deposit(self, account: str, amount: Decimal) -> None:
        """Pay money in. Raises BadRequest (not positive), VenueRefused ACCOUNT_NOT_FOUND."""
        self._records.account(account).deposit += _positive(amount)

    def withdraw(self, account: str, amount: Decimal) -> None:
        """Pay money out. Raises BadRequest (not positive), VenueRefused ACCOUNT_NOT_FOUND, INSUFFICIENT_MONEY."""
        funds = self._records.account(account)
        funds.require(_positive(amount), self._records.rules)
        funds.withdraw += amount

    # Orders and fills

    def reserve(self, intent: OrderIntent) -> None:
        """Freeze what a new working order may need: margin and fee for an open, lots for a close.

        Raises VenueRefused (OVER_CLOSE_POSITION, OVER_CLOSETODAY, OVER_CLOSEYESTERDAY, INSUFFICIENT_MONEY, OFFSET_NOT_VALID,
        ACCOUNT_NOT_FOUND, CURRENCY_MISMATCH), InstrumentNotFound, VolumeNotValid, DuplicateId (already working).
        """
        records = self._records
        funds = records.account(intent.account)
        reservations.reserve(funds, records.book(funds, intent.symbol), intent, records.rules)

    def release(self, account: str, client_order_id: str, lots: int | None = None) -> int:
        """Unfreeze ``lots`` of a working order (reduced), or all that is left (cancelled). Returns how many; 0 if not known."""
        if lots is not None and lots < 0:
            raise VolumeNotValid(volume=lots)
        return reservations.release(self._records.account(account), client_order_id, lots)

    def apply_fill(self, intent: OrderIntent, price_ticks: int, lots: int) -> FillResult:
        """Apply an execution of an order, reserved or not.

        Raises like ``reserve`` except for money and ids: what was executed counts, whether it can be paid for or not.
        """
        fill = Fill(intent.client_order_id, intent.side, intent.offset, price_ticks, lots)
        return self._apply(intent.account, intent.symbol, fill)

    def apply_trade(self, trade: Trade) -> FillResult:
        """Apply a reported trade: for whoever follows trades without having seen the orders. Raises like ``apply_fill``."""
        fill = Fill(trade.client_order_id, trade.side, trade.offset, trade.price_ticks, trade.volume_lots)
        return self._apply(trade.account, trade.symbol, fill)

    def _apply(self, account: str, symbol: str, fill: Fill) -> FillResult:
        records = self._records
        funds = records.account(account)
        return fills.apply(funds, records.book(funds, symbol), fill, records.trading_day, records.rules.margin_price)

    def mark(self, symbol: str, last_ticks: int) -> None:
        """The last price of a contract is now ``last_ticks``; profits follow when asked for. Raises InstrumentNotFound."""
        self._records.contract(symbol).mark_ticks(last_ticks)

    def settle(self, next_day: int, prices: Mapping[str, Decimal]) -> tuple[SettlementStatement, ...]:
        """Settle the running day at ``prices`` (quoted units) and begin ``next_day``; statements by account name.

        Working orders are good for the day: all that is frozen is let go. A contract without a price is settled at its previous
        settlement. Those expiring on the settled day are closed in cash at their price and delisted. Raises BadRequest.
        """
        return settle(self._records, next_day, prices)

    # Questions

    def accounts(self) -> tuple[str, ...]:
        """Names of all accounts, sorted."""
        return tuple(sorted(self._records.funds))

    def account(self, account: str) -> Account:
        """The account's money now. Raises VenueRefused ACCOUNT_NOT_FOUND."""
        return self._records.account(account).report(self._records.rules)

    def available(self, account: str) -> Decimal:
        """What new orders may still use under this ledger's rules. Raises VenueRefused ACCOUNT_NOT_FOUND."""
        return self._records.account(account).spendable(self._records.rules)

    def position(self, account: str, symbol: str, side: Side) -> Position:
        """Long (BUY) or short (SELL) lots, zeros when none. Raises VenueRefused ACCOUNT_NOT_FOUND, InstrumentNotFound."""
        book = self._records.look(self._records.account(account), symbol)
        return book.position(account, book.opened_by(side), self._records.rules.margin_price)

    def positions(self, account: str) -> tuple[Position, ...]:
        """All sides that hold lots, by symbol, long before short. Raises VenueRefused ACCOUNT_NOT_FOUND."""
        price = self._records.rules.margin_price
        books = sorted(self._records.account(account).books.items())
        return tuple(book.position(account, lots, price) for _, book in books for lots in (book.long, book.short) if lots.total)

    def closable(self, account: str, symbol: str, side: Side, offset: Offset) -> int:
        """Lots a closing order of ``side`` (SELL closes long) could ask for now, frozen ones taken off."""
        book = self._records.look(self._records.account(account), symbol)
        return reservations.closable_lots(book, side, offset)

    def pre_settlement(self, symbol: str) -> Decimal:
        """The previous settlement price (quoted units). Raises InstrumentNotFound."""
        return self._records.contract(symbol).pre_settlement

    def symbols(self) -> tuple[str, ...]:
        """All listed contracts, sorted."""
        return tuple(sorted(self._records.contracts))

    # Snapshots

    def to_state(self) -> LedgerState:
        """Everything there is to know, as values: ``from_state`` makes an equal ledger of it."""
        return snapshot.take(self._records)

    @classmethod
    def from_state(cls, state: LedgerState) -> "Ledger":
        """A ledger that behaves from here on like the one ``state`` was taken of."""
        ledger = cls(state.trading_day, state.rules)
        ledger._records = snapshot.restore(state)
        return ledger

    def digest(self) -> str:
        """SHA-256 (hex) of the canonical state: equal for equal ledgers, on any machine and Python."""
        return sha256(msgspec.msgpack.encode(self.to_state(), order="deterministic")).hexdigest()


def _positive(amount: Decimal) -> Decimal:
    # Bounded both ways so that every sum stays exact within Decimal's 28 digits.
    if not amount.is_finite() or not 0 < amount <= _LARGEST or amount != round(amount, 4):
        raise BadRequest("An amount must be positive, at most 1e15, with at most 4 decimals.", amount=str(amount)[:40])
    return amount
