"""Ids: unique tokens for instances, orders and requests; the only place that draws on the machine's randomness."""

import secrets
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id(prefix: str = "") -> str:
    """A token that sorts by time of making: 10 characters of milliseconds and 10 of chance, after ``prefix``."""
    millis = time.time_ns() // 1_000_000
    stamp = "".join(_ALPHABET[(millis >> shift) & 31] for shift in range(45, -5, -5))
    chance = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    return f"{prefix}{stamp}{chance}"


class IdSequence:
    """Deterministic ids ``{prefix}1``, ``{prefix}2`` …: for replays and tests."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._next = 0

    def __call__(self) -> str:
        self._next += 1
        return f"{self._prefix}{self._next}"
