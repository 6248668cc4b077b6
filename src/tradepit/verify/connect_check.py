"""The broker connect against the exchange: every published request has one explained outcome, every row is what the exchange has."""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

from tradepit.verify.connect_facts import CHILDREN, Event, Outside, Row, Wish
from tradepit.verify.findings import Findings, Key
from tradepit.verify.venue_reports import Told, VenueReports
from tradepit.verify.vocabulary import TERMINAL, Fill, key_of

FATES = ("FILLED", "CANCELLED", "EXPIRED", "WORKING", "REJECTED", "REFUSED", "BURIED", "NEVER_QUEUED")
_ENDS = {"FILLED": "COMPLETE_FILL", "CANCELLED": "CANCELLED", "EXPIRED": "CANCELLED", "REJECTED": "REJECTED"}
_SPLITTING = ("SHFE.", "INE.")
# A letter alone tells of these: an event in the order's name would tell of the end of another order, or of a stranger's.
_QUIET = frozenset({"DUPLICATE_ID", "BAD_REQUEST"})
_PRICE_DIGITS = Decimal("1e-9")


class ConnectCheck:
    """Judges a connect at rest. ``account`` is the exchange's name of the account that trades for ``portfolio_id``."""

    def __init__(
        self,
        outside: Outside,
        venue: VenueReports,
        tick_sizes: Mapping[str, Decimal],
        findings: Findings,
        *,
        account: str,
        portfolio_id: str,
    ) -> None:
        self._outside, self._venue, self._tick_sizes, self._findings = outside, venue, tick_sizes, findings
        self._account, self._portfolio_id = account, portfolio_id
        self._fills: dict[Key, list[Fill]] = {}
        for fill in venue.fills.values():
            self._fills.setdefault(key_of(fill), []).append(fill)
        self.fates: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()

    def run(self) -> None:
        """Judge all of them."""
        for order_id, wishes in self._outside.wishes.items():
            self._judge(order_id, wishes)
        for key in self._venue.orders:
            if key.account == self._account and self._sender(key.client_order_id) is None:
                self._findings.unexplained("ORDER_OF_NO_REQUEST", key, "the exchange has it and nobody published it")
        for order_id in self._outside.rows.keys() | self._outside.events.keys():
            if self._sender(order_id) is None:
                self._findings.unexplained(
                    "ROW_OF_NO_REQUEST", self._key(order_id), "it has a row or an event and nobody published it"
                )
        for order_id in self._outside.cancels:
            self._judge_cancel(order_id)

    def net_positions(self) -> dict[str, int]:
        """Net lots by contract as the exchange's trades make them; contracts that were traded and are flat are 0."""
        net: Counter[str] = Counter()
        for (_, _, _, side), fill in self._venue.fills.items():
            if fill.account == self._account:
                net[fill.symbol] += fill.volume_lots if side == "BUY" else -fill.volume_lots
        return dict(net)

    def _judge(self, order_id: str, wishes: list[Wish]) -> None:
        key = self._key(order_id)
        at_venue = {name: told for name in self._names(order_id) if (told := self._venue.orders.get(self._key(name))) is not None}
        ours = [wish for wish in wishes if wish.portfolio_id == self._portfolio_id]
        events = self._outside.events.get(order_id, [])
        letters = [
            letter for letter in self._outside.letters if letter.wish.kind != "CANCEL" and letter.wish.order_id == order_id
        ]
        self._check_events(key, events)
        if at_venue:
            wish = self._check_sent(key, ours, at_venue)
            wrong = {letter.reason for letter in letters if letter.wish == wish}
            if wrong:
                self._findings.unexplained("SENT_AND_BURIED", key, f"the exchange has it, a dead letter says {sorted(wrong)}")
            return
        self._check_not_sent(key, ours, events, {letter.reason for letter in letters})

    def _check_sent(self, key: Key, ours: list[Wish], at_venue: Mapping[str, Told]) -> Wish | None:
        wish = next((wish for wish in ours if self._is_as_asked(wish, at_venue)), None)
        if wish is None:
            sent = ", ".join(f"{name}: {told.intent}" for name, told in at_venue.items())
            self._findings.unexplained("NOT_AS_ASKED", key, f"asked for {ours}, the exchange has {sent}")
            return None
        for name, told in at_venue.items():
            self._check_row(self._key(name), [told], told.intent.volume_lots)
            self._check_end(self._key(name), told.state.status, told.state.traded_lots, alone=len(ours) == 1)
        if key.client_order_id not in at_venue:
            self._check_row(key, list(at_venue.values()), _lots(wish.volume))
        states = {told.state.status for told in at_venue.values()}
        self.fates[_fate(states)] += 1
        self.codes.update(told.reason for told in at_venue.values() if told.reason)
        return wish

    def _is_as_asked(self, wish: Wish, at_venue: Mapping[str, Told]) -> bool:
        """Whether the exchange has what was asked for: as it is, or a close on SHFE and INE in parts, of which one may be missing."""
        split = wish.offset == "CLOSE" and wish.symbol.startswith(_SPLITTING)
        if split == (wish.order_id in at_venue) or (not split and len(at_venue) > 1):
            return False
        intents = [told.intent for told in at_venue.values()]
        size = self._tick_sizes.get(intents[0].symbol, Decimal(0))
        lots = sum(intent.volume_lots for intent in intents)
        return (lots <= _lots(wish.volume) if split else lots == _lots(wish.volume)) and all(
            (intent.symbol, intent.side) == (wish.symbol.partition(".")[2], wish.direction)
            and (intent.order_type == "MARKET" if wish.price is None else intent.price_ticks * size == Decimal(str(wish.price)))
            for intent in intents
        )

    def _check_row(self, key: Key, told: list[Told], volume: int) -> None:
        """A row must say what the exchange says of the order, or of all the parts it was split into."""
        row = self._outside.rows.get(key.client_order_id)
        if row is None:
            self._findings.lost("NO_ROW", key, f"the exchange has it {told[0].state}, order_history does not")
            return
        status = "FINISHED" if all(one.state.status in TERMINAL for one in told) else "ALIVE"
        traded = sum(one.state.traded_lots for one in told)
        truth = (status, volume, volume - traded, traded, self._portfolio_id, told[0].intent.symbol, told[0].intent.side)
        held = (row.status, row.volume, row.left, row.filled, row.portfolio_id, row.symbol.partition(".")[2], row.direction)
        if held != truth:
            self._findings.unexplained("ROW_DIFFERS", key, f"the row says {held}, the exchange {truth}")
        numbers = {one.order_id for one in told if one.order_id}
        if set(filter(None, row.exchange_order_id.split(","))) != numbers:
            text = f"the row names {row.exchange_order_id or 'no order'} at the exchange, it is {sorted(numbers)}"
            self._findings.unexplained("OTHER_ORDER_IN_ROW", key, text)
        self._check_price(key, row, told)

    def _check_price(self, key: Key, row: Row, told: list[Told]) -> None:
        names = {one.order_id for one in told}
        fills = [
            fill
            for one in self._names(key.client_order_id)
            for fill in self._fills.get(self._key(one), [])
            if fill.order_id in names
        ]
        lots = sum(fill.volume_lots for fill in fills)
        if not lots:
            return
        average = self._tick_sizes[fills[0].symbol] * sum(fill.price_ticks * fill.volume_lots for fill in fills) / lots
        if row.trade_price is None or abs(row.trade_price - average) > _PRICE_DIGITS * average:
            self._findings.unexplained("PRICE_DIFFERS", key, f"the row says {row.trade_price}, its trades average {average}")

    def _check_end(self, key: Key, status: str, traded: int, *, alone: bool) -> None:
        """Who reads events must have been told the end, once, with the lots that traded, and no other end.

        Where the id was published for different requests, the refusal of another one may be told under it.
        """
        told = [
            (event.kind, event.filled)
            for event in self._outside.events.get(key.client_order_id, [])
            if event.kind in _ENDS.values()
        ]
        if not alone and status != "REJECTED":
            told = [(kind, filled) for kind, filled in told if kind != "REJECTED"]
        ends = [(_ENDS[status], traded)] if status in _ENDS else []
        if told != ends:
            self._findings.unexplained("END_NOT_TOLD", key, f"{status} with {traded} traded, the events say {told}")

    def _check_events(self, key: Key, events: list[Event]) -> None:
        for event, count in Counter(events).items():
            if count > 1:
                self._findings.duplicated("EVENT_TWICE", key, f"{event} is kept {count} times")

    def _check_not_sent(self, key: Key, ours: list[Wish], events: list[Event], letters: set[str]) -> None:
        refusals = {event.reason for event in events if event.kind == "REJECTED"}
        row = self._outside.rows.get(key.client_order_id)
        if {event.kind for event in events} - {"REJECTED"} or (row is not None and (row.status != "FINISHED" or row.filled)):
            self._findings.unexplained("NOT_AT_THE_EXCHANGE", key, f"told {events}, row {row}; the exchange does not have it")
        elif refusals:
            self.fates["REFUSED"] += 1
            self.codes.update(refusals)
            if len(refusals) > 1 and len(ours) == 1:
                self._findings.unexplained("TWO_REFUSALS", key, f"refused with {sorted(refusals)}")
        elif letters - _QUIET and ours:
            self._findings.lost("REFUSAL_NOT_TOLD", key, f"buried with {sorted(letters)}, and no event says so")
        elif letters:
            self.fates["BURIED"] += 1
            self.codes.update(letters)
        elif any(wish in self._outside.confirmed for wish in ours):
            self._findings.lost("REQUEST_GONE", key, "the queue took it; there is no order, no event and no dead letter")
        else:
            self.fates["NEVER_QUEUED"] += 1

    def _judge_cancel(self, order_id: str) -> None:
        """A cancel that was queued ends its order, or a dead letter says why not."""
        working = [
            name
            for name in self._names(order_id)
            if (told := self._venue.orders.get(self._key(name))) is not None and told.state.status not in TERMINAL
        ]
        told_so = any(letter.wish.kind == "CANCEL" and letter.wish.order_id == order_id for letter in self._outside.letters)
        if working and not told_so:
            self._findings.lost(
                "CANCEL_GONE", self._key(order_id), f"{working} still works, and no dead letter tells of the cancel"
            )

    def _sender(self, order_id: str) -> str | None:
        """The published id an order goes back to: its own, or that of the close it is a part of."""
        own = [order_id, *(order_id.removesuffix(ending) for ending in CHILDREN if order_id.endswith(ending))]
        return next((name for name in own if name in self._outside.wishes), None)

    def _key(self, order_id: str) -> Key:
        return Key(self._account, order_id)

    @staticmethod
    def _names(order_id: str) -> tuple[str, ...]:
        return order_id, *(order_id + ending for ending in CHILDREN)


def _fate(states: set[str]) -> str:
    """The fate of an order, or of one whose parts met different ones."""
    if states - TERMINAL:
        return "WORKING"
    return next((fate for fate in ("CANCELLED", "EXPIRED", "FILLED") if fate in states), "REJECTED")


def _lots(volume: object) -> int:
    return int(volume) if isinstance(volume, int | float) else 0
