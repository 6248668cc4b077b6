"""The report command: what it says of rows, in each of its forms, and what it refuses."""

import asyncio
import csv
import json
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import polars as pl
import pytest
from tests.order_path import DAY, START_NS
from tests.record_story import INTENT_UUID, NEXT_DAY, a_story, batches, told_up_to
from tests.tick_records import a_tick

from tradepit.backends.store.market import SqlMarketRecords
from tradepit.backends.store.trading import SqlTradingRecords
from tradepit.cli import main as command
from tradepit.trading.ledger.statement import SettlementStatement

Printed = pytest.CaptureFixture[str]
Tradepit = Callable[..., int]
ZERO = Decimal(0)
STATEMENT = SettlementStatement(
    account="A1", currency="CNY", trading_day=DAY, opening=ZERO, deposits=Decimal(1000000), withdrawals=ZERO, realised=Decimal(3),
    mark_to_market=Decimal("10557.25"), fees=Decimal("49.40"), closing=Decimal("1010510.85"), margin=Decimal(1),
    available=Decimal("1010509.85"),
)  # fmt: skip


@pytest.fixture
def tradepit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tradepit:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRADEPIT_STORE", f"sqlite+aiosqlite:///{tmp_path / 'store.db'}")

    def carry_out(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["tradepit", *words])
        with pytest.raises(SystemExit) as ended:
            command.main()
        return int(ended.value.code or 0)

    return carry_out


@pytest.fixture
def store(tmp_path: Path) -> str:
    url = f"sqlite+aiosqlite:///{tmp_path / 'store.db'}"

    async def fill() -> None:
        records, market = SqlTradingRecords(url), SqlMarketRecords(url)
        await records.connect()
        for news in batches(a_story().entries, 100):
            await records.keep(news, told_up_to(news))
        await records.keep_statements([STATEMENT], START_NS)
        await market.connect()
        await market.keep([a_tick(price="3910.0")])
        await records.close()
        await market.close()

    asyncio.run(fill())
    return url


@pytest.mark.usefixtures("store")
def test_results_by_bot_account_and_day(tradepit: Tradepit, capsys: Printed) -> None:
    told = {}
    for by in ("bot", "account", "day"):
        assert tradepit("report", "pnl", "--by", by, "--format", "json") == 0
        told[by] = json.loads(capsys.readouterr().out, parse_float=Decimal)
    assert [(row["bot"], row["net"], row["settled"]) for row in told["bot"]] == [
        ("", Decimal("7187.65"), "no"), ("11111111-2222-3333-4444-555555555555", Decimal("-1812.35"), "no"),
        ("b1", Decimal("4762.95"), "no"),
    ]  # fmt: skip
    assert [(row["account"], row["net"]) for row in told["account"]] == [("A1", Decimal("10138.25"))]
    assert [(row["trading_day"], row["net"], row["volume"]) for row in told["day"]] == [
        (DAY, Decimal("10510.60"), 9), (NEXT_DAY, Decimal("-372.35"), 4),
    ]  # fmt: skip
    assert tradepit("report", "pnl", "--bot", "b1", "--from", str(NEXT_DAY), "--format", "csv") == 0
    assert list(csv.reader(capsys.readouterr().out.splitlines()))[1] == [
        "A1", "b1", "CNY", "1920.00", "0.00", "12.35", "1907.65", "4", "1", "no",
    ]  # fmt: skip


@pytest.mark.usefixtures("store")
def test_a_settlement_as_the_ledger_made_it(tradepit: Tradepit, capsys: Printed) -> None:
    words = ("report", "settlement", "--account", "A1", "--day")
    assert tradepit(*words, str(DAY), "--format", "json") == 0
    [row] = json.loads(capsys.readouterr().out, parse_float=Decimal)
    assert {name: value for name, value in row.items() if name != "positions"} == {
        name: value for name, value in msgspec.structs.asdict(STATEMENT).items() if name != "positions"
    }
    assert tradepit(*words, str(DAY)) == 0
    assert "\nclosing         1010510.85\n" in capsys.readouterr().out
    assert tradepit(*words, str(NEXT_DAY)) == 2
    assert f"known={DAY}" in capsys.readouterr().err


@pytest.mark.usefixtures("store")
def test_fills_in_every_form(tradepit: Tradepit, tmp_path: Path, capsys: Printed) -> None:
    assert tradepit("report", "executions") == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[2].split() == [
        "trading_day",
        "filled_at",
        "account",
        "bot",
        "client_order_id",
        "symbol",
        "side",
        "qty",
        "price",
        "fee",
    ]
    assert [Decimal(word) for word in shown[5].split()[-3:]] == [3, 3908, Decimal("12.35")]
    for form in ("table", "csv", "json", "parquet"):
        assert tradepit("report", "executions", "--format", form, "--out", str(tmp_path / form)) == 0
    frame = pl.read_parquet(tmp_path / "parquet")
    with (tmp_path / "csv").open() as file:
        rows = list(csv.DictReader(file))
    told = json.loads((tmp_path / "json").read_text())
    assert frame.height == len(rows) == len(told) == 5
    assert frame["price"].to_list()[2] == Decimal(3908)
    assert [Decimal(row["price"]) for row in rows][2] == Decimal(3908)
    assert [row["fee"] for row in told] == [12.35] * 5
    assert told[0]["order_id"] == INTENT_UUID.lower()
    assert len((tmp_path / "table").read_text().splitlines()) == 8
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    "words",
    [
        ("executions", "--format", "parquet"), ("executions", "--out", "none/here"), ("executions", "--out", "."),
        ("pnl", "--from", "2025"), ("settlement", "--account", "A1", "--day", "7"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_refused(tradepit: Tradepit, words: tuple[str, ...], capsys: Printed) -> None:
    assert tradepit("report", *words) == 2
    assert "INVALID_REQUEST" in capsys.readouterr().err


def test_a_store_without_tables_is_left_as_it_is(tradepit: Tradepit, tmp_path: Path, capsys: Printed) -> None:
    assert tradepit("report", "pnl") == 2
    assert "store migrate" in capsys.readouterr().err
    assert not (tmp_path / "store.db").exists()
    assert tradepit("store", "migrate") == 0
    capsys.readouterr()
    assert tradepit("report", "pnl", "--format", "csv") == 0
    assert capsys.readouterr().out.count("\n") == 1
    assert tradepit("report", "executions", "--format", "parquet", "--out", "none.parquet") == 0
    assert pl.read_parquet("none.parquet").height == 0


@pytest.mark.usefixtures("store")
def test_rows_are_emptied_to_be_told_again(tradepit: Tradepit, capsys: Printed) -> None:
    assert tradepit("store", "rebuild", "--json") == 0
    capsys.readouterr()
    assert tradepit("report", "executions", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out) == []
    assert tradepit("report", "settlement", "--account", "A1", "--day", str(DAY)) == 0
