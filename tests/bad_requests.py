"""Seeded nonsense: values no field wants, bodies that are no JSON, and requests that are right in all but one thing."""

import json
import math
import random
from collections.abc import Mapping
from typing import Any

DEEP = b"[" * 3000 + b"]" * 3000
RAW: tuple[bytes, ...] = (
    b"",
    b"\x00",
    b"\xff\xfe\xfa",
    b"null",
    b"[]",
    b'"buy"',
    b"17",
    b"{",
    b'{"symbol":',
    b"{'symbol': 'IF2501'}",
    b'{"symbol": "\xff\xff"}',
    b'{"params": []}',
    b'{"params": {"params": {}}}',
    b'{"symbol": NaN}',
    b'{"price": 1e999999, "volume": 1, "symbol": "IF2501"}',
    b'{"volume": 1' + b"0" * 500 + b"}",
    b'{"a":' * 2000 + b"1" + b"}" * 2000,
    DEEP,
    b'{"symbol": "' + b"x" * 70_000 + b'"}',
    b"\xef\xbb\xbf{}",
    b'{"symbol": "IF2501", "symbol": "\\ud800"}',
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, [], {}, [1], {"a": 1}, [[[[[]]]]], math.nan, math.inf, -math.inf),
    *("", " ", "x" * 65, "x" * 5000, "IF2501.CFFEX", "if2501", "../../etc", "*", ">", "a.b", "漢字", "\x00", "\ud83d\ude00"),
    *(0, -1, 1.5, -0.0, 0.1, 4500.1, 1e-9, 1e308, -1e308, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63), 10**40, 1, 20250106),
    *("1e5", "NaN", "Infinity", "2025-01-06", "LONG", "BUY", "MARKET", "CLOSETODAY"),
)


def nonsense(chance: random.Random, good: Mapping[str, object]) -> bytes:
    """A body that is mostly wrong: raw bytes, something cut short, or ``good`` with one to three things replaced or left out."""
    kind = chance.random()
    if kind < 0.15:
        return chance.choice(RAW)
    if kind < 0.25:
        return bytes(chance.randrange(256) for _ in range(chance.randrange(200)))
    body = spoiled(chance, good)
    payload = json.dumps(body).encode()
    if kind < 0.35:
        return payload[: chance.randrange(len(payload))]
    if kind < 0.45:
        place = chance.randrange(len(payload))
        return payload[:place] + bytes([chance.randrange(256)]) + payload[place + 1 :]
    return payload


def spoiled(chance: random.Random, good: Mapping[str, object]) -> dict[str, object]:
    """``good`` with one to three of its fields replaced by what they are not for, or left out."""
    body = dict(good)
    for name in chance.sample(sorted(good), k=min(len(good), chance.randint(1, 3))):
        if chance.random() < 0.15:
            del body[name]
        else:
            body[name] = chance.choice(VALUES)
    return body
