"""The register of orders as a row of small values, and the same register made from them again."""

from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec

from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import TradingState
from tradepit.trading.orders.register import AlgoRecord, Key, OrderRegister, TradeId, number_of

_ROWS = 1_000
_MANY = 20_000
_NONE = -1


class Rows(msgspec.Struct, frozen=True, kw_only=True, tag="rows"):
    """Orders in the order in which they were first seen.

    ``lots`` are those of each one's trades, -1 when none was counted. ``unnamed`` are places in this list whose venue id leads
    to no order, or to another one; ``unnumbered`` are those whose bot's number does.
    """

    orders: list[Order]
    lots: list[int]
    unnamed: list[int]
    unnumbered: list[int]


class FirstSeen(msgspec.Struct, frozen=True, kw_only=True, tag="first_seen"):
    """Orders, by their place among all rows, that were first seen on a trading day."""

    day: int
    places: list[int]


class Trades(msgspec.Struct, frozen=True, kw_only=True, tag="trades"):
    """Trades of one trading day that were counted."""

    day: int
    trade_ids: list[TradeId]


class Rest(msgspec.Struct, frozen=True, kw_only=True, tag="rest"):
    """What there is little of. Orders are named by their keys; ``order_ids`` and ``trade_lots`` are those no row tells.

    ``estranged`` are children (algorithm's id, order) whose order was later told with another reference, or is gone.
    """

    epoch: int
    report_sequence: int
    trading_day: int
    states: dict[str, TradingState]
    instruments: dict[str, Instrument]
    accounts: list[str]
    working: list[Key]
    in_doubt: list[Key]
    cancel_wanted: list[Key]
    algos: dict[str, AlgoRecord]
    ended_algos: list[tuple[int, list[str]]]
    children: dict[str, list[Key]]
    estranged: list[tuple[str, Order]]
    order_ids: list[tuple[str, Key]]
    trade_lots: list[tuple[Key, int]]


Piece = Rows | FirstSeen | Trades | Rest


def take(register: OrderRegister) -> Iterator[Piece]:
    """The register in pieces, each quickly made, in the order in which a RegisterBuilder wants them.

    It must not change until the last piece was taken.
    """
    places: dict[Key, int] = {}
    named = counted = 0
    every = iter(register.orders.items())
    while part := list(islice(every, _ROWS)):
        rows = _rows(register, part)
        for key, _ in part:
            places[key] = len(places)
        named += sum(bool(order.order_id) for _, order in part) - len(rows.unnamed)
        counted += sum(lots != _NONE for lots in rows.lots)
        yield rows
    for day, keys in register.first_seen.days():
        for part_of in _parts(keys):
            yield FirstSeen(day=day, places=[places[key] for key in part_of])
    for day, trade_ids in register.trade_ids.items():
        left = iter(trade_ids)
        while ids := list(islice(left, _MANY)):
            yield Trades(day=day, trade_ids=ids)
    # Nearly always the rows have told everything: only when the numbers differ are the others looked for.
    yield _rest(register, all_named=named == len(register.by_order_id), all_counted=counted == len(register.trade_lots))


class RegisterBuilder:
    """Makes a register from its pieces, given in the order in which they were taken."""

    def __init__(self) -> None:
        self.register = OrderRegister()
        self._keys: list[Key] = []

    def put(self, piece: Piece) -> None:
        """Add the next piece. Raises LookupError or ValueError: it does not belong to those before it."""
        register = self.register
        if isinstance(piece, Rows):
            self._put_rows(piece)
        elif isinstance(piece, FirstSeen):
            register.first_seen.add(piece.day, *(self._keys[place] for place in piece.places))
        elif isinstance(piece, Trades):
            register.trade_ids.setdefault(piece.day, set()).update(piece.trade_ids)
        else:
            _put_rest(register, piece)

    def _put_rows(self, piece: Rows) -> None:
        register, unnamed, unnumbered = self.register, frozenset(piece.unnamed), frozenset(piece.unnumbered)
        for at, (order, lots) in enumerate(zip(piece.orders, piece.lots, strict=True)):
            key = (order.intent.account, order.client_order_id)
            self._keys.append(key)
            register.orders[key] = order
            if at not in unnumbered:
                register.name(key, order.intent)
            if lots != _NONE:
                register.trade_lots[key] = lots
            if order.order_id and at not in unnamed:
                register.by_order_id[order.order_id] = key


def _parts(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    for start in range(0, len(keys), _MANY):
        yield keys[start : start + _MANY]


def _rows(register: OrderRegister, part: list[tuple[Key, Order]]) -> Rows:
    ids, lots = register.by_order_id, register.trade_lots
    unnamed = [at for at, (key, order) in enumerate(part) if order.order_id and ids.get(order.order_id) != key]
    numbers = register.by_number
    unnumbered = [at for at, (key, order) in enumerate(part) if order.intent.sequence and numbers.get(number_of(order)) != key]
    orders, counts = [order for _, order in part], [lots.get(key, _NONE) for key, _ in part]
    return Rows(orders=orders, lots=counts, unnamed=unnamed, unnumbered=unnumbered)


def _rest(register: OrderRegister, *, all_named: bool, all_counted: bool) -> Rest:
    orders, ids, lots = register.orders, register.by_order_id, register.trade_lots
    told = set() if all_named else {order.order_id for key, order in orders.items() if ids.get(order.order_id) == key}
    return Rest(
        epoch=register.epoch,
        report_sequence=register.report_sequence,
        trading_day=register.trading_day,
        states=register.states,
        instruments=register.instruments,
        accounts=sorted(register.accounts),
        working=list(register.working),
        in_doubt=list(register.in_doubt),
        cancel_wanted=sorted(register.cancel_wanted),
        algos=register.algos,
        ended_algos=[(day, list(names)) for day, names in register.ended_algos.days()],
        children={
            algo_id: [key for key, order in family.items() if orders.get(key) is order]
            for algo_id, family in register.children.items()
        },
        estranged=[
            (algo_id, order)
            for algo_id, family in register.children.items()
            for key, order in family.items()
            if orders.get(key) is not order
        ],
        order_ids=[] if all_named else [(order_id, key) for order_id, key in ids.items() if order_id not in told],
        trade_lots=[] if all_counted else [(key, count) for key, count in lots.items() if key not in orders],
    )


def _put_rest(register: OrderRegister, piece: Rest) -> None:
    orders = register.orders
    register.epoch, register.report_sequence, register.trading_day = piece.epoch, piece.report_sequence, piece.trading_day
    register.states, register.instruments, register.algos = piece.states, piece.instruments, piece.algos
    register.accounts, register.cancel_wanted = set(piece.accounts), set(piece.cancel_wanted)
    register.working = {key: orders[key] for key in piece.working}
    register.in_doubt = {key: orders[key] for key in piece.in_doubt}
    register.children = {algo_id: {key: orders[key] for key in family} for algo_id, family in piece.children.items()}
    for algo_id, order in piece.estranged:
        register.children[algo_id][order.intent.account, order.client_order_id] = order
    for day, names in piece.ended_algos:
        register.ended_algos.add(day, *names)
    register.by_order_id.update(piece.order_ids)
    register.trade_lots.update(piece.trade_lots)
