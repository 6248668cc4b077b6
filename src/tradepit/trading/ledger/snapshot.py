"""The whole ledger as values: what a snapshot keeps, and the same ledger made from it again."""

from decimal import Decimal

import msgspec

from tradepit.trading.ledger.book import Book
from tradepit.trading.ledger.contract import Contract
from tradepit.trading.ledger.funds import Funds, Hold
from tradepit.trading.ledger.lots import Lot, Lots
from tradepit.trading.ledger.records import Records
from tradepit.trading.ledger.reservations import reinstate
from tradepit.trading.ledger.rules import LedgerRules
from tradepit.trading.model.instrument import Instrument


class ContractState(msgspec.Struct, frozen=True, kw_only=True):
    """A listed contract with the day's basis and last price (quoted units)."""

    instrument: Instrument
    pre_settlement: Decimal
    mark: Decimal


class LotsState(msgspec.Struct, frozen=True, array_like=True):
    """One side's lots, first in first, and how many of today's have not paid the close-today fee (CFFEX)."""

    history: tuple[Lot, ...]
    today: tuple[Lot, ...]
    fee_today_lots: int


class BookState(msgspec.Struct, frozen=True, kw_only=True):
    """An account's lots in one contract."""

    symbol: str
    long: LotsState
    short: LotsState


class FundsState(msgspec.Struct, frozen=True, kw_only=True):
    """An account: the day's money, its lots, and what its working orders keep frozen by client order id."""

    account: str
    currency: str
    pre_balance: Decimal
    deposit: Decimal
    withdraw: Decimal
    close_profit: Decimal
    fee: Decimal
    books: tuple[BookState, ...]
    holds: dict[str, Hold]


class LedgerState(msgspec.Struct, frozen=True, kw_only=True):
    """A ledger. Equal ledgers give equal states whatever the order in which their accounts and contracts came."""

    trading_day: int
    rules: LedgerRules
    contracts: tuple[ContractState, ...]
    accounts: tuple[FundsState, ...]


def take(records: Records) -> LedgerState:
    """The state of ``records``; sums that follow from it are left out."""
    contracts = [
        ContractState(instrument=c.instrument, pre_settlement=c.pre_settlement, mark=c.mark) for c in records.contracts.values()
    ]
    return LedgerState(
        trading_day=records.trading_day,
        rules=records.rules,
        contracts=tuple(sorted(contracts, key=lambda contract: contract.instrument.symbol)),
        accounts=tuple(_take_funds(funds) for _, funds in sorted(records.funds.items())),
    )


def restore(state: LedgerState) -> Records:
    """Records whose state is ``state``: every running sum is made anew from lots and working orders."""
    records = Records(state.trading_day, state.rules)
    for listed in state.contracts:
        records.contracts[listed.instrument.symbol] = Contract(listed.instrument, listed.pre_settlement, listed.mark)
    for funds in state.accounts:
        records.funds[funds.account] = _restore_funds(records, funds)
    return records


def _take_funds(funds: Funds) -> FundsState:
    return FundsState(
        account=funds.account,
        currency=funds.currency,
        pre_balance=_canonical(funds.pre_balance),
        deposit=_canonical(funds.deposit),
        withdraw=_canonical(funds.withdraw),
        close_profit=_canonical(funds.close_profit),
        fee=_canonical(funds.fee),
        books=tuple(
            BookState(symbol=symbol, long=_take_lots(book.long), short=_take_lots(book.short))
            for symbol, book in sorted(funds.books.items())
            if not book.flat
        ),
        holds=dict(sorted(funds.holds.items())),
    )


def _take_lots(lots: Lots) -> LotsState:
    return LotsState(tuple(lots.history), tuple(lots.today), lots.fee_today_lots)


def _restore_funds(records: Records, state: FundsState) -> Funds:
    funds = Funds(state.account, state.currency)
    funds.pre_balance, funds.deposit, funds.withdraw = state.pre_balance, state.deposit, state.withdraw
    funds.close_profit, funds.fee = state.close_profit, state.fee
    for item in state.books:
        funds.books[item.symbol] = Book(records.contract(item.symbol), _lots(1, item.long), _lots(-1, item.short))
    for client_order_id, hold in state.holds.items():
        records.book(funds, hold.symbol)
        funds.holds[client_order_id] = hold
        reinstate(funds, hold)
    funds.resum(records.rules.margin_price)
    return funds


def _lots(sign: int, state: LotsState) -> Lots:
    return Lots(sign, state.history, state.today, state.fee_today_lots)


def _canonical(amount: Decimal) -> Decimal:
    # 1.50 and 1.5 are the same money; which of them a sum yields depends on its path. Adding zero turns -0 into 0.
    return amount.normalize() + 0
