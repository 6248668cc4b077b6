"""One account's money while the day runs: accumulators and the sums that make balance and margin cheap to ask for."""

from decimal import Decimal

import msgspec

from tradepit.trading.ledger.book import Book
from tradepit.trading.ledger.margin import ProductMargin
from tradepit.trading.ledger.rules import LedgerRules, MarginPrice
from tradepit.trading.model.account import Account
from tradepit.trading.model.errors import VenueRefused
from tradepit.trading.model.terms import Offset, Side

_LAST = MarginPrice.LAST  # named for each order: see ``at_hand``
INSUFFICIENT_MONEY = "INSUFFICIENT_MONEY"
_ZERO = Decimal(0)


class Hold(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a working order with ``lots`` left keeps frozen. Closes freeze lots, opens margin and fee, never both."""

    symbol: str
    side: Side
    offset: Offset
    lots: int
    margin_per_lot: Decimal = _ZERO
    fee_per_lot: Decimal = _ZERO


class Funds:
    """Money of one account. ``basis`` is the signed value of all its lots at the day's basis prices.

    Position profit is never stored: it is the value of the net lots at the last prices minus ``basis``.
    """

    __slots__ = (
        "account",
        "basis",
        "books",
        "close_profit",
        "currency",
        "deposit",
        "fee",
        "frozen_fee",
        "frozen_margin",
        "holds",
        "margin_sum",
        "pre_balance",
        "products",
        "withdraw",
    )

    def __init__(self, account: str, currency: str) -> None:
        self.account = account
        self.currency = currency
        self.pre_balance = self.deposit = self.withdraw = self.close_profit = self.fee = _ZERO
        self.basis = self.margin_sum = self.frozen_margin = self.frozen_fee = _ZERO
        self.books: dict[str, Book] = {}
        self.holds: dict[str, Hold] = {}
        self.products: dict[str, ProductMargin] = {}

    def position_profit(self) -> Decimal:
        """Unrealised profit of all positions against the day's basis."""
        value = -self.basis
        for book in self.books.values():
            value += book.net_lots * book.contract.mark_value
        return value

    def charge_margin(self, book: Book, price: MarginPrice) -> None:
        """Tell the product's margin what this book's sides are now worth."""
        long = book.margin(book.long, price) if book.long.total else _ZERO
        short = book.margin(book.short, price) if book.short.total else _ZERO
        contract = book.contract
        product = self.products.get(contract.product_key)
        if product is None:
            product = self.products[contract.product_key] = ProductMargin(contract.product.larger_side_margin)
        self.margin_sum += product.add(long - book.long_margin, short - book.short_margin)
        book.long_margin, book.short_margin = long, short

    def margin(self, rules: LedgerRules) -> Decimal:
        """Margin charged now. Only when today's lots are margined at the last price must every book be asked again."""
        if rules.margin_price is _LAST:
            for book in self.books.values():
                self.charge_margin(book, rules.margin_price)
        return self.margin_sum

    def spendable(self, rules: LedgerRules) -> Decimal:
        """Available money, without unrealised gains where the broker does not lend on them."""
        profit = self.position_profit()
        if not rules.spend_position_profit and profit > 0:
            profit = _ZERO
        settled = self.pre_balance + self.deposit - self.withdraw + self.close_profit - self.fee
        return settled + profit - self.margin(rules) - self.frozen_margin - self.frozen_fee

    def require(self, amount: Decimal, rules: LedgerRules) -> None:
        """Raises VenueRefused INSUFFICIENT_MONEY when ``amount`` is more than may be spent."""
        there = self.spendable(rules)
        if amount > there:
            raise VenueRefused(INSUFFICIENT_MONEY, "Not enough available money.", needed=str(amount), available=str(there))

    def report(self, rules: LedgerRules) -> Account:
        """The account as others see it."""
        books = self.books.values()
        return Account(
            account=self.account,
            currency=self.currency,
            pre_balance=self.pre_balance,
            deposit=self.deposit,
            withdraw=self.withdraw,
            close_profit=self.close_profit,
            position_profit=self.position_profit(),
            float_profit=sum((book.float_profit(lots) for book in books for lots in (book.long, book.short)), _ZERO),
            fee=self.fee,
            margin=self.margin(rules),
            frozen_margin=self.frozen_margin,
            frozen_fee=self.frozen_fee,
        )

    def begin_day(self, balance: Decimal, price: MarginPrice) -> None:
        """After settlement: ``balance`` is carried over, the day's sums start at zero, today's lots are history."""
        self.pre_balance = balance
        self.deposit = self.withdraw = self.close_profit = self.fee = _ZERO
        self.books = {symbol: book for symbol, book in self.books.items() if not book.flat}
        for book in self.books.values():
            book.long.roll()
            book.short.roll()
        self.resum(price)

    def resum(self, price: MarginPrice) -> None:
        """Make every running sum of positions from the lots themselves."""
        self.products.clear()
        self.basis = self.margin_sum = _ZERO
        for book in self.books.values():
            self.basis += book.basis()
            book.long_margin = book.short_margin = _ZERO
            self.charge_margin(book, price)
