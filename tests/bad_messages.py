"""Seeded messages that no service of the broker connect can use: of every kind, in both shapes, with properties of every sort."""

import json
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from pamqp.commands import Basic
from tests.bad_requests import DEEP, RAW

Fields = dict[str, Any]
Spoil = Callable[[random.Random, Fields], object]
TOO_LARGE = b'{"order_id": "huge", "symbol": "' + b"x" * (17 << 20) + b'"}'
"""More than a bus takes from us, less than the server takes from others."""
_NOT_TEXT: tuple[object, ...] = (None, True, 7, 1.5, [], ["a"], {}, {"a": 1})
_NOT_NUMBER: tuple[object, ...] = ("5", "", True, [], [5], {}, {"a": 5})
_TIMES = ("yesterday", "2025-01-06", "2025-01-06T02:30:00", "9999-12-31T23:59:59Z", "1969-12-31T23:59:59Z", "25:00", "漢字")
_IDS = ("", " ", "a b", "x" * 65, "漢字", "../../etc", "a\x00b", "a.b", "*", "\ud83d\ude00")
_SYMBOLS = (
    "",
    "rb2505",
    "SHFE.",
    ".rb2505",
    "XXXX.rb2505",
    "SHFE.rb2505 ",
    "SHFE.漢字",
    "shfe.rb2505",
    "SHFE." + "x" * 70,
    "SHFE.a.b",
)
_VOLUMES = (0, -1, -0.0, 1.5, 0.1, 1_000_001, 2**31, 2**63, 2**64, -(2**63), 10**40, 1e308, 1e-9)
_PRICES = (0, -1, -0.0, -3300.5, 1e-9, 1e-320, 1e308, 10**40, 3300.5, 3300.1, 2**53 + 0.5)


class Queue(NamedTuple):
    """A queue: a message it takes, and what spoils each field of it. ``envelope``: the fields are in a ``payload`` of this type."""

    good: Fields
    spoils: Mapping[str, tuple[object, ...]]
    envelope: str = ""
    optional: frozenset[str] = frozenset()
    more: tuple[Spoil, ...] = ()


def order(portfolio: str, known: str) -> Queue:
    """Orders. ``known`` is the id of an order that is another one."""
    good: Fields = {"symbol": "SHFE.rb2505", "direction": "BUY", "offset": "OPEN", "volume": 1, "limit_price": 3300.0}

    def taken(chance: random.Random, fields: Fields) -> object:
        return fields | {"order_id": known, "volume": chance.randint(2, 9)}

    def unlisted(chance: random.Random, fields: Fields) -> object:
        return fields | {"symbol": f"SHFE.zz{chance.randrange(1000, 9999)}"}

    return Queue(
        good | {"order_id": "", "portfolio_id": portfolio},
        {
            "symbol": (*_NOT_TEXT, *_SYMBOLS, "CFFEX.rb2505"),
            "direction": (*_NOT_TEXT, "", "buy", "LONG", "BUY "),
            "offset": (*_NOT_TEXT, "", "open", "CLOSEYESTERDAY"),
            "volume": (*_NOT_NUMBER, None, *_VOLUMES),
            "limit_price": (*_NOT_NUMBER, *_PRICES),
            "order_id": (*_NOT_TEXT, *_IDS),
            "portfolio_id": (*_NOT_TEXT, *_IDS, "another"),
        },
        envelope="SUBMIT",
        optional=frozenset({"limit_price"}),
        more=(taken, unlisted),
    )


def cancel(portfolio: str) -> Queue:
    """Cancels."""
    spoils = {"order_id": (*_NOT_TEXT, *_IDS), "portfolio_id": (*_NOT_TEXT, *_IDS, "another")}

    def unknown(chance: random.Random, fields: Fields) -> object:
        # Few: each is waited for, for a moment.
        return fields if chance.random() < 0.1 else fields | {"type": "all", "portfolio_id": "another"}

    good: Fields = {"action": "CANCEL", "order_id": "", "portfolio_id": portfolio}
    return Queue(good, spoils, envelope="CANCEL", more=(unknown,))


