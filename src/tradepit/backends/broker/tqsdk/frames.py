"""What the TqSDK broker and its process say to each other: msgpack frames with a length before them, over one socket pair."""

import struct
from typing import Literal

import msgspec

_LENGTH = struct.Struct("<I")
HEAD_BYTES = _LENGTH.size
MAX_FRAME = 64 << 20
_MESSAGE_CHARS = 300


class _Frame(msgspec.Struct, frozen=True, kw_only=True, tag_field="frame"):
    pass


class LoginAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One account to log in with. ``name`` is what the house calls it; ``number`` chooses a sub-account of TqKq, 0 the main one.

    ``broker``, ``user`` and ``password`` are a real account's and empty in a sandbox; ``deposit`` is what a simulated one begins with.
    """

    name: str
    broker: str = ""
    user: str = ""
    password: str = ""
    number: int = 0
    deposit: float = 10_000_000.0

    def __repr__(self) -> str:
        return f"LoginAccount({self.name!r})"


class Login(_Frame, frozen=True, kw_only=True, tag="login"):
    """The first frame: who logs in where, what to watch, and the file in which the process notes what it has sent.

    ``sandbox`` chooses whose simulated accounts a sandbox trades on: the vendor's (``kq``) or TqSDK's own in this process (``sim``).
    """

    run_mode: Literal["real", "sandbox"]
    sandbox: Literal["kq", "sim"] = "kq"
    user: str
    password: str
    accounts: list[LoginAccount]
    symbols: list[str] = []
    wire_log: str = ""

    def __repr__(self) -> str:
        return f"Login({self.run_mode!r}, {self.accounts!r})"

    def scrub(self, text: str) -> str:
        """A text for others: cut short, and without anything that logs in."""
        told = [self.user, self.password, *(text for account in self.accounts for text in (account.user, account.password))]
        for secret in filter(None, told):
            text = text.replace(secret, "***")
        return text[:_MESSAGE_CHARS]


class Insert(_Frame, frozen=True, kw_only=True, tag="insert"):
    """Send an order. ``limit_price`` is in quoted units, None for a market order; ``advanced`` is empty, FAK or FOK."""

    number: int
    account: str
    order_id: str
    symbol: str
    direction: str
    offset: str
    volume: int
    limit_price: float | None
    advanced: str = ""


class Cancel(_Frame, frozen=True, kw_only=True, tag="cancel"):
    """Take an order back."""

    number: int
    account: str
    order_id: str


class Ask(_Frame, frozen=True, kw_only=True, tag="ask"):
    """A question about what is known; ``trace`` asks what became of one order, ``quote`` for one contract, which is watched from then on."""

    number: int
    what: Literal["account", "positions", "quotes", "quote", "trace"]
    account: str = ""
    order_id: str = ""
    symbol: str = ""


class Watch(_Frame, frozen=True, kw_only=True, tag="watch"):
    """From now on tell every known contract's market as it changes; first of all, as it is."""


class ToldOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the broker holds it, in TqSDK's words; prices in quoted units."""

    account: str
    order_id: str
    exchange_id: str
    instrument_id: str
    direction: str
    offset: str
    volume_orign: int
    volume_left: int
    status: str
    exchange_order_id: str = ""
    last_msg: str = ""
    limit_price: float = 0.0
    price_type: str = "LIMIT"
    time_condition: str = "GFD"
    volume_condition: str = "ANY"
    insert_ns: int = 0
    price_tick: float = 0.0


class ToldTrade(msgspec.Struct, frozen=True, kw_only=True):
    """A fill, in TqSDK's words."""

    account: str
    trade_id: str
    order_id: str
    exchange_trade_id: str
    exchange_id: str
    instrument_id: str
    direction: str
    offset: str
    price: float
    volume: int
    time_ns: int
    commission: float = 0.0
    price_tick: float = 0.0


class ToldQuote(msgspec.Struct, frozen=True, kw_only=True):
    """A contract and its day: ``symbol`` with its exchange; ``expire_s`` is UTC seconds; prices in quoted units.

    ``trading_day`` is that of the newest quote: the limits and the previous settlement price are that day's.
    """

    symbol: str
    price_tick: float
    multiplier: int
    expire_s: float = 0.0
    lower_limit: float = 0.0
    upper_limit: float = 0.0
    pre_settlement: float = 0.0
    max_limit_lots: int = 0
    trading_day: int = 0


