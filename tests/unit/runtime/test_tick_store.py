"""The store keeps what the disk refuses, and counts what it must drop."""

from pathlib import Path

import msgspec
import pytest

from tradepit.runtime import tick_segments
from tradepit.runtime.tick_row import COLUMNS, Row
from tradepit.runtime.tick_sequence import Seen
from tradepit.runtime.tick_store import TickStore


def row(values: dict[str, object]) -> Row:
    return tuple(values.get(name, 0) for name in COLUMNS)


def segments(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*.parquet"))


async def test_rows_go_to_their_symbol_and_day(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    store = TickStore(tmp_path, "w", 10)
    assert await store.open() == {}
    for number, each in enumerate(rows):
        store.add(row(each | {"trading_day": f"2025010{6 + number % 2}"}), Seen("r", number + 1))
    assert store.waiting == 3
    assert await store.flush()
    assert (store.waiting, store.written, store.segments) == (0, 3, 2)
    assert segments(tmp_path) == [
        "IF2501/20250106/part-00001.parquet",
        "IF2501/20250107/part-00001.parquet",
    ]
    assert await TickStore(tmp_path, "w", 10).open() == {"IF2501": Seen("r", 2)}


async def test_a_full_disk_keeps_rows_waiting_until_it_has_room(
    tmp_path: Path, rows: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = TickStore(tmp_path, "w", 3)
    await store.open()

    def refuse(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tick_segments, "write_segment", refuse)
        store.add(row(rows[0]), Seen("r", 1))
        store.refuse("market.tick.x", b"junk", "INVALID_REQUEST", "not JSON")
        assert not await store.flush()
        assert "No space" in store.problem
        for each in rows:
            store.add(row(each), Seen("r", 2))
    assert (store.waiting, store.dropped) == (3, 1)
    assert await store.flush()
    assert (store.written, store.problem) == (3, "")
    (line,) = (tmp_path / "refused.jsonl").read_bytes().splitlines()
    assert msgspec.json.decode(line)["code"] == "INVALID_REQUEST"


async def test_refused_messages_are_counted_beyond_what_is_kept(tmp_path: Path) -> None:
    store = TickStore(tmp_path, "w", 3)
    await store.open()
    for _ in range(10_005):
        store.refuse("t", b"\xff", "INVALID_REQUEST", "x")
    assert await store.flush()
    assert store.refused == 10_005
    assert len((tmp_path / "refused.jsonl").read_bytes().splitlines()) == 10_000
