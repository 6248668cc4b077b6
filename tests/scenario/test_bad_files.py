"""Bad settings and bad recordings: refused by name with ConfigError or RecordingRefused, row by row where only rows are bad."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import yaml
from tests.bad_requests import RAW, VALUES
from tests.house_under_test import settings_of

from tradepit.config import Settings, load
from tradepit.runtime.tick_parquet import TickFile
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import ConfigError, RecordingRefused

_SETTINGS = 10_000
_ROWS_PER_FILE = 500
_FILES = 20
_BROKEN_FILES = 300
_EMPTY = (b"null", b"\xef\xbb\xbf{}")
_NO_SETTINGS = (
    *(b"- a", b"a: [", b"\xff", b"1: 2", b"no_such_key: 1", b"orders: {no_such_key: 1}", b"&a [*a]"),
    b"!!python/object:os.x {}",
)


def test_settings_from_a_spoiled_environment() -> None:
    chance = random.Random(1)
    names = sorted(_leaves(msgspec.to_builtins(Settings())))
    codes: Counter[str] = Counter()
    while codes["CONFIG_INVALID"] < _SETTINGS:
        name = "TRADEPIT_" + "__".join(chance.choice(names)).upper()
        if chance.random() < 0.3:
            name += chance.choice(("__X", "X", "__", "__0"))
        codes[_refusal(partial(load, None, {name: str(chance.choice(VALUES))}))] += 1
    assert set(codes) <= {"", "CONFIG_INVALID"}


def test_settings_from_spoiled_files(tmp_path: Path) -> None:
    chance = random.Random(2)
    good = msgspec.to_builtins(settings_of("A1", "B1"))
    places = sorted(_leaves(good))
    file = tmp_path / "settings.yaml"
    codes: Counter[str] = Counter()
    for number in range(300):
        if number % 2:
            text = bytes(chance.randrange(256) for _ in range(chance.randrange(300)))
        else:
            tree = msgspec.json.decode(msgspec.json.encode(good))
            _put(tree, chance.choice(places), chance.choice(("x" * 70, [[]], {"a": 1}, "2025-13-45", "\u2028")))
            text = yaml.safe_dump(tree)[: chance.choice((None, None, -40))].encode()
        file.write_bytes(text)
        codes[_refusal(partial(load, file, {}))] += 1
    assert set(codes) <= {"", "CONFIG_INVALID"}
    for text in (*RAW[1:], *_NO_SETTINGS):
        file.write_bytes(text[:2000])
        assert _refusal(partial(load, file, {})) == "CONFIG_INVALID" or text in _EMPTY, text[:100]


def test_ten_thousand_bad_rows(tmp_path: Path) -> None:
    chance = random.Random(3)
    catalog = load_catalog()
    codes: Counter[str] = Counter()
    for number in range(_FILES):
        rows = [_bad_row(chance, index) for index in range(_ROWS_PER_FILE)]
        file = tmp_path / f"{number}.parquet"
        frame = pl.DataFrame(rows, infer_schema_length=None, strict=False, schema_overrides=_KINDS)
        frame.with_columns(pl.col("datetime").dt.convert_time_zone("Asia/Shanghai")).write_parquet(file)
        for batch in TickFile(file, catalog).batches(100):
            assert len(batch.ticks) + len(batch.refused) == 100
            assert batch.ticks == []
            codes.update(row.code for row in batch.refused)
    assert codes.total() == _FILES * _ROWS_PER_FILE
    assert len(codes) >= 8, codes


def test_broken_files(tmp_path: Path) -> None:
    chance = random.Random(4)
    good = tmp_path / "good.parquet"
    rows = [_good_row(index) for index in range(50)]
    pl.DataFrame(rows, schema_overrides=_KINDS).with_columns(
        pl.col("datetime").dt.convert_time_zone("Asia/Shanghai")
    ).write_parquet(good)
    whole = good.read_bytes()
    bad = tmp_path / "bad.parquet"
    for _ in range(_BROKEN_FILES):
        data = bytearray(whole)
        if chance.random() < 0.3:
            data = data[: chance.randrange(len(data))]
        else:
            for _ in range(chance.choice((1, 4, 100))):
                data[chance.randrange(len(data))] = chance.randrange(256)
        bad.write_bytes(data)
        code = _refusal(partial(_read, bad))
        assert code.isupper() or code == ""


def _read(file: Path) -> None:
    seen = sum(len(batch.ticks) + len(batch.refused) for batch in TickFile(file, load_catalog()).batches())
    assert seen > 0


def _refusal(work: Callable[[], object]) -> str:
    """The code of the refusal that ``work`` meets, if any; whatever else it raises is a crash."""
    try:
        work()
    except (ConfigError, RecordingRefused) as error:
        return error.reason_code
    return ""


_FLOATS = (
    *("last_price", "turnover", "open_price", "high_price", "low_price", "limit_up", "limit_down", "pre_close"),
    *("pre_settlement", "bid_price_1", "ask_price_1"),
)
_KINDS = {"datetime": pl.Datetime("ms", "UTC")} | dict.fromkeys(_FLOATS, pl.Float64)


def _good_row(index: int) -> dict[str, Any]:
    return {
        "datetime": datetime(2025, 1, 6, 1, 30, 0, 500_000, tzinfo=UTC) + timedelta(seconds=index), "trading_day": "20250106",
        "symbol": "IF2501", "exchange": "CFFEX", "last_price": 3900.2, "volume": 10 + index, "turnover": 11_700_600.0,
        "open_interest": 5, "open_price": 3900.2, "high_price": 3900.2, "low_price": 3900.2, "limit_up": 4290.0,
        "limit_down": 3510.0, "pre_close": 3899.8, "pre_settlement": 3900.0, "bid_price_1": 3900.0, "bid_volume_1": 1,
        "ask_price_1": 3900.4, "ask_volume_1": 2,
    }  # fmt: skip


_FAULTS: dict[str, tuple[Any, ...]] = {
    "datetime": (None, datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)),
    "trading_day": (None, "", "2025-01-06", "20251399", "99999999"),
    "symbol": (None, "", "XX2501", "IF2501.CFFEX", "x" * 300, "IF9999"),
    "exchange": (None, "", "SHFE", "cffex"),
    "last_price": (None, float("nan"), float("inf"), -1.0, 3900.1, 1e300, 4290.2, 3509.8),
    "volume": (None, -1, 2**62),
    "turnover": (None, -1.0, float("nan"), 1e300),
    "open_interest": (None, -1, 2**62),
    "limit_up": (None, 0.0, -1.0, 3000.0, 4290.1, float("inf")),
    "pre_settlement": (None, 0.0, float("nan")),
    "bid_price_1": (3900.1, 1e300, float("nan"), 9000.0),
    "bid_volume_1": (None, -1),
}


def _bad_row(chance: random.Random, index: int) -> dict[str, Any]:
    name = chance.choice(sorted(_FAULTS))
    return _good_row(index) | {name: chance.choice(_FAULTS[name])}


def _leaves(tree: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(tree, dict) and tree:
        return [leaf for name, inner in tree.items() for leaf in _leaves(inner, (*path, str(name)))]
    return [path]


def _put(tree: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    for name in path[:-1]:
        tree = tree[name]
    tree[path[-1]] = value
