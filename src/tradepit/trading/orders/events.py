"""What order management's journal says: each record is one fact, and the facts in order are the whole state."""

import msgspec

from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.report import Report
from tradepit.trading.model.terms import TradingState


class _Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="fact"):
    time_ns: int


class TermBegan(_Fact, frozen=True, kw_only=True, tag="term_began"):
    """A leader took over under ``epoch``; every later record of a lower epoch is refused by the journal."""

    epoch: int
    holder: str


class InstrumentKnown(_Fact, frozen=True, kw_only=True, tag="instrument_known"):
    """A contract can be traded. ``reference`` is its previous settlement price as a decimal string (quoted units)."""

    instrument: Instrument
    reference: str


class AccountKnown(_Fact, frozen=True, kw_only=True, tag="account_known"):
    """An account may trade. ``equity`` is its balance when the trading day opened, a decimal string in its currency."""

    account: str
    equity: str


class OrderAccepted(_Fact, frozen=True, kw_only=True, gc=False, tag="order_accepted"):
    """The order passed risk review and exists from here on. Written before anything is sent."""

    intent: OrderIntent


class OrderRefused(_Fact, frozen=True, kw_only=True, gc=False, tag="order_refused"):
    """Risk refused the order; it never left. A repeated request gets the same answer."""

    intent: OrderIntent
    code: str
    rule: str
    limit: str
    value: str
    message: str


class OrderRemarked(_Fact, frozen=True, kw_only=True, gc=False, tag="order_remarked"):
    """A rule let the order pass and has something to tell of it, in the words of a refusal. Written with its acceptance."""

    account: str
    bot: str
    symbol: str
    client_order_id: str
    code: str
    rule: str
    limit: str
    value: str
    message: str


class OrderSending(_Fact, frozen=True, kw_only=True, gc=False, tag="order_sending"):
    """The order is about to leave for the broker under ``epoch``: from here on its absence must be proven, not assumed."""

    account: str
    client_order_id: str
    epoch: int


class OrderUnknown(_Fact, frozen=True, kw_only=True, gc=False, tag="order_unknown"):
    """No answer came. The order is in doubt until the broker has said what became of it."""

    account: str
    client_order_id: str
    reason: str


class CancelRequested(_Fact, frozen=True, kw_only=True, gc=False, tag="cancel_requested"):
    """Somebody asked to cancel; written before the cancel is sent."""

    account: str
    client_order_id: str


class ReportApplied(_Fact, frozen=True, kw_only=True, gc=False, tag="report_applied"):
    """The broker told something new: trades count once by their id, orders by their cumulative volume.

    ``through`` is the number up to which the broker's stream has been read without a gap; reading resumes behind it.
    """

    report: Report
    through: int = 0


class StateSet(_Fact, frozen=True, kw_only=True, tag="state_set"):
    """The trading state of a scope (``global``, ``account:A1``, ``bot:b7``, ``symbol:IF2501``, ``reference:twap-1``) was set.

    ``key`` names the request, so that it may be repeated.
    """

    scope: str
    state: TradingState
    who: str
    reason: str
    key: str = ""


class LimitsSet(_Fact, frozen=True, kw_only=True, tag="limits_set"):
    """The risk limits of a scope (named as in ``state_set``) were set; ``limits`` is the JSON of all that is now set for it."""

    scope: str
    limits: str
    who: str
    reason: str
    key: str = ""


class RiskWarned(_Fact, frozen=True, kw_only=True, tag="risk_warned"):
    """An account has come near what the exchange calls abnormal in a contract: ``value`` of ``limit``. Once a day for each ``what``."""

    account: str
    symbol: str
    code: str
    what: str
    value: int
    limit: int


class AlgoAccepted(_Fact, frozen=True, kw_only=True, tag="algo_accepted"):
    """An algorithm order was accepted; ``body`` is the JSON published to the workers."""

    algo_id: str
    account: str
    topic: str
    body: str


class AlgoControlled(_Fact, frozen=True, kw_only=True, tag="algo_controlled"):
    """Somebody paused, resumed, amended or cancelled an algorithm order; ``body`` is the JSON of the request."""

    algo_id: str
    action: str
    body: str


class AlgoEnded(_Fact, frozen=True, kw_only=True, tag="algo_ended"):
    """A worker reported that the algorithm is over."""

    algo_id: str
    state: str
    filled_lots: int


Fact = (
    TermBegan
    | InstrumentKnown
    | AccountKnown
    | OrderAccepted
    | OrderRefused
    | OrderRemarked
    | OrderSending
    | OrderUnknown
    | CancelRequested
    | ReportApplied
    | StateSet
    | LimitsSet
    | RiskWarned
    | AlgoAccepted
    | AlgoControlled
    | AlgoEnded
)
