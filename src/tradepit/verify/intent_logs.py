"""Reads what clients wrote down: JSON lines saying what they asked for and what they were answered."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from json.scanner import make_scanner
from pathlib import Path
from sys import intern

from tradepit.verify.decoding import Json
from tradepit.verify.entries import UnreadableError
from tradepit.verify.findings import Key
from tradepit.verify.progress import Watch, unwatched
from tradepit.verify.vocabulary import DUPLICATE_ID, OUTCOME_UNKNOWN, UNSETTLED

_SIDES = {"BUY": "BUY", "SELL": "SELL", "LONG": "BUY", "SHORT": "SELL"}
_SCAN = make_scanner(json.JSONDecoder(parse_float=Decimal))  # type: ignore[arg-type]  # its stub names itself for a decoder
_BLANK = " \t\n\r"
_WATCH_LINES = 512
_ACKNOWLEDGED, _PUBLISHED = "acknowledged", "published"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asked for; None or empty where it did not say. ``price`` is in quoted units."""

    symbol: str
    side: str
    volume: int | None
    price: Decimal | None
    order_type: str


@dataclass(slots=True)
class Client:
    """One intent as its client remembers it. ``where`` names the log and line of each thing known.

    ``order_ids`` it was given, ``refusals`` are final codes, ``traded`` the most lots it was told of. ``promised``: it was left
    with an unknown outcome; ``taken``: by order management itself, which says so only of orders it has written down.
    """

    asked: list[Asked] = field(default_factory=list)
    order_ids: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    accepted: bool = False
    promised: bool = False
    taken: bool = False
    traded: int = 0
    where: list[str] = field(default_factory=list)


def read_intent_logs(locations: Iterable[str], clients: dict[Key, Client], watch: Watch = unwatched) -> dict[Key, Client]:
    """Add what the logs (files, or folders of ``*.jsonl``) say; ``watch`` is told bytes. Raises UnreadableError.

    The last line of a log may be unfinished. Lines that name no client_order_id are about something else.
    """
    files: list[Path] = []
    for location in locations:
        path = Path(location.removeprefix("file://"))
        if not path.exists():
            raise UnreadableError(str(path), 0, "no such intent log")
        files += sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    total, done = sum(file.stat().st_size for file in files), 0
    for file in files:
        done += _read_log(file, clients, lambda offset, before=done: watch(before + offset, total))  # type: ignore[misc]  # bound now
    return clients


def _read_log(path: Path, clients: dict[Key, Client], read: Callable[[int], None]) -> int:
    """Add one log; its bytes."""
    # A reply may leave the account out: it is that of the request before it in the same log.
    accounts: dict[str, str] = {}
    offset, name = 0, path.name
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    record = _parse(line, path, offset)
                    if record is not None:
                        _take(record, f"{name}:{number}", accounts, clients)
                offset += len(line)
                if number % _WATCH_LINES == 0:
                    read(offset)
    except OSError as error:
        raise UnreadableError(str(path), offset, error.strerror or str(error)) from error
    except (TypeError, ValueError, ArithmeticError) as error:
        raise UnreadableError(str(path), offset, f"a line is not what it should be: {error}") from error
    read(offset)
    return offset


def _parse(line: bytes, path: Path, offset: int) -> Json | None:
    try:
        record = _decode(line.decode().strip(_BLANK))
    except ValueError as error:
        if not line.endswith(b"\n"):
            return None
        raise UnreadableError(str(path), offset, f"not JSON: {error}") from error
    if not isinstance(record, dict):
        raise UnreadableError(str(path), offset, "a line is no JSON object")
    return record


def _decode(text: str) -> object:
    """One JSON value and nothing else, without the search for blanks that ``decode`` makes around each of a million lines."""
    try:
        value, end = _SCAN(text, 0)
    except StopIteration as error:
        raise ValueError("no value") from error
    if end != len(text):
        raise ValueError(f"more than one value, from character {end}")
    return value


def _take(record: Json, where: str, accounts: dict[str, str], clients: dict[Key, Client]) -> None:
    asked, reply = record.get("asked", record.get("request")), record.get("reply")
    body = asked if isinstance(asked, dict) else {}
    answer = reply if isinstance(reply, dict) else {}
    name = str(record.get("client_order_id") or body.get("client_order_id") or answer.get("client_order_id") or "")
    account = str(record.get("account") or body.get("account") or accounts.get(name, ""))
    if not name:
        return
    accounts.setdefault(name, account)
    key = Key(intern(account), intern(name))
    method = str(record.get("method") or body.get("method") or "")
    client = clients.get(key) or clients.setdefault(key, Client())
    client.where.append(where)
    if method.startswith("cancel"):
        # A cancel's refusal says nothing about the order.
        answer = {} if answer.get("error") else answer
        body = {}
    if body:
        wanted = _asked(body, method)
        if wanted not in client.asked:
            client.asked.append(wanted)
    if answer:
        _answered(client, answer)


def _asked(body: Json, method: str) -> Asked:
    side = _SIDES.get(str(body.get("side") or body.get("direction") or method).upper(), "")
    volume = body.get("volume", body.get("volume_lots"))
    return Asked(
        symbol=str(body.get("symbol") or ""),
        side=side,
        volume=None if volume is None else int(volume),
        price=_decimal(body.get("price")),
        order_type=str(body.get("type") or body.get("order_type") or ""),
    )


def _decimal(value: object) -> Decimal | None:
    if value is None or value == "":
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(f"price {value!r}") from error


def _answered(client: Client, reply: Json) -> None:
    code = str(reply.get("error") or "")
    if code == OUTCOME_UNKNOWN:
        # A client whose deadline has passed may say what its last answer was: then it is known whether the order had been taken.
        details = reply.get("details")
        last = (details if isinstance(details, dict) else reply).get("last")
        client.taken = client.taken or last == OUTCOME_UNKNOWN
        client.promised = client.promised or last in (None, OUTCOME_UNKNOWN)
    elif code and code not in UNSETTLED and code != DUPLICATE_ID:
        client.refusals.append(code)
    elif reply.get("status") in (_ACKNOWLEDGED, _PUBLISHED):
        # Written down, or on its way to where it will be; what became of it the client was not told here.
        client.promised = True
        client.taken = client.taken or reply.get("status") == _ACKNOWLEDGED
    elif not code:
        client.accepted = True
        order_id = str(reply.get("orderid") or "")
        if order_id and order_id not in client.order_ids:
            client.order_ids.append(order_id)
        client.traded = max(client.traded, int(reply.get("traded") or 0))