def order_update(portfolio: str) -> Queue:
    """What the order handler is told."""
    good: Fields = {
        "type": "ORDER_UPDATE", "timestamp": "2025-01-06T02:30:05Z", "portfolio_id": portfolio, "order_id": "",
        "exchange_order_id": "1", "symbol": "SHFE.rb2505", "direction": "BUY", "offset": "OPEN", "status": "ALIVE",
        "event_type": "NEW", "volume_orign": 1, "volume_left": 1, "filled_quantity": 0, "limit_price": 3300.0, "trade_price": None,
        "insert_date_time": 1_736_130_605_000_000_000,
    }  # fmt: skip
    count = (*_NOT_NUMBER, None, -1, 1.5, 2**31, 2**64, 10**40)
    text = (*_NOT_TEXT, "", "x" * 300, "a\x00b", "a\nb")
    spoils: dict[str, tuple[object, ...]] = dict.fromkeys(("volume_orign", "volume_left", "filled_quantity"), count)
    spoils |= dict.fromkeys(("symbol", "direction", "offset", "event_type"), text)
    spoils |= dict.fromkeys(("limit_price", "trade_price"), (*_NOT_NUMBER, 1e308, -1e308, 1e-300, 10**40))
    spoils |= {
        "type": (*_NOT_TEXT, "", "POSITION_UPDATE"),
        "timestamp": (*_NOT_TEXT, "9999-12-31T23:59:59Z"),
        "portfolio_id": (*_NOT_TEXT, *_IDS),
        "order_id": (*_NOT_TEXT, *_IDS),
        "exchange_order_id": (*_NOT_TEXT, "x" * 300, "a\x00b"),
        "status": (*_NOT_TEXT, "", "OPEN", "alive"),
        "insert_date_time": (*_NOT_NUMBER, None, -1, 1.5, 2**63, 2**64),
    }
    return Queue(good, spoils, optional=frozenset({"type"}))


def position_update(portfolio: str) -> Queue:
    """What the position handler is told."""
    held = dict.fromkeys(("pos_long", "pos_short", "pos_long_today", "pos_long_his", "pos_short_today", "pos_short_his"), 1)
    good: Fields = {"type": "POSITION_UPDATE", "timestamp": "2025-01-06T02:30:05Z", "portfolio_id": portfolio}
    good |= {"symbol": "SHFE.rb2505", "net_position": 0, "breakdown": held}
    cut = {name: 1 for name in held if name != "pos_long"}
    spoils = {
        "type": (*_NOT_TEXT, "", "ORDER_UPDATE"),
        "timestamp": (*_NOT_TEXT, "9999-12-31T23:59:59Z"),
        "portfolio_id": (*_NOT_TEXT, *_IDS),
        "symbol": (*_NOT_TEXT, *_SYMBOLS),
        "net_position": (*_NOT_NUMBER, None, 1.5, 1e308, -0.1),
        "breakdown": (None, [], {}, "x", 1, cut, held | {"pos_short": "1"}),
    }
    return Queue(good, spoils, optional=frozenset({"type"}))


def account_update(portfolio: str) -> Queue:
    """What the account handler is told."""
    money = ("balance", "available", "margin", "float_profit", "position_profit", "risk_ratio")
    good: Fields = {"type": "ACCOUNT_UPDATE", "timestamp": "2025-01-06T02:30:05Z", "portfolio_id": portfolio}
    spoils: dict[str, tuple[object, ...]] = dict.fromkeys(money, (*_NOT_NUMBER, None))
    spoils |= {
        "type": (*_NOT_TEXT, "", "ORDER_UPDATE"),
        "timestamp": (*_NOT_TEXT, "9999-12-31T23:59:59Z"),
        "portfolio_id": (*_NOT_TEXT, *_IDS),
    }
    return Queue(good | dict.fromkeys(money, 1.0), spoils, optional=frozenset({"type"}))


def bad_message(chance: random.Random, queue: Queue, name: str) -> bytes:
    """One message that cannot be used. ``name`` is its order's id, where it has a usable one."""
    kind = chance.random()
    if kind < 0.1:
        return chance.choice(RAW)
    fields = dict(queue.good)
    if "order_id" in fields:
        fields["order_id"] = name
    if kind < 0.3:
        return _broken(chance, json.dumps(_wrapped(chance, queue, fields)).encode())
    if kind < 0.4:
        return json.dumps(_wrong_outside(chance, queue, fields)).encode()
    if queue.more and kind < 0.5:
        return json.dumps(_wrapped(chance, queue, chance.choice(queue.more)(chance, fields))).encode()
    spoilt = chance.choice(sorted(queue.spoils))
    if chance.random() < 0.1 and spoilt not in queue.optional:
        del fields[spoilt]
    else:
        fields[spoilt] = chance.choice(queue.spoils[spoilt])
    return json.dumps(_wrapped(chance, queue, fields)).encode()


def _wrapped(chance: random.Random, queue: Queue, fields: object) -> object:
    """In an envelope or flat, where a queue takes both."""
    if not queue.envelope or chance.random() < 0.5:
        return fields
    return {"type": queue.envelope, "request_id": "r", "timestamp": "2025-01-06T02:30:00Z", "payload": fields}


