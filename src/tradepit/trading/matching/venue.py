"""The venue: a futures exchange as a pure machine. A command and an instant go in, events come out; nothing else happens."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tradepit.trading.calendar.trading_calendar import TradingCalendar
from tradepit.trading.matching import commands
from tradepit.trading.matching.events import Event
from tradepit.trading.matching.venue_accounts import list_instrument, open_account, transfer
from tradepit.trading.matching.venue_floor import Floor
from tradepit.trading.matching.venue_market import NEVER_NS, Market
from tradepit.trading.matching.venue_orders import cancel, reduce, resolve, submit
from tradepit.trading.matching.venue_outside import apply_tick
from tradepit.trading.matching.venue_settings import VenueSettings
from tradepit.trading.matching.venue_snapshots import publish_due, snapshot
from tradepit.trading.matching.venue_state import digest, restore, take
from tradepit.trading.matching.venue_time import advance, begin
from tradepit.trading.model.account import Account
from tradepit.trading.model.errors import BadRequest, InstrumentNotFound, TradepitError
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order
from tradepit.trading.model.position import Position
from tradepit.trading.model.terms import SessionPhase
from tradepit.trading.model.tick import Level, Tick

_DEFAULT_SETTINGS = VenueSettings()


class Venue:
    """Many instruments, many accounts, one country's trading days, one rising sequence of reports.

    The same settings, calendar and stamped commands give the same events and the same digest, on any machine.
    Instants are UTC ns, prices ticks, volumes lots, money Decimal. Questions change nothing and never advance time.
    """

    def __init__(self, settings: VenueSettings = _DEFAULT_SETTINGS, *, calendar: TradingCalendar) -> None:
        self._floor = Floor(settings, calendar)

    @classmethod
    def restore(cls, snapshot_bytes: bytes, *, calendar: TradingCalendar) -> "Venue":
        """The venue a snapshot was taken of. Raises JournalCorrupted when the bytes are none."""
        venue = cls(calendar=calendar)
        venue._floor = restore(snapshot_bytes, calendar)
        return venue

    def apply(self, command: commands.Command, now_ns: int) -> tuple[Event, ...]:
        """Let time pass to ``now_ns``, then do what ``command`` says; returns everything that happened, in order.

        Time never goes backwards: an earlier instant counts as the venue's own. Never raises for a command's fault: a command
        refused as a whole answers with one CommandRefused (stable code) behind what the passing of time brought.
        """
        floor = self._floor
        if floor.events:
            floor.events = []
        try:
            if not 0 <= now_ns < NEVER_NS:
                raise BadRequest("The instant is out of range.", now_ns=str(now_ns)[:40])
            if not floor.trading_day:
                begin(floor, now_ns)
            elif floor.next_due_ns <= now_ns:
                advance(floor, now_ns)
            elif now_ns > floor.now_ns:
                floor.now_ns = now_ns
            handler = _HANDLERS.get(type(command))
            if handler is not None:
                handler(floor, command)
        except TradepitError as error:
            floor.refuse(error)
        if floor.next_snapshot_ns <= floor.now_ns:
            publish_due(floor)
        # By most ticks nothing happens.
        return tuple(floor.events) if floor.events else ()

    # Questions

    @property
    def settings(self) -> VenueSettings:
        """The settings this venue runs with."""
        return self._floor.settings

    @property
    def now_ns(self) -> int:
        """The venue's instant: the latest it was told, 0 before the first command."""
        return self._floor.now_ns

    @property
    def trading_day(self) -> int:
        """The running trading day, YYYYMMDD, 0 before the first command. After settlement it is the next one."""
        return self._floor.trading_day

    @property
    def sequence(self) -> int:
        """The number of the last report."""
        return self._floor.sequence

    def next_wakeup_ns(self) -> int:
        """When AdvanceTime is due next unless a command comes before: phase, settlement or snapshot; 2**63 - 1 for never."""
        due_ns, snapshot_ns = self._floor.next_due_ns, self._floor.next_snapshot_ns
        return due_ns if due_ns < snapshot_ns else snapshot_ns  # noqa: FURB136 - min() is a slow call

    def instruments(self) -> tuple[Instrument, ...]:
        """The listed contracts, in the order of listing."""
        return tuple(market.instrument for market in self._floor.markets.values())

    def accounts(self) -> tuple[str, ...]:
        """Names of all accounts, sorted."""
        return self._floor.ledger.accounts()

    def order(self, account: str, client_order_id: str) -> Order | None:
        """An order of this or the former trading day by its sender's id."""
        entry = self._floor.find(account, client_order_id)
        return entry.order if entry else None

    def orders(self, account: str, *, active_only: bool = False) -> list[Order]:
        """An account's orders of this and the former trading day, in the order they came."""
        known = [
            entry.order for day in (self._floor.former_orders, self._floor.orders) for entry in day.get(account, {}).values()
        ]
        return [order for order in known if order.active] if active_only else known

    def account(self, account: str) -> Account:
        """The account's money. Raises VenueRefused ACCOUNT_NOT_FOUND."""
        return self._floor.ledger.account(account)

    def positions(self, account: str) -> tuple[Position, ...]:
        """The account's positions, by symbol, long before short. Raises VenueRefused ACCOUNT_NOT_FOUND."""
        return self._floor.ledger.positions(account)

    def phase(self, symbol: str) -> SessionPhase:
        """What the instrument's market is doing. Raises InstrumentNotFound."""
        return self._market(symbol).phase

    def band(self, symbol: str) -> tuple[int, int]:
        """The day's lower and upper limit in ticks. Raises InstrumentNotFound."""
        market = self._market(symbol)
        return market.low, market.high

    def reference(self, symbol: str) -> Decimal:
        """The previous settlement price (quoted units). Raises InstrumentNotFound."""
        return self._market(symbol).reference

    def depth(self, symbol: str, levels: int = 5) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Bids and asks of accounts and outside together, best first. Raises InstrumentNotFound."""
        return self._market(symbol).depth(levels)

    def tick(self, symbol: str) -> Tick:
        """The instrument's market now, as a snapshot would show it. Raises InstrumentNotFound."""
        return snapshot(self._floor, self._market(symbol))

    def outside_lots(self, symbol: str) -> int:
        """The outside's net position against the accounts in a contract. Raises InstrumentNotFound."""
        return self._market(symbol).outside.lots

    def outside_value(self) -> Decimal:
        """What the outside won (or lost, negative) against the accounts, at the last prices; fees are not part of it."""
        floor = self._floor
        values = (market.outside.value(market.instrument, market.mark()) for market in floor.markets.values())
        return sum(values, floor.outside_paid)

    # State

    def snapshot(self) -> bytes:
        """The whole state; ``restore`` makes the same venue of it."""
        return take(self._floor)

    def digest(self) -> str:
        """SHA-256 (hex) over the whole state: equal for venues that were told the same."""
        return digest(self._floor)

    def _market(self, symbol: str) -> Market:
        market = self._floor.markets.get(symbol)
        if market is None:
            raise InstrumentNotFound(symbol=symbol[:64])
        return market


def _open_session(floor: Floor, command: commands.OpenSession) -> None:
    floor.fence(command.session, command.epoch)


# AdvanceTime has no handler: time has passed by then.
_HANDLERS: dict[type, Callable[[Floor, Any], None]] = {
    commands.ListInstrument: list_instrument,
    commands.OpenAccount: open_account,
    commands.Transfer: transfer,
    commands.SubmitOrder: submit,
    commands.CancelOrder: cancel,
    commands.ReduceOrder: reduce,
    commands.ResolveOrder: resolve,
    commands.OpenSession: _open_session,
    commands.ApplyTick: apply_tick,
}
