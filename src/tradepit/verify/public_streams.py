"""The public event streams against the events journal: every report that has a topic is on it, and nothing else is."""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from tradepit.verify.decoding import FieldMissing, Json, numbered
from tradepit.verify.entries import Entry, UnreadableError
from tradepit.verify.findings import Findings, Key
from tradepit.verify.jetstream_journal import Stored, read_messages

_TRADES = "trades.executed"
_TOPICS = {
    "SUBMITTED": "orders.new",
    "OPEN": "orders.new",
    "PARTIAL": "orders.filled",
    "FILLED": "orders.filled",
    "CANCELLED": "orders.cancelled",
    "REJECTED": "orders.cancelled",
    "EXPIRED": "orders.cancelled",
}
_STATUSES = {"SUBMITTED": "PENDING", "OPEN": "PENDING"}
_SIDES = {"BUY": "LONG", "SELL": "SHORT"}

Message = tuple[str, tuple[object, ...]]
"""Topic, and the fields that must agree."""


def check_streams(
    streams: Sequence[str], reports: Iterator[Entry], tick_sizes: Mapping[str, Decimal], findings: Findings, *, strict: bool
) -> None:
    """Compare ``nats://host:port/STREAM`` streams with the events journal. Raises UnreadableError."""
    published = read_public(streams, findings)
    compare(published, reports, tick_sizes, findings, strict=strict)


def read_public(streams: Sequence[str], findings: Findings) -> dict[int, Message]:
    """Published messages by the number of their report. One told twice with the same content was repeated after a restart."""
    published: dict[int, Message] = {}
    for url in streams:
        for stored in read_messages(url):
            take(stored, url, published, findings)
    return published


def take(stored: Stored, url: str, published: dict[int, Message], findings: Findings) -> None:
    """Add one stored message; topics that carry no reports are passed over. Raises UnreadableError."""
    number, subject, payload = stored
    if subject != _TRADES and subject not in _TOPICS.values():
        return
    try:
        body = json.loads(payload, parse_float=Decimal)
        sequence, message = int(body["seq"]), (subject, _fields(body, subject == _TRADES))
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableError(url, number, f"message {number} on {subject} is not what it should be: {error}") from error
    known = published.setdefault(sequence, message)
    if known != message:
        key = Key(str(body.get("account", "")), str(body.get("client_order_id", "")))
        text = f"report {sequence} was published as {known} and as {message}"
        findings.duplicated("PUBLISHED_TWICE", key, text, (f"{url.rpartition('/')[2]}#{number}",))


def compare(
    published: dict[int, Message],
    reports: Iterator[Entry],
    tick_sizes: Mapping[str, Decimal],
    findings: Findings,
    *,
    strict: bool,
) -> None:
    """Judge what was published by what the events journal says. Empties ``published``."""
    last = max(published, default=0)
    with FieldMissing("reports") as guard:
        for entry, records in numbered(reports, guard):
            for record in records:
                expected = _expected(record, tick_sizes)
                if expected is None:
                    continue
                key, message = expected
                sequence = int(record["sequence"])
                found = published.pop(sequence, None)
                where = (f"reports#{entry.sequence}",)
                if found is None and (strict or sequence <= last):
                    findings.lost("NOT_PUBLISHED", key, f"report {sequence} is not on {message[0]}", where)
                elif found is None:
                    findings.in_flight.add(key)
                elif found != message:
                    findings.unexplained("PUBLISHED_OTHERWISE", key, f"report {sequence} is {message}, published {found}", where)
    for sequence, message in published.items():
        findings.unexplained("PUBLISHED_FROM_NOWHERE", Key("", ""), f"{message} was published as report {sequence}")


def _fields(body: Json, trade: bool) -> tuple[object, ...]:
    names = ("tradeid", "price", "volume") if trade else ("status", "traded", "price", "volume")
    common = ("symbol", "orderid", "direction", "client_order_id", "account")
    return tuple(Decimal(body[name]) if name == "price" else body[name] for name in (*common, *names))


def _expected(record: Json, tick_sizes: Mapping[str, Decimal]) -> tuple[Key, Message] | None:
    if record["kind"] == "trade":
        trade = record["trade"]
        key = Key(trade["account"], trade["client_order_id"])
        price = _price(trade["symbol"], trade["price_ticks"], tick_sizes)
        told: tuple[object, ...] = (trade["trade_id"], price, trade["volume_lots"])
        common = (trade["symbol"], trade["order_id"], _SIDES[trade["side"]], key.client_order_id, key.account)
        return key, (_TRADES, (*common, *told))
    if record["kind"] != "order":
        return None
    order = record["order"]
    intent, status = order["intent"], order["status"]
    if status == "OPEN" and order["left_lots"] < intent["volume_lots"]:
        # A reduction is not published.
        return None
    key = Key(intent["account"], intent["client_order_id"])
    price = _price(intent["symbol"], intent["price_ticks"], tick_sizes)
    told = (_STATUSES.get(status, status), order["traded_lots"], price, intent["volume_lots"])
    common = (intent["symbol"], order["order_id"], _SIDES[intent["side"]], key.client_order_id, key.account)
    return key, (_TOPICS[status], (*common, *told))


def _price(symbol: str, ticks: int, tick_sizes: Mapping[str, Decimal]) -> Decimal:
    return ticks * tick_sizes.get(symbol, Decimal(1))
