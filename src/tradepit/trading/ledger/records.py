"""Everything a ledger knows: the trading day, the listed contracts, the accounts."""

from tradepit.trading.ledger.book import Book
from tradepit.trading.ledger.contract import Contract
from tradepit.trading.ledger.funds import Funds
from tradepit.trading.ledger.rules import LedgerRules
from tradepit.trading.model.errors import InstrumentNotFound, VenueRefused

ACCOUNT_NOT_FOUND = "ACCOUNT_NOT_FOUND"
CURRENCY_MISMATCH = "CURRENCY_MISMATCH"


class Records:
    """Contracts by symbol and accounts by name, as of ``trading_day`` (YYYYMMDD)."""

    __slots__ = ("contracts", "funds", "rules", "trading_day")

    def __init__(self, trading_day: int, rules: LedgerRules) -> None:
        self.trading_day = trading_day
        self.rules = rules
        self.contracts: dict[str, Contract] = {}
        self.funds: dict[str, Funds] = {}

    def contract(self, symbol: str) -> Contract:
        """The listed contract. Raises InstrumentNotFound."""
        try:
            return self.contracts[symbol]
        except KeyError:
            raise InstrumentNotFound(symbol=symbol) from None

    def account(self, account: str) -> Funds:
        """The account's money. Raises VenueRefused ACCOUNT_NOT_FOUND."""
        try:
            return self.funds[account]
        except KeyError:
            raise VenueRefused(ACCOUNT_NOT_FOUND, "No such account.", account=account) from None

    def look(self, funds: Funds, symbol: str) -> Book:
        """The account's book in a contract to look at, an empty one when it has none. Raises InstrumentNotFound."""
        return funds.books.get(symbol) or Book(self.contract(symbol))

    def book(self, funds: Funds, symbol: str) -> Book:
        """The account's book to change, made when first needed. Raises InstrumentNotFound, VenueRefused CURRENCY_MISMATCH."""
        book = funds.books.get(symbol)
        if book is None:
            contract = self.contract(symbol)
            if contract.product.currency != funds.currency:
                raise VenueRefused(CURRENCY_MISMATCH, "The account holds another currency.", currency=contract.product.currency)
            book = funds.books[symbol] = Book(contract)
        return book
