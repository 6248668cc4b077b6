"""The tables in which other programs look up what the house has done: the bot platform's, their columns spelled as it spells them.

``documented`` columns are the platform document's, with its types, defaults and checks: its statements work unchanged. All others
are the house's own, and may be left out by whoever inserts a row.
"""

from typing import Literal

import msgspec

MARKET_RECORDS = "market-records"
ORDER_RECORDS = "order-records"

Kind = Literal["instant", "text", "number", "lots", "id", "json", "day", "entry", "flag"]
Default = Literal["", "now", "new_id", "zero", "new", "false"]


class RecordColumn(msgspec.Struct, frozen=True):
    """A column. ``number`` is exact, ``lots`` whole, ``day`` YYYYMMDD, ``entry`` a number in a journal, ``id`` a UUID."""

    name: str
    kind: Kind
    meaning: str = ""
    required: bool = False
    default: Default = ""
    documented: bool = False


class RecordTable(msgspec.Struct, frozen=True):
    """A table and the columns by which a row is told from all others."""

    name: str
    key: tuple[str, ...]
    columns: tuple[RecordColumn, ...]
    meaning: str


def _documented(name: str, kind: Kind, meaning: str = "", *, required: bool = True, default: Default = "") -> RecordColumn:
    return RecordColumn(name, kind, meaning, required, default, documented=True)


_ENTRY = RecordColumn("entry", "entry", "the entry of the journal `orders` that told it last")
_UPDATED = RecordColumn("updated_at", "instant", "when it was told, by the house's clock")
_BOT = RecordColumn("bot", "text", "the bot's own id, empty for nobody's", required=True)
_BOT_ID = RecordColumn("bot_id", "id", "`bot` as a UUID", required=True)
_ACCOUNT = RecordColumn("account", "text", "the account", required=True)
_SYMBOL = RecordColumn("symbol", "text", "the contract", required=True)
_DAY = RecordColumn("trading_day", "day", "the trading day", required=True)
_CURRENCY = RecordColumn("currency", "text", "of all amounts in the row")

TICKS = RecordTable(
    "ticks",
    ("ts", "symbol"),
    (
        _documented("ts", "instant", "the exchange's instant"),
        _documented("symbol", "text", "the contract"),
        _documented("price", "number", "the last price"),
        _documented("volume", "number", "lots traded since the tick before; the day's so far at its first"),
        RecordColumn("exchange", "text", "the exchange"),
        RecordColumn("trading_day", "day", "the trading day"),
        RecordColumn("day_volume", "lots", "lots traded on the trading day so far"),
        RecordColumn("open_interest", "lots", "open interest"),
        RecordColumn("bid_price", "number", "the best bid"),
        RecordColumn("bid_volume", "lots", "lots at it"),
        RecordColumn("ask_price", "number", "the best ask"),
        RecordColumn("ask_volume", "lots", "lots at it"),
    ),
    "Every tick of `market.tick.*` that has a price.",
)


def _bars(name: str, length: str) -> RecordTable:
    return RecordTable(
        name,
        ("symbol", "ts"),
        (
            _SYMBOL,
            RecordColumn("ts", "instant", "when the bar begins", required=True),
            RecordColumn("open", "number", "the first price", required=True),
            RecordColumn("high", "number", "the highest", required=True),
            RecordColumn("low", "number", "the lowest", required=True),
            RecordColumn("close", "number", "the last", required=True),
            RecordColumn("volume", "number", "lots traded", required=True),
            RecordColumn("count", "lots", "ticks", required=True),
        ),
        f"Bars of {length}, made of the rows of `ticks`; one in which nothing was told is left out.",
    )


BARS_1S = _bars("bars_1s", "a second")
BARS_1M = _bars("bars_1m", "a minute")

ORDERS = RecordTable(
    "orders",
    ("id",),
    (
        _documented("id", "id", "`client_order_id` as a UUID", default="new_id"),
        _documented("bot_id", "id", "`bot` as a UUID"),
        _documented("symbol", "text", "the contract"),
        _documented("side", "text", "buy or sell"),
        _documented("qty", "number", "lots wanted"),
        _documented("price", "number", "the limit, none at the market's price", required=False),
        _documented("status", "text", "the order's state in lower case; `new` until it was sent", default="new"),
        _documented("provider_order_id", "text", "the exchange's id", required=False),
        _documented("created_at", "instant", "when it was accepted or refused", default="now"),
        _documented("updated_at", "instant", "when it last changed", default="now"),
        RecordColumn("account", "text", "the account"),
        RecordColumn("client_order_id", "text", "the sender's own id (a bot's intent id)"),
        RecordColumn("bot", "text", "the bot's own id, empty for nobody's"),
        RecordColumn("exchange", "text", "the exchange"),
        RecordColumn("offset", "text", "what it does to the position"),
        RecordColumn("order_type", "text", "how it may trade"),
        RecordColumn("filled_qty", "number", "lots traded", required=True, default="zero"),
        RecordColumn("left_qty", "number", "lots that may still trade"),
        RecordColumn("reason", "text", "the stable code of a refusal"),
        RecordColumn("reference", "text", "the sender's own text"),
        RecordColumn("sequence", "lots", "the bot's number of it"),
        RecordColumn("accepted_entry", "entry", "the journal's entry that told it first"),
        _ENTRY,
    ),
    "Every order of order management, of bots and of everybody else, refused ones too.",
)

