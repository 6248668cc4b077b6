"""What the broker connect's outside knows of orders: the engine's log of what it published, its tables, its dead letters."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from tradepit.verify.entries import UnreadableError

Json = dict[str, Any]
ASKED, CONFIRMED, DEAD = "asked", "confirmed", "dead"
CHILDREN = ("_closetoday", "_close")
"""The endings of the ids of a split close's parts."""


class Wish(NamedTuple):
    """A request as its sender published it. ``volume`` and ``price`` are what it said, whatever that is."""

    kind: str
    order_id: str
    portfolio_id: str
    symbol: str = ""
    direction: str = ""
    offset: str = ""
    volume: object = None
    price: object = None

    @staticmethod
    def of(body: object) -> "Wish":
        """From a request in either shape; of one that cannot be read only the kind is known, which is empty then."""
        if not isinstance(body, dict):
            return Wish("", "", "")
        inner = body.get("payload", body)
        told: Mapping[str, Any] = inner if isinstance(inner, dict) else {}
        kind = body.get("action") or (body.get("type") if body.get("type") in ("SUBMIT", "CANCEL") else "SUBMIT")
        return Wish(
            str(kind),
            _text(told.get("order_id")),
            _text(told.get("portfolio_id")),
            _text(told.get("symbol")),
            _text(told.get("direction")),
            _text(told.get("offset")),
            told.get("volume"),
            told.get("limit_price"),
        )


class Letter(NamedTuple):
    """A dead letter: why it is one, the queue it came from, and what it asked for."""

    reason: str
    queue: str
    wish: Wish


class Row(NamedTuple):
    """A row of ``order_history``."""

    exchange_order_id: str
    portfolio_id: str
    symbol: str
    direction: str
    offset: str
    status: str
    volume: int
    left: int
    filled: int
    limit_price: Decimal | None
    trade_price: Decimal | None


class Event(NamedTuple):
    """A row of ``order_event``. ``reason`` is the code of a refusal."""

    kind: str
    filled: int
    reason: str


@dataclass(slots=True)
class Outside:
    """All of it, by order id. ``wishes`` are the different requests that were published; ``confirmed`` those the queue has taken."""

    wishes: dict[str, list[Wish]] = field(default_factory=dict)
    confirmed: set[Wish] = field(default_factory=set)
    cancels: set[str] = field(default_factory=set)
    letters: list[Letter] = field(default_factory=list)
    rows: dict[str, Row] = field(default_factory=dict)
    events: dict[str, list[Event]] = field(default_factory=dict)


def read_published(locations: Iterable[str], outside: Outside) -> None:
    """Add the engine's logs: JSON lines with ``event``: asked, confirmed or dead. The last may be torn. Raises UnreadableError.

    ``body`` is the request, as JSON where it is JSON. A dead letter has ``reason`` and ``queue`` beside it.
    """
    for location in locations:
        path = Path(location.removeprefix("file://"))
        offset = 0
        try:
            with path.open("rb") as log:
                for line in log:
                    if line.endswith(b"\n"):
                        _take(json.loads(line), outside)
                    offset += len(line)
        except OSError as error:
            raise UnreadableError(str(path), offset, error.strerror or str(error)) from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UnreadableError(str(path), offset, f"a line is not what it should be: {error}") from error


def _take(line: Json, outside: Outside) -> None:
    event, wish = line["event"], Wish.of(line["body"])
    if event == DEAD:
        outside.letters.append(Letter(str(line["reason"]), str(line["queue"]), wish))
    elif wish.kind == "CANCEL":
        if event == CONFIRMED:
            outside.cancels.add(wish.order_id)
    elif wish.order_id:
        known = outside.wishes.setdefault(wish.order_id, [])
        if wish not in known:
            known.append(wish)
        if event == CONFIRMED:
            outside.confirmed.add(wish)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
