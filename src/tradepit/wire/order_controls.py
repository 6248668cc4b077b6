"""What risk people ask of order management: limits and states of scopes, how far they were carried out, and what the review would say."""

from decimal import Decimal
from typing import Any

import msgspec

from tradepit.wire.simulator import OrderRequest


class HeldData(msgspec.Struct, frozen=True, kw_only=True):
    """Lots an account holds of a contract."""

    account: str
    symbol: str
    long: int
    short: int


class KillChecklist(msgspec.Struct, frozen=True, kw_only=True):
    """How far a state that was set has been carried out. ``orders_found`` worked in the scope when it was set.

    ``closing_orders`` were sent to flatten; ``flatten_refused`` says for each that was not (``account symbol: code``) why.
    """

    state_set: bool
    orders_found: int
    cancelled: int
    still_working: list[str]
    closing_orders: int
    flatten_refused: list[str]
    positions_left: list[HeldData]


class StateReply(msgspec.Struct, frozen=True, kw_only=True):
    """Reply to ``set_state``. ``cancelling`` is how many orders are being cancelled, or were."""

    success: bool = True
    scope: str
    state: str
    cancelling: int
    checklist: KillChecklist


class HaltStanding(msgspec.Struct, frozen=True, kw_only=True):
    """How far a halt has come. ``persisted``: it is kept and holds before another order is taken, whatever dies; ``applied``: order
    management has carried it out, and ``reply`` says how far.
    """

    success: bool = True
    key: str
    persisted: bool
    applied: bool
    reply: StateReply | None = None


class LimitsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``rpc.order-management.set_limits``: set risk limits of a scope, from the next order on.

    ``limits`` maps names of rules to their limits (as under ``orders.risk``); a rule's table takes the place of what was set for it
    in this scope, null removes it. ``who`` and ``reason`` are kept with it. With a ``revision`` nothing is changed unless it is the
    scope's own now (0: nothing was ever set). A request with a ``key`` may be repeated: it counts once.
    """

    scope: str
    limits: dict[str, dict[str, Any] | None]
    who: str
    reason: str
    revision: int | None = None
    key: str = ""


class LimitsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``rpc.order-management.get_limits``; without a scope all are told."""

    scope: str = ""


class ScopeLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What is set for one scope; who set it last, when (ISO-8601) and why. ``readable`` False: its orders are refused.

    ``revision`` rises whenever the scope's limits are set.
    """

    scope: str
    limits: dict[str, Any]
    who: str
    reason: str
    datetime: str
    readable: bool = True
    revision: int = 1


class LimitsReply(msgspec.Struct, frozen=True, kw_only=True):
    """Reply to ``get_limits``: rules as configured, what is set for scopes, and the scopes that are not ACTIVE."""

    success: bool = True
    configured: dict[str, Any]
    scopes: list[ScopeLimits]
    states: dict[str, str]


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``rpc.order-management.audit``: changes of states and limits after a number, of one scope or of all."""

    after: int = 0
    limit: int = 100
    scope: str = ""


class AuditData(msgspec.Struct, frozen=True, kw_only=True):
    """One change: ``set_state`` or ``set_limits`` (``before`` and ``after`` are then JSON text); who, when (ISO-8601) and why."""

    number: int
    datetime: str
    action: str
    scope: str
    before: str
    after: str
    who: str
    reason: str
    key: str


class AuditReply(msgspec.Struct, frozen=True, kw_only=True):
    """Reply to ``audit``, oldest first; ``total`` is the number of the newest change there is. The last 10,000 are kept."""

    success: bool = True
    rows: list[AuditData]
    total: int


class EvaluateRequest(OrderRequest, frozen=True, kw_only=True):
    """Body of ``rpc.order-management.evaluate``: what would the review say to this order (``side`` BUY or SELL) of this bot now?"""

    side: str
    bot: str = ""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Reply to ``evaluate``. Nothing was counted, journaled or sent; an order sent later is reviewed anew."""

    success: bool = True
    allowed: bool
    reason: str = ""
    rule: str = ""
    limit: str = ""
    value: str = ""
    message: str = ""
    checked_at: str


class PlaceRequest(OrderRequest, frozen=True, kw_only=True):
    """Body of ``rpc.order-management.place``: an order of a bot (``side`` BUY or SELL). ``sequence`` is the bot's number for it on the
    account, ``expires`` the instant (UTC ns) from which on it is not wanted, 0 for none.

    Without ``offset`` it opens, or nets where the exchange knows no offsets.
    """

    side: str
    bot: str
    sequence: int = 0
    expires: int = 0
    offset: str = ""


class PlaceReply(msgspec.Struct, frozen=True, kw_only=True):
    """Reply to ``place``: the order is journaled, whatever became of it, and order events tell what did.

    ``client_order_id`` is another one than asked for where the bot's number had been used before, for the same order.
    """

    success: bool = True
    client_order_id: str
    status: str
    reason: str = ""


class PlaceAllRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``rpc.order-management.place_all``: orders of bots, 64 at most, reviewed and journaled in this order."""

    orders: list[PlaceRequest]


class PlacedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one order of ``place_all``. ``error`` says why it was not journaled, else it is empty; see ``PlaceReply``."""

    client_order_id: str
    status: str = ""
    reason: str = ""
    error: str = ""
    message: str = ""


class PlaceAllReply(msgspec.Struct, frozen=True, kw_only=True):
    """Reply to ``place_all``, one for each order, once all are journaled: what the exchange says to them is not waited for."""

    success: bool = True
    orders: list[PlacedOrder]


class BotsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``rpc.trade-executor.bots``; without ``bot`` all of the account are told."""

    account: str
    bot: str = ""


class BotHolding(msgspec.Struct, frozen=True, kw_only=True):
    """Net lots (negative: short) of a bot in a contract. Those of all bots of an account are the account's."""

    symbol: str
    lots: int


class BotResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a bot has made on an account, in its currency: ``realized`` and ``unrealized`` before ``fees``.

    ``unrealized`` is null while the price of something it holds is not known. ``bot_id`` is empty for orders of no bot.
    """

    account_id: str
    bot_id: str
    realized: Decimal
    unrealized: Decimal | None
    fees: Decimal
    window: str
    generated_at: str
    positions: list[BotHolding]


class BotsReply(msgspec.Struct, frozen=True, kw_only=True):
    """Reply to ``bots``."""

    success: bool = True
    bots: list[BotResult]
