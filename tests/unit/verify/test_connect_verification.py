"""The engine's log and the tables are read as they are, and what cannot be read is named."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tradepit.verify import ConnectVerdict, UnreadableError, render_connect, run_connect
from tradepit.verify.connect_facts import Outside, read_published

if TYPE_CHECKING:
    from tests.unit.verify.conftest import Paper

_TABLES = """
CREATE TABLE order_history (id VARCHAR, exchange_order_id VARCHAR, portfolio_id VARCHAR, symbol VARCHAR, direction VARCHAR,
  "offset" VARCHAR, status VARCHAR, volume_orign INTEGER, volume_left INTEGER, filled_quantity INTEGER, limit_price DECIMAL,
  trade_price DECIMAL);
CREATE TABLE order_event (id INTEGER PRIMARY KEY, order_id VARCHAR, status VARCHAR, msg JSON);
"""


def _line(event: str, body: object, **more: object) -> str:
    return json.dumps({"event": event, "body": body, **more}) + "\n"


def _order(name: str, **more: object) -> dict[str, object]:
    order = {"symbol": "CFFEX.IF2501", "direction": "BUY", "offset": "OPEN", "volume": 3, "limit_price": 3800.0}
    return {"type": "SUBMIT", "payload": order | {"order_id": name, "portfolio_id": "p1"} | more}


def test_a_log_of_any_shape_is_read_and_its_torn_end_passed_over(tmp_path: Path) -> None:
    log, outside = tmp_path / "engine.jsonl", Outside()
    flat = {"action": "CANCEL", "order_id": "o1", "portfolio_id": "p1"}
    lines = [_line("asked", _order("o1")), _line("confirmed", _order("o1")), _line("confirmed", flat), _line("asked", "no JSON")]
    log.write_text("".join(lines) + _line("dead", flat, reason="ORDER_NOT_FOUND", queue="q") + '{"event": "as')
    read_published([str(log)], outside)
    assert list(outside.wishes) == ["o1"]
    assert outside.confirmed == set(outside.wishes["o1"])
    assert outside.cancels == {"o1"}
    assert [(letter.reason, letter.wish.kind) for letter in outside.letters] == [("ORDER_NOT_FOUND", "CANCEL")]


@pytest.mark.parametrize("text", ["[]\n", '{"event": "asked"}\n', "{\n"])
def test_a_log_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    log = tmp_path / "engine.jsonl"
    log.write_text(text)
    with pytest.raises(UnreadableError, match=r"engine\.jsonl"):
        read_published([str(log)], Outside())
    with pytest.raises(UnreadableError):
        read_published([str(tmp_path / "none")], Outside())


def _verdict(folder: Path, paper: "Paper", rows: Path) -> ConnectVerdict:
    log = folder / "engine.jsonl"
    log.write_text(_line("asked", _order("b1")) + _line("confirmed", _order("b1")))
    files = paper.write()
    return run_connect(
        published=[str(log)],
        rows=f"sqlite+aiosqlite:///{rows}",
        orders=str(files["orders.journal"]),
        reports=str(files["reports.journal"]),
        account="A1",
        portfolio_id="p1",
    )


def test_a_database_without_the_tables_is_named(tmp_path: Path, traded: "Paper") -> None:
    with pytest.raises(UnreadableError, match=r"none\.db"):
        _verdict(tmp_path, traded, tmp_path / "none.db")


def test_an_order_without_a_row_is_lost(tmp_path: Path, traded: "Paper") -> None:
    rows = tmp_path / "rows.db"
    with closing(sqlite3.connect(rows)) as database:
        database.executescript(_TABLES)
        database.execute("INSERT INTO order_event (order_id, status, msg) VALUES ('b1', 'NEW', '{\"filled_quantity\": 0}')")
        database.commit()
    verdict = _verdict(tmp_path, traded, rows)
    assert [(finding.code, finding.key.client_order_id) for finding in verdict.findings] == [("NO_ROW", "b1")]
    assert (verdict.fates, verdict.net_positions) == ({"WORKING": 1}, {"IF2501": 2})
    assert render_connect(verdict).endswith("lost 1 · duplicated 0 · unexplained 0 (n = 1)")
    assert verdict.exit_code == 1