class ToldTick(msgspec.Struct, frozen=True, kw_only=True):
    """A contract's market; ``time_ns`` is UTC, prices are in quoted units (0 = none), levels (price, lots) with the best first."""

    symbol: str
    price_tick: float
    time_ns: int
    trading_day: int
    last: float = 0.0
    volume: int = 0
    turnover: float = 0.0
    open_interest: int = 0
    open: float = 0.0
    high: float = 0.0
    low: float = 0.0
    upper_limit: float = 0.0
    lower_limit: float = 0.0
    pre_close: float = 0.0
    pre_settlement: float = 0.0
    bids: list[tuple[float, int]] = []
    asks: list[tuple[float, int]] = []


class ToldAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account's money. ``balance`` and ``available`` are the broker's own sums, 0 where it tells none."""

    currency: str
    pre_balance: float
    deposit: float
    withdraw: float
    close_profit: float
    position_profit: float
    float_profit: float
    commission: float
    margin: float
    frozen_margin: float
    frozen_commission: float
    balance: float = 0.0
    available: float = 0.0


class ToldPosition(msgspec.Struct, frozen=True, kw_only=True):
    """One side of one position."""

    exchange_id: str
    instrument_id: str
    direction: str
    today: int
    history: int
    frozen_today: int
    frozen_history: int
    open_cost: float
    margin: float
    float_profit: float
    position_profit: float


class ToldHeld(msgspec.Struct, frozen=True, kw_only=True):
    """Lots of one side that were opened before this trading day; ``open_price`` is the side's average, in quoted units."""

    account: str
    exchange_id: str
    instrument_id: str
    direction: str
    lots: int
    open_price: float
    price_tick: float


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an order id.

    ``wired_day`` is the trading day on which it was put on the wire, 0 when it never was; ``this_run`` says that this very
    process did it; ``snapshot_age_s`` is how long ago the day's snapshot was complete.
    """

    order: ToldOrder | None
    wired_day: int
    this_run: bool
    snapshot_age_s: float


class News(_Frame, frozen=True, kw_only=True, tag="news"):
    """Orders and trades that are new or have changed."""

    trading_day: int
    orders: list[ToldOrder]
    trades: list[ToldTrade]


class Ticks(_Frame, frozen=True, kw_only=True, tag="ticks"):
    """The markets that have changed, each as it is now: what came between two tellings is not told."""

    ticks: list[ToldTick]


class LoggedIn(_Frame, frozen=True, kw_only=True, tag="logged_in"):
    """Logged in; the snapshot of this trading day follows as news. ``held`` was held when the day began."""

    trading_day: int
    quotes: list[ToldQuote]
    held: list[ToldHeld] = []


class Ready(_Frame, frozen=True, kw_only=True, tag="ready"):
    """The day's snapshot has been told completely. ``anew``: the account itself began with this process and knows nothing older."""

    anew: bool = False


class Beat(_Frame, frozen=True, kw_only=True, tag="beat"):
    """The process's loop has gone round."""


class Failed(_Frame, frozen=True, kw_only=True, tag="failed"):
    """Why the process ends, or cannot log in yet; free of secrets."""

    message: str


class Answer(_Frame, frozen=True, kw_only=True, tag="answer"):
    """What came of request ``number``; ``refused`` says why nothing was done."""

    number: int
    refused: str = ""
    account: ToldAccount | None = None
    positions: list[ToldPosition] = []
    quotes: list[ToldQuote] = []
    trace: Trace | None = None


Request = Insert | Cancel | Ask | Watch
ToProcess = Login | Request
FromProcess = LoggedIn | News | Ticks | Ready | Beat | Failed | Answer

_ENCODER = msgspec.msgpack.Encoder()


def pack(frame: ToProcess | FromProcess) -> bytes:
    """The frame's bytes, its length before them. Raises ValueError when it is too large."""
    body = _ENCODER.encode(frame)
    if len(body) > MAX_FRAME:
        raise ValueError("frame too large")
    return _LENGTH.pack(len(body)) + body


def length_of(head: bytes) -> int:
    """How many bytes follow. Raises ValueError when no frame is that large."""
    length = int(_LENGTH.unpack(head)[0])
    if length > MAX_FRAME:
        raise ValueError("frame too large")
    return length
