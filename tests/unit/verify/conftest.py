"""Journals written by hand: a small house on paper, with its own writer of frames, to be told the truth or made to lie."""

import json
import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tradepit.verify import Verdict, run

Json = dict[str, Any]
Entry = tuple[int, Sequence[Json]]
DAY = 20250106
T0 = 1_736_128_800_000_000_000


def frame(sequence: int, epoch: int, records: Iterable[bytes], previous: int) -> tuple[bytes, int]:
    """One frame of a journal file, and its head's checksum."""
    parts = list(records)
    body = b"".join(struct.pack("<I", len(part)) + part for part in parts)
    head = struct.pack("<4sIQQIII", b"TPJ1", len(body), sequence, epoch, len(parts), previous, zlib.crc32(body))
    crc = zlib.crc32(head)
    return head + struct.pack("<I", crc) + body, crc


def journal_bytes(entries: Iterable[Entry]) -> bytes:
    """A journal file's content; entries are (epoch, records)."""
    data, previous = [], 0
    for sequence, (epoch, records) in enumerate(entries, start=1):
        encoded = [json.dumps(record, separators=(",", ":")).encode() for record in records]
        piece, previous = frame(sequence, epoch, encoded, previous)
        data.append(piece)
    return b"".join(data)


class Paper:
    """Order management ``A*`` accounts, the exchange, and a client's log. Every method writes what an honest house would.

    ``facts`` and ``commands`` are (epoch, record) rows, ``reports`` records, ``log`` lines: tests change them to make them lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = T0
        self.epoch = 0
        self.session = "om"
        self.facts: list[tuple[int, Json]] = []
        self.commands: list[tuple[int, Json]] = [(1, {"command": "found", "settings": {}})]
        self.reports: list[Json] = []
        self.log: list[Json] = []
        self.orders: dict[str, Json] = {}
        self.trades = 0
        self.begin_term()
        product = {"product_id": "IF", "tick_size": "0.2"}
        self.fact("instrument_known", instrument={"symbol": "IF2501", "product": product}, reference="3800")

    # Order management

    def fact(self, kind: str, **fields: object) -> Json:
        self.now += 1_000
        record = {"fact": kind, "time_ns": self.now, **fields}
        self.facts.append((self.epoch, record))
        return record

    def begin_term(self) -> None:
        """A new leader: journal first, then the exchange."""
        self.epoch += 1
        self.fact("term_began", epoch=self.epoch, holder=f"om-{self.epoch}")
        self.command("open_session", session=self.session, epoch=self.epoch)

    def accept(self, name: str, **changes: object) -> Json:
        """Journal an order as accepted and about to be sent."""
        intent = self.intent(name, **changes)
        self.fact("order_accepted", intent=intent)
        self.fact("order_sending", account=intent["account"], client_order_id=name, epoch=self.epoch)
        return intent

    def refuse(self, name: str, code: str = "POSITION_LIMIT", **changes: object) -> Json:
        intent = self.intent(name, **changes)
        self.fact("order_refused", intent=intent, code=code, rule="position", limit="1", value="2", message="too many")
        return intent

    def intent(self, name: str, **changes: object) -> Json:
        made = {
            "client_order_id": name,
            "account": "A1",
            "symbol": "IF2501",
            "exchange": "CFFEX",
            "side": "BUY",
            "offset": "OPEN",
            "order_type": "LIMIT",
            "price_ticks": 19000,
            "volume_lots": 3,
            "created_ns": 0,
            "reference": "",
        }
        return made | changes

    def unknown(self, intent: Json) -> None:
        account, name = intent["account"], intent["client_order_id"]
        self.fact("order_unknown", account=account, client_order_id=name, reason="TIMEOUT")

    def learn(self, report: Json) -> None:
        """Order management reads a report from the stream."""
        self.fact("report_applied", report=deepcopy(report), through=report["sequence"])

    def answer(self, name: str) -> None:
        """Order management gets the order's state as an answer, ahead of the stream."""
        through = max((row["through"] for _, row in self.facts if row["fact"] == "report_applied"), default=0)
        order = deepcopy(self.orders[name])
        report = {"kind": "order", "sequence": 0, "time_ns": self.now, "trading_day": DAY, "order": order}
        self.fact("report_applied", report=report, through=through)

    # The exchange

    def command(self, kind: str, **fields: object) -> Json:
        self.now += 1_000
        record = {"now_ns": self.now, "command": {"command": kind, **fields}}
        self.commands.append((1, record))
        return record

    def submit(self, intent: Json, *, epoch: int | None = None, read: bool = True) -> None:
        """The order arrives and rests."""
        self.send(intent, epoch=epoch)
        self.enter(intent, "OPEN", order_id=f"IF2501-{DAY}-{len(self.orders) + 1}", left=intent["volume_lots"], read=read)

    def send(self, intent: Json, *, epoch: int | None = None, kind: str = "submit") -> None:
        sent_under = self.epoch if epoch is None else epoch
        self.command(kind, intent=deepcopy(intent), session=self.session, epoch=sent_under)

    def reject(self, intent: Json, reason: str, *, kind: str = "submit") -> None:
        self.send(intent, kind=kind)
        self.enter(intent, "REJECTED", reason=reason)

    def enter(self, intent: Json, status: str, *, order_id: str = "", left: int = 0, reason: str = "", read: bool = True) -> None:
        order = {
            "intent": deepcopy(intent),
            "status": status,
            "order_id": order_id,
            "traded_lots": 0,
            "left_lots": left,
            "reason": reason,
            "message": "",
            "inserted_ns": self.now,
            "updated_ns": self.now,
        }
        self.orders[intent["client_order_id"]] = order
        self.report("order", read=read, order=order)

    def report(self, kind: str, *, read: bool = True, **fields: object) -> None:
        last = self.reports[-1]["sequence"] if self.reports else 0
        report = {"kind": kind, "sequence": last + 1, "time_ns": self.now, "trading_day": DAY, **deepcopy(fields)}
        self.reports.append(report)
        if read:
            self.learn(report)

    def change(self, name: str, status: str, *, traded: int = 0, left: int = 0, reason: str = "", read: bool = True) -> None:
        order = self.orders[name]
        order.update(status=status, left_lots=left, reason=reason, updated_ns=self.now)
        order["traded_lots"] += traded
        self.report("order", read=read, order=order)

    def match(self, maker: str, taker: str, lots: int, price: int = 19000, *, read: bool = True) -> None:
        """Two orders trade; an order named "" is the outside market."""
        self.trades += 1
        for name in (maker, taker):
            if not name:
                continue
            order = self.orders[name]
            intent = order["intent"]
            trade = {
                "trade_id": f"IF2501-{DAY}-T{self.trades}",
                "order_id": order["order_id"],
                "client_order_id": name,
                "account": intent["account"],
                "symbol": intent["symbol"],
                "exchange": "CFFEX",
                "side": intent["side"],
                "offset": "OPEN",
                "price_ticks": price,
                "volume_lots": lots,
                "time_ns": self.now,
                "trading_day": DAY,
                "fee": "1.5",
            }
            self.report("trade", read=read, trade=trade)
            left = order["left_lots"] - lots
            self.change(name, "PARTIAL" if left else "FILLED", traded=lots, left=left, read=read)

    def cancel(self, name: str, *, epoch: int | None = None) -> None:
        account, sent_under = self.orders[name]["intent"]["account"], self.epoch if epoch is None else epoch
        if sent_under == self.epoch:
            self.fact("cancel_requested", account=account, client_order_id=name)
        self.command("cancel", account=account, client_order_id=name, session=self.session, epoch=sent_under)
        self.change(name, "CANCELLED")

    # The client

    def asked(self, intent: Json, **reply: object) -> None:
        """Write down a request (price in quoted units) and, if there was one, its answer."""
        request = {
            "side": intent["side"],
            "symbol": intent["symbol"],
            "price": str(intent["price_ticks"] / 5),
            "volume": intent["volume_lots"],
            "account": intent["account"],
            "order_type": intent["order_type"],
        }
        self.log.append({"client_order_id": intent["client_order_id"], "time_ns": self.now, "asked": request})
        if reply:
            self.log.append({"client_order_id": intent["client_order_id"], "time_ns": self.now, "reply": reply})

    # Mutation

    def change_report(self, index: int, **changes: object) -> None:
        """Alter a report's order or trade at the exchange, and in what order management read of it."""
        report = self.reports[index]
        body = report[report["kind"]]
        body.update(changes)
        for _, row in self.facts:
            if row["fact"] == "report_applied" and row["report"]["sequence"] == report["sequence"]:
                row["report"] = deepcopy(report)

    def forget(self, kind: str, number: int = 0) -> None:
        """Tear a fact of this kind out of order management's journal."""
        found = [row for row in self.facts if row[1]["fact"] == kind]
        self.facts.remove(found[number])

    def forget_command(self, name: str) -> None:
        """Tear the sending of an order out of the exchange's command journal."""
        self.commands = [row for row in self.commands if row[1].get("command", {}) == "found" or _named(row[1]) != name]

    # Reading

    def write(self) -> dict[str, Path]:
        paths = {name: self.folder / name for name in ("orders.journal", "commands.journal", "reports.journal", "intents.jsonl")}
        found, *rest = self.commands
        rows = {
            "orders.journal": [(epoch, [record]) for epoch, record in self.facts],
            "commands.journal": [(1, [found[1], *(record for _, record in rest[:1])]), *((e, [r]) for e, r in rest[1:])],
            "reports.journal": [(1, self.reports[at : at + 3]) for at in range(0, len(self.reports), 3)],
        }
        for name, entries in rows.items():
            paths[name].write_bytes(journal_bytes(entries))
        paths["intents.jsonl"].write_text("".join(json.dumps(line) + "\n" for line in self.log))
        return paths

    def verify(self, *, strict: bool = False, external: Sequence[str] = ()) -> Verdict:
        paths = self.write()
        return run(
            orders=paths["orders.journal"].as_uri(),
            commands=str(paths["commands.journal"]),
            reports=str(paths["reports.journal"]),
            intents=[str(paths["intents.jsonl"])],
            external_accounts=external,
            strict=strict,
        )

    def found(self, *, strict: bool = False, external: Sequence[str] = ()) -> list[tuple[str, str, str]]:
        """What the verifier found: kind, code and client order id."""
        verdict = self.verify(strict=strict, external=external)
        return [(finding.kind.value, finding.code, finding.key.client_order_id) for finding in verdict.findings]


def _named(record: Json) -> str:
    return str(record["command"].get("intent", {}).get("client_order_id", ""))


@pytest.fixture
def paper(tmp_path: Path) -> Paper:
    """A house in which nothing has happened yet."""
    return Paper(tmp_path)


@pytest.fixture
def traded(paper: Paper) -> Paper:
    """b1 (buy 3) and s1 (sell 3) have traded 2; both are known everywhere."""
    buy = paper.accept("b1")
    paper.submit(buy)
    sell = paper.accept("s1", side="SELL", account="A2")
    paper.submit(sell)
    paper.match("b1", "s1", 2)
    return paper


@pytest.fixture
def write_frame() -> Callable[[int, int, Iterable[bytes], int], tuple[bytes, int]]:
    """The writer of single frames."""
    return frame


@pytest.fixture
def write_journal() -> Callable[[Iterable[Entry]], bytes]:
    """The writer of whole journals."""
    return journal_bytes
