"""Daily settlement: everything is marked to the settlement price, expired contracts are paid out, today becomes history."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import msgspec

from tradepit.trading.ledger.book import Book
from tradepit.trading.ledger.contract import check_price
from tradepit.trading.ledger.funds import Funds
from tradepit.trading.ledger.lots import Lots
from tradepit.trading.ledger.records import Records
from tradepit.trading.ledger.reservations import release_all
from tradepit.trading.ledger.rules import MarginPrice
from tradepit.trading.ledger.statement import SettlementStatement
from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.position import Position


def settle(records: Records, next_day: int, prices: Mapping[str, Decimal]) -> tuple[SettlementStatement, ...]:
    """Settle ``records.trading_day`` and begin ``next_day``; one statement per account, by name.

    ``prices`` are in quoted units; a contract without one is settled at its previous settlement (it did not trade).
    Contracts whose last day this is are closed in cash at their price, without a fee, and are listed no more.
    Raises BadRequest (a day that does not advance, a price that is not positive); then nothing changed.
    """
    if next_day <= records.trading_day:
        raise BadRequest("The next trading day must be a later one.", trading_day=records.trading_day, next_day=next_day)
    settled = {symbol: check_price(symbol, prices.get(symbol, item.pre_settlement)) for symbol, item in records.contracts.items()}
    for symbol, price in settled.items():
        records.contracts[symbol].mark_at(price)
    expired = {symbol for symbol, item in records.contracts.items() if _day(item.instrument.expiry) <= records.trading_day}
    accounts = sorted(records.funds.values(), key=lambda funds: funds.account)
    for funds in accounts:
        release_all(funds)
        for symbol in sorted(expired & funds.books.keys()):
            _pay_out(funds, funds.books[symbol])
    drafts = [_draft(funds, records.trading_day) for funds in accounts]
    for symbol, price in settled.items():
        records.contracts[symbol].begin_day(price)
    for symbol in expired:
        del records.contracts[symbol]
    records.trading_day = next_day
    return tuple(_carry_over(funds, draft, records.rules.margin_price) for funds, draft in zip(accounts, drafts, strict=True))


def _day(day: date) -> int:
    return day.year * 10000 + day.month * 100 + day.day


def _pay_out(funds: Funds, book: Book) -> None:
    profit = sum((book.position_profit(lots) for lots in (book.long, book.short)), Decimal(0))
    funds.basis -= book.basis()
    funds.close_profit += profit
    book.long, book.short, book.net_lots = Lots(1), Lots(-1), 0


def _draft(funds: Funds, trading_day: int) -> SettlementStatement:
    profit = funds.position_profit()
    return SettlementStatement(
        account=funds.account,
        currency=funds.currency,
        trading_day=trading_day,
        opening=funds.pre_balance,
        deposits=funds.deposit,
        withdrawals=funds.withdraw,
        realised=funds.close_profit,
        mark_to_market=profit,
        fees=funds.fee,
        closing=funds.pre_balance + funds.deposit - funds.withdraw + funds.close_profit + profit - funds.fee,
        margin=Decimal(0),
        available=Decimal(0),
        positions=_positions(funds),
    )


def _positions(funds: Funds) -> tuple[Position, ...]:
    carried = []
    for _, book in sorted(funds.books.items()):
        for lots in (book.long, book.short):
            if lots.total:
                margin = lots.total * book.contract.mark_value * book.contract.ratio
                position = book.position(funds.account, lots, MarginPrice.OPEN)
                carried.append(msgspec.structs.replace(position, margin=margin))
    return tuple(carried)


def _carry_over(funds: Funds, draft: SettlementStatement, price: MarginPrice) -> SettlementStatement:
    funds.begin_day(draft.closing, price)
    return msgspec.structs.replace(draft, margin=funds.margin_sum, available=draft.closing - funds.margin_sum)