def _broken(chance: random.Random, payload: bytes) -> bytes:
    """Bytes that are no JSON, or more of it than anybody wants."""
    return chance.choice(
        (
            lambda: b"\xff" + bytes(chance.randrange(256) for _ in range(chance.randrange(200))),
            lambda: payload[: chance.randrange(len(payload))],
            lambda: payload + b"}",
            lambda: payload.replace(b"SHFE", b"SH\xffE").replace(b"_id", b"_i\xc3", 1),
            lambda: payload[:-1] + b', "volume": NaN}',
            lambda: payload[:-1] + b', "limit_price": -Infinity}',
            lambda: payload[:-1] + b', "note": ' + DEEP + b"}",
            lambda: payload[:-1] + b', "note": "' + b"x" * 70_000 + b'"}',
            lambda: payload.decode().encode("utf-16"),
            lambda: b"\x1f\x8b\x08" + payload,
        )
    )()


def _wrong_outside(chance: random.Random, queue: Queue, fields: Fields) -> object:
    """Right inside, wrong around it."""
    if not queue.envelope:
        return chance.choice(([fields], {"payload": fields}, json.dumps(fields), {"type": fields["type"], "payload": fields}))
    stamped: Fields = {"type": queue.envelope, "request_id": "r", "timestamp": "2025-01-06T02:30:00Z", "payload": fields}
    return chance.choice(
        (
            lambda: [stamped],
            lambda: json.dumps(stamped),
            lambda: stamped | {"type": chance.choice((None, "", "submit", "ORDER", 5, [], {}))},
            lambda: {name: value for name, value in stamped.items() if name != "type"},
            lambda: stamped | {"payload": chance.choice((None, [], [fields], "x", 5, True, {}, json.dumps(fields)))},
            lambda: stamped | {"timestamp": chance.choice((*_TIMES[:4], 5, None, [], {}))},
            lambda: stamped | {"request_id": chance.choice((5, None, [], {}))},
            lambda: fields | {"action": chance.choice(("BUY", 5, ["SUBMIT"], {"a": 1}, "x" * 300))},
            lambda: fields | {"timestamp": chance.choice((*_TIMES[:4], -1, 2**63, 2**64, 1.5, None, [], {}, True))},
        )
    )()


class RawProperties(Basic.Properties):
    """Properties in bytes of our own making: what a client in another language may send."""

    def __init__(self, flags: int, data: bytes) -> None:
        super().__init__(message_id="x")
        self._bytes = flags.to_bytes(2, "big") + data

    def marshal(self) -> bytes:
        return self._bytes


def _short(text: bytes) -> bytes:
    return bytes([len(text)]) + text


def _table(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


UNREADABLE: tuple[tuple[int, bytes], ...] = (
    (0x0040, (1_736_130_605_000_000).to_bytes(8, "big")),  # a timestamp in µs
    (0x0040, (1_736_130_605_000_000_000).to_bytes(8, "big")),  # and in ns
    (0x0040, b"\xff" * 8),
    (0x8000, _short(b"\xff\xfe")),  # a content type that is no UTF-8
    (0x0400, _short(b"\xc3\x28")),  # nor a correlation id
    (0x2000, _table(_short(b"\xff\xfe") + b"t\x01")),  # nor a header's name
    (0x2000, _table(_short(b"when") + b"T" + b"\xff" * 8)),
)
"""Properties that the server passes on and the usual client cannot decode: flags and values."""


def properties(chance: random.Random, number: int) -> Basic.Properties:
    """What comes with a message: mostly nothing, else what is strange, or cannot be read at all."""
    if chance.random() < 0.7:
        return Basic.Properties(message_id=f"m{number}")
    made: Basic.Properties = chance.choice(
        (
            lambda: Basic.Properties(
                message_id="the same for all", content_type="application/x-nothing", content_encoding="gzip"
            ),
            lambda: Basic.Properties(
                headers={"x-reason": "OK", "x-detail": "forged", "x-queue": "elsewhere", "x-death": [{"count": 9}]}
            ),
            lambda: Basic.Properties(
                headers={"a": [1, [2, {"b": None}]], "c": Decimal("1.5"), "d": datetime(2025, 1, 6, tzinfo=UTC)}
            ),
            lambda: Basic.Properties(headers={"big": "x" * 20_000, "漢字": "漢字", "": ""}),
            lambda: Basic.Properties(
                headers={"f": 1.5, "i": -(2**40), "t": True, "x": bytearray(50)}, priority=9, delivery_mode=1
            ),
            lambda: Basic.Properties(
                reply_to="nobody", correlation_id="c" * 255, message_type="t", app_id="a", expiration="3600000"
            ),
            lambda: RawProperties(*chance.choice(UNREADABLE)),
            lambda: RawProperties(*chance.choice(UNREADABLE)),
            lambda: RawProperties(*chance.choice(UNREADABLE)),
        )
    )()
    return made
