"""Accounts and instruments at the venue: opening, paying in and out, listing contracts."""

from decimal import Decimal

from tradepit.trading.matching.commands import ListInstrument, OpenAccount, Transfer
from tradepit.trading.matching.events import PhaseChanged
from tradepit.trading.matching.venue_floor import Floor, as_number
from tradepit.trading.matching.venue_market import Market
from tradepit.trading.matching.venue_time import enter_phase, find_next_due
from tradepit.trading.model.errors import BadRequest, DuplicateId, VenueRefused
from tradepit.trading.model.ids import check_id

MARKET_NOT_SERVED = "MARKET_NOT_SERVED"
INSTRUMENT_EXPIRED = "INSTRUMENT_EXPIRED"
MAX_DECIMAL_PLACES = 8


def open_account(floor: Floor, command: OpenAccount) -> None:
    """Open an account; opening it again changes nothing. Raises IdNotValid, BadRequest."""
    if command.account in floor.accounts:
        return
    check_id(command.account, "account")
    check_id(command.currency, "currency")
    if len(floor.accounts) >= floor.settings.max_accounts:
        raise BadRequest("The venue takes no more accounts.", accounts=len(floor.accounts))
    _check_amount(floor, command.deposit)
    floor.ledger.open_account(command.account, command.deposit, command.currency)
    floor.accounts[command.account] = command.currency


def transfer(floor: Floor, command: Transfer) -> None:
    """Pay in (positive) or out (negative), once per ``transfer_id`` of this and the former trading day.

    Raises IdNotValid, DuplicateId, BadRequest, VenueRefused (ACCOUNT_NOT_FOUND, INSUFFICIENT_MONEY).
    """
    check_id(command.transfer_id, "transfer_id")
    _check_amount(floor, command.amount)
    content = f"{command.account}/{command.amount.normalize()}"
    if not floor.first_time("transfer", command.transfer_id, content):
        return
    if command.amount > 0:
        floor.ledger.deposit(command.account, command.amount)
    else:
        floor.ledger.withdraw(command.account, -command.amount)
    floor.did("transfer", command.transfer_id, content)


def list_instrument(floor: Floor, command: ListInstrument) -> None:
    """Start trading a contract; listing the same again changes nothing, whatever its reference has become.

    Raises IdNotValid, DuplicateId (another contract of that symbol), VenueRefused (INSTRUMENT_EXPIRED; MARKET_NOT_SERVED: its
    trading days are another country's), BadRequest, ConfigError (unknown session group), CalendarUnknown.
    """
    instrument = command.instrument
    known = floor.markets.get(instrument.symbol)
    if known is not None:
        if known.instrument != instrument:
            raise DuplicateId("Another contract has this symbol.", symbol=instrument.symbol)
        return
    check_id(instrument.symbol, "symbol")
    group = instrument.product.session_group
    if floor.calendar.group(group).market != floor.calendar.group(floor.settings.session_group).market:
        raise VenueRefused(MARKET_NOT_SERVED, "This venue keeps another country's trading days.", group=group)
    if as_number(instrument.expiry) < floor.trading_day:
        raise VenueRefused(INSTRUMENT_EXPIRED, "The contract's last trading day is over.", expiry=instrument.expiry)
    _check_reference(instrument.symbol, command.reference)
    market = Market(instrument, command.reference, floor.calendar.phases(floor.trading_date, group))
    if market.low > market.high:
        raise BadRequest("The reference leaves no price between the limits.", symbol=instrument.symbol)
    floor.ledger.list_instrument(instrument, command.reference)
    floor.markets[instrument.symbol] = market
    enter_phase(floor, market)
    find_next_due(floor)
    floor.events.append(
        PhaseChanged(symbol=market.symbol, phase=market.phase, time_ns=floor.now_ns, trading_day=floor.trading_day)
    )


def _check_reference(symbol: str, reference: Decimal) -> None:
    # The magnitude is checked before any arithmetic: Decimal("1e999999") would become a million-digit integer.
    if not reference.is_finite() or reference <= 0 or reference.adjusted() > 9:
        raise BadRequest("A reference must be a positive number.", symbol=symbol, reference=str(reference)[:40])


def _check_amount(floor: Floor, amount: Decimal) -> None:
    exponent = amount.as_tuple().exponent
    written = isinstance(exponent, int) and abs(exponent) <= MAX_DECIMAL_PLACES
    if not written or abs(amount) > floor.settings.max_deposit:
        raise BadRequest("An amount must be a number in range.", amount=str(amount)[:40])
