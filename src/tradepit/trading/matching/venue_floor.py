"""The venue's whole state and the one place where numbered reports are written."""

from datetime import date
from decimal import Decimal

from tradepit.trading.calendar.trading_calendar import TradingCalendar
from tradepit.trading.ledger.ledger import Ledger
from tradepit.trading.matching.events import CommandRefused, Event
from tradepit.trading.matching.venue_market import NEVER_NS, Market, OrderEntry
from tradepit.trading.matching.venue_settings import VenueSettings
from tradepit.trading.model.errors import BadRequest, DuplicateId, StaleEpoch, TradepitError
from tradepit.trading.model.ids import check_id
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import OrderReport
from tradepit.trading.model.terms import OrderStatus

_OPEN = OrderStatus.OPEN  # named for each order: see ``at_hand``
# Details of the ledger's INSUFFICIENT_MONEY.
AMOUNTS = frozenset({"needed", "available"})

Orders = dict[str, dict[str, OrderEntry]]


class Floor:
    """Mutable; the venue's functions work on it. All of it is in the venue's snapshot but ``events``, the answer being written.

    ``orders`` (by account and sender's id) are those first seen in the running trading day, ``former_orders`` those of the day
    before; older ones are gone, and with them the memory of their ids. ``actions`` and ``former_actions`` are the same for
    transfers and reductions. ``accounts`` maps names to currencies; ``outside_paid`` is what the outside won or lost in
    contracts that have expired.
    """

    def __init__(self, settings: VenueSettings, calendar: TradingCalendar) -> None:
        self.settings = settings
        self.calendar = calendar
        self.ledger = Ledger(0, settings.ledger)
        self.now_ns = 0
        self.trading_day = 0
        self.settle_at_ns = NEVER_NS
        self.next_due_ns = NEVER_NS
        self.next_snapshot_ns = NEVER_NS
        self.sequence = 0
        self.markets: dict[str, Market] = {}
        self.orders: Orders = {}
        self.former_orders: Orders = {}
        self.actions: dict[str, str] = {}
        self.former_actions: dict[str, str] = {}
        self.accounts: dict[str, str] = {}
        self.epochs: dict[str, int] = {}
        self.outside_paid = Decimal(0)
        self.events: list[Event] = []

    def begin_day(self, day: date, settle_at_ns: int) -> None:
        """A trading day begins: yesterday's orders and actions are kept to answer repeats, older ones are forgotten."""
        self.trading_day = as_number(day)
        self.settle_at_ns = settle_at_ns
        self.former_orders, self.orders = self.orders, {}
        self.former_actions, self.actions = self.actions, {}

    @property
    def trading_date(self) -> date:
        """The running trading day as a date."""
        return date.fromisoformat(str(self.trading_day))

    def find(self, account: str, client_order_id: str) -> OrderEntry | None:
        """The order of this or the former trading day, None when it is not known."""
        for day in (self.orders, self.former_orders):
            of_account = day.get(account)
            entry = of_account.get(client_order_id) if of_account is not None else None
            if entry is not None:
                return entry
        return None

    def fence(self, session: str, epoch: int) -> None:
        """Raises StaleEpoch when a newer leader of ``session`` has spoken; otherwise remembers ``epoch``."""
        if not session and not epoch and not self.epochs:
            # Nobody has ever spoken under an epoch: a backtest, and a house without order management.
            return
        if session:
            check_id(session, "session")
        if not 0 <= epoch < NEVER_NS:
            raise BadRequest("The epoch is out of range.", session=session)
        highest = self.epochs.get(session, 0)
        if epoch < highest:
            raise StaleEpoch(session=session, epoch=epoch, highest=highest)
        if epoch > highest:
            self.epochs[session] = epoch

    def first_time(self, kind: str, action_id: str, content: str) -> bool:
        """True when this action was never seen; False when it repeats. Raises DuplicateId when the id meant something else."""
        key = f"{kind}:{action_id}"
        known = self.actions.get(key) or self.former_actions.get(key)
        if known is not None and known != content:
            raise DuplicateId(id=action_id)
        return known is None

    def did(self, kind: str, action_id: str, content: str) -> None:
        """Remember an action that has been done."""
        self.actions[f"{kind}:{action_id}"] = content

    def next_sequence(self) -> int:
        """The number of the next report."""
        self.sequence += 1
        return self.sequence

    def enter(
        self, intent: OrderIntent, status: OrderStatus, order_id: str = "", reason: str = "", message: str = ""
    ) -> OrderEntry:
        """A new order exists from here on; its first report is written."""
        order = Order(
            intent=intent,
            status=status,
            order_id=order_id,
            left_lots=intent.volume_lots if status is _OPEN else 0,
            reason=reason,
            message=message,
            inserted_ns=self.now_ns,
            updated_ns=self.now_ns,
        )
        entry = OrderEntry(order)
        self.orders.setdefault(intent.account, {})[intent.client_order_id] = entry
        self.report(entry)
        return entry

    def change(self, entry: OrderEntry, status: OrderStatus, traded: int, left: int, reason: str = "") -> None:
        """The order's state is now this; a report says so."""
        old = entry.order
        entry.order = Order(
            intent=old.intent,
            status=status,
            order_id=old.order_id,
            traded_lots=traded,
            left_lots=left,
            reason=reason,
            inserted_ns=old.inserted_ns,
            updated_ns=self.now_ns,
        )
        self.report(entry)

    def report(self, entry: OrderEntry) -> None:
        """Write the order's present state as a numbered report."""
        self.sequence += 1
        self.events.append(
            OrderReport(sequence=self.sequence, time_ns=self.now_ns, trading_day=self.trading_day, order=entry.order)
        )

    def refuse(self, error: TradepitError) -> None:
        """The command is refused as a whole."""
        self.events.append(CommandRefused(code=error.reason_code, message=error.message, details=explain(error)))


def as_number(day: date) -> int:
    """A date as YYYYMMDD."""
    return day.year * 10_000 + day.month * 100 + day.day


def plain(amount: Decimal) -> Decimal:
    """The same amount, written in one way only: 1.50, 1.5 and 15E-1 become 1.5, whatever sum they came from."""
    return Decimal(format(amount.normalize() + 0, "f"))


def explain(error: TradepitError) -> dict[str, str]:
    """The details of a refusal as text. How many zeros an amount carries may depend on its path; an event must not."""
    texts = {key: str(value)[:64] for key, value in error.details.items()}
    return texts | {key: format(plain(Decimal(texts[key])), "f") for key in AMOUNTS & texts.keys()}
