"""What the venue can be told. Every command is journaled before it is applied; applying it again from the journal gives the same events."""

from decimal import Decimal

import msgspec

from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.tick import Tick


class _Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="command"):
    pass


class ListInstrument(_Command, frozen=True, kw_only=True, tag="list_instrument"):
    """Start trading a contract. ``reference`` is the previous settlement price (quoted units). Listing it again changes nothing."""

    instrument: Instrument
    reference: Decimal


class OpenAccount(_Command, frozen=True, kw_only=True, tag="open_account"):
    """Open an account with an opening deposit. Opening it again changes nothing."""

    account: str
    deposit: Decimal
    currency: str = "CNY"


class Transfer(_Command, frozen=True, kw_only=True, tag="transfer"):
    """Deposit (positive) or withdraw (negative) money; ``transfer_id`` makes it happen once."""

    transfer_id: str
    account: str
    amount: Decimal


class SubmitOrder(_Command, frozen=True, kw_only=True, gc=False, tag="submit"):
    """A new order. Idempotent by (account, client_order_id). ``session`` and ``epoch`` fence a former leader: lower epochs are refused."""

    intent: OrderIntent
    session: str = ""
    epoch: int = 0


class CancelOrder(_Command, frozen=True, kw_only=True, gc=False, tag="cancel"):
    """Take a working order's remainder out of the book. Cancelling a finished order answers with its state."""

    account: str
    client_order_id: str
    session: str = ""
    epoch: int = 0


class ReduceOrder(_Command, frozen=True, kw_only=True, tag="reduce"):
    """Lower the remaining volume of a working order by ``by_lots``; it keeps its place in the queue.

    Reducing by everything that is left is a cancel. ``reduce_id`` makes it happen once.
    """

    reduce_id: str
    account: str
    client_order_id: str
    by_lots: int
    session: str = ""
    epoch: int = 0


class ResolveOrder(_Command, frozen=True, kw_only=True, tag="resolve"):
    """Say what became of an order whose answer was lost; an id never seen is voided, so that a late copy of it is refused.

    Afterwards the order exists in every case: as it is, or REJECTED with reason NOT_SENT.
    """

    intent: OrderIntent
    session: str = ""
    epoch: int = 0


class OpenSession(_Command, frozen=True, kw_only=True, tag="open_session"):
    """A new leader of ``session`` announces its epoch: from here on every command of a lower one is refused."""

    session: str
    epoch: int


class ApplyTick(_Command, frozen=True, kw_only=True, gc=False, tag="tick"):
    """The outside market now shows this: its levels replace the outside's former quotes and trade with what they cross."""

    tick: Tick


class AdvanceTime(_Command, frozen=True, kw_only=True, tag="time"):
    """Time has passed: phases change, auctions match, days settle, snapshots fall due."""


Command = (
    ListInstrument
    | OpenAccount
    | Transfer
    | SubmitOrder
    | CancelOrder
    | ReduceOrder
    | ResolveOrder
    | OpenSession
    | ApplyTick
    | AdvanceTime
)


class Stamped(msgspec.Struct, frozen=True, kw_only=True):
    """A command and the exchange's instant (UTC ns) at which it is applied: one record of the venue's journal."""

    now_ns: int
    command: Command