EXECUTIONS = RecordTable(
    "executions",
    ("id",),
    (
        _documented("id", "id", "made of day, exchange, trade and side", default="new_id"),
        _documented("order_id", "id", "the order's row"),
        _documented("fill_qty", "number", "lots"),
        _documented("fill_price", "number", "the price"),
        _documented("fee", "number", "what the exchange took for it", default="zero"),
        _documented("filled_at", "instant", "the exchange's instant", default="now"),
        RecordColumn("account", "text", "the account"),
        RecordColumn("bot", "text", "the bot's own id, empty for nobody's"),
        RecordColumn("symbol", "text", "the contract"),
        RecordColumn("exchange", "text", "the exchange"),
        RecordColumn("side", "text", "buy or sell"),
        RecordColumn("offset", "text", "what it did to the position"),
        RecordColumn("trade_id", "text", "the exchange's number of the match, of both its sides"),
        RecordColumn("trading_day", "day", "the trading day"),
        _ENTRY,
    ),
    "Every fill.",
)

POSITIONS = RecordTable(
    "positions",
    ("account", "bot", "symbol"),
    (
        _ACCOUNT,
        _BOT,
        _BOT_ID,
        _SYMBOL,
        RecordColumn("lots", "lots", "net, negative for short", required=True),
        RecordColumn("open_price", "number", "the average at which they were opened"),
        RecordColumn("open_cost", "number", "lots at their prices, in money, signed", required=True),
        RecordColumn("multiplier", "number", "money for one lot and one unit of price", required=True),
        RecordColumn("realized", "number", "what closed lots have made since the beginning, before fees", required=True),
        RecordColumn("fees", "number", "fees since the beginning", required=True),
        _CURRENCY,
        _UPDATED,
        _ENTRY,
    ),
    "What each bot holds; the lots of all bots of an account are the account's net lots.",
)

PNL = RecordTable(
    "pnl",
    ("trading_day", "account", "bot", "symbol"),
    (
        _DAY,
        _ACCOUNT,
        _BOT,
        _BOT_ID,
        _SYMBOL,
        RecordColumn(
            "realized", "number", "what lots closed on the day made since its beginning or their opening", required=True
        ),
        RecordColumn("mark_to_market", "number", "what lots held at its end made on the day, none before it is settled"),
        RecordColumn("fees", "number", "fees", required=True),
        RecordColumn("net", "number", "realized and mark_to_market less fees, none before the day is settled"),
        RecordColumn("volume", "number", "lots traded", required=True),
        RecordColumn("fills", "lots", "fills", required=True),
        RecordColumn("lots", "lots", "held at the day's end, or now", required=True),
        RecordColumn("day_cost", "number", "lots held at the prices the day reckons from, in money, signed", required=True),
        RecordColumn("multiplier", "number", "money for one lot and one unit of price", required=True),
        RecordColumn("settled", "flag", "the day is over", required=True, default="false"),
        _CURRENCY,
        _UPDATED,
        _ENTRY,
    ),
    "What each bot made on each trading day in each contract, one row also for lots that only lie there; all rows of an account and"
    " day are the account's result. Lots of a running day have made `lots * price * multiplier - day_cost` so far.",
)

SETTLEMENTS = RecordTable(
    "settlements",
    ("trading_day", "account"),
    (
        _DAY,
        _ACCOUNT,
        _CURRENCY,
        *(
            RecordColumn(name, "number", meaning, required=True)
            for name, meaning in (
                ("opening", "the balance carried over"),
                ("deposits", "paid in"),
                ("withdrawals", "paid out"),
                ("realised", "what closed and expired lots made"),
                ("mark_to_market", "what lots carried over made"),
                ("fees", "fees"),
                ("closing", "the balance at the settlement price"),
                ("margin", "what the lots carried over need"),
                ("available", "closing less margin"),
            )
        ),
        RecordColumn("positions", "json", "the lots carried over"),
        _UPDATED,
    ),
    "The exchange's daily statements, as its ledger made them.",
)

RISK_LIMITS = RecordTable(
    "risk_limits",
    ("scope",),
    (
        RecordColumn("scope", "text", "`global`, `account:<id>`, `bot:<id>`, `symbol:<code>` or `reference:<id>`", required=True),
        RecordColumn("limits", "json", "all that is set for it, by rule"),
        RecordColumn("who", "text", "who set it"),
        RecordColumn("reason", "text", "why"),
        RecordColumn("set_at", "instant", "when"),
        _ENTRY,
    ),
    "Limits set at run time; those of the settings are not here.",
)

RISK_EVENTS = RecordTable(
    "risk_events",
    ("id",),
    (
        RecordColumn("id", "text", "entry and number in the journal, or the alert's own id", required=True),
        RecordColumn("kind", "text", "`refused`, `warned`, `state`, `limits` or `alert`", required=True),
        RecordColumn("at", "instant", "when", required=True),
        RecordColumn("severity", "text", "`INFO`, `WARNING`, `CRITICAL` or `CLEARED`"),
        RecordColumn("account", "text", "the account it concerns, empty for all"),
        RecordColumn("bot", "text", "the bot it concerns"),
        RecordColumn("symbol", "text", "the contract"),
        RecordColumn("scope", "text", "the scope that was set, or looked at"),
        RecordColumn("code", "text", "the stable code, or the state set"),
        RecordColumn("rule", "text", "the rule"),
        RecordColumn("limit_value", "text", "its limit"),
        RecordColumn("value", "text", "what was found"),
        RecordColumn("message", "text", "a sentence"),
        RecordColumn("who", "text", "who did it"),
        RecordColumn("order_id", "id", "the order refused"),
        _ENTRY,
    ),
    "What risk said: refusals, warnings, trading states and limits set, alerts.",
)

TABLES = (
    TICKS,
    BARS_1S,
    BARS_1M,
    ORDERS,
    EXECUTIONS,
    POSITIONS,
    PNL,
    SETTLEMENTS,
    RISK_LIMITS,
    RISK_EVENTS,
)
