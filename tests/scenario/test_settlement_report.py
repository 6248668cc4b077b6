"""A trading day through its settlement on a real house, in SQLite: reports say what the exchange's ledger and its statement say."""

import asyncio
import json
import os
import sqlite3
import sys
from contextlib import closing, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from tests.house_under_test import STANDBYS, HouseUnderTest, settings_of

from tradepit.services.record_settings import RecordSettings
from tradepit.verify.file_journal import read_file

ROLES = ("trading-gateway", "order-management", "order-records")
DAY, NEXT_DAY = 20250106, 20250107
CLOSE_NS, MORNING_NS = 1_736_146_800_000_000_000, 1_736_213_700_000_000_000
"""15:00 on the Monday, 09:35 on the Tuesday, in China."""


async def tradepit(house: HouseUnderTest, *words: str) -> tuple[int | None, bytes]:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tradepit", *words, "--config", str(house.house.settings_path),
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "TRADEPIT_LOG__FILES": "false"},
    )  # fmt: skip
    said, _ = await program.communicate()
    return program.returncode, said


async def carry_out(house: HouseUnderTest, *words: str) -> int | None:
    return (await tradepit(house, *words))[0]


async def report(house: HouseUnderTest, *words: str) -> list[dict[str, Any]]:
    code, said = await tradepit(house, "report", *words, "--format", "json")
    assert code == 0, said
    rows: list[dict[str, Any]] = json.loads(said, parse_float=Decimal)
    return rows


async def told_all(house: HouseUnderTest, path: Path) -> None:
    """The whole journal and both statements are in the records."""
    journal = house.house.folder / "journals" / "orders"

    async def done() -> bool:
        house.house.revive()
        with closing(sqlite3.connect(path)) as program, suppress(sqlite3.OperationalError):
            rows = program.execute(
                "SELECT (SELECT max(entry) FROM record_progress), (SELECT count(*) FROM settlements),"
                " (SELECT min(settled) FROM pnl WHERE trading_day = 20250106)"
            ).fetchall()
            return rows == [(max(entry.sequence for entry in read_file(journal)), 2, 1)]
        return False

    await house.until(done, "the journal and the statements to be told")


async def test_reports_agree_with_the_ledger_to_the_cent(tmp_path: Path) -> None:
    settings = settings_of("A1", "B1", profile="pit")
    settings = msgspec.structs.replace(
        settings,
        store=f"sqlite+aiosqlite:///{tmp_path / 'records.db'}",
        records=RecordSettings(flush_s=0.1, look_s=0.3),
        exchange=msgspec.structs.replace(settings.exchange, time="ticks"),
    )
    async with HouseUnderTest(tmp_path, settings, only=ROLES, later=STANDBYS) as house:
        await house.ready()
        await trade(house)
        await advance(house, CLOSE_NS, CLOSE_NS + 7_200_000_000_000, MORNING_NS)
        deposit = {"account": "A1", "amount": "1234.56", "transfer_id": "t1"}
        assert not (await house.rpc("rpc.trading-gateway.transfer", deposit)).get("error")
        placed = await house.order("buy", 4490.2, 1, account="A1")
        assert placed["success"], placed
        await house.settled()

        await told_all(house, tmp_path / "records.db")
        results = {row["account"]: row for row in await report(house, "pnl", "--by", "account", "--to", str(DAY))}
        for account in ("A1", "B1"):
            [statement] = await report(house, "settlement", "--account", account, "--day", str(DAY))
            ledger = (await house.rpc("rpc.trading-gateway.statement", {"account": account}))["statement"]
            names = ("opening", "deposits", "withdrawals", "realised", "mark_to_market", "fees", "closing", "margin", "available")
            told = {name: Decimal(ledger[name]) for name in names}
            assert {name: statement[name] for name in names} == {name: round(amount, 2) for name, amount in told.items()}
            assert results[account]["net"] == round(told["realised"] + told["mark_to_market"] - told["fees"], 2)
            assert results[account]["fees"] == round(told["fees"], 2) > 0
            assert (results[account]["settled"], bool(ledger["positions"])) == ("yes", True)
        bots = await report(house, "pnl", "--by", "bot", "--account", "A1", "--to", str(DAY))
        assert [row["bot"] for row in bots] == ["", "b1", "b2"]
        assert sum(row["net"] for row in bots) == results["A1"]["net"]
        fills = await report(house, "executions", "--account", "A1", "--to", str(DAY))
        assert sum(row["qty"] for row in fills) == results["A1"]["volume"] == 10
        # Emptied while the house runs, the rows are told again, and are the same.
        assert await carry_out(house, "store", "rebuild", "--json") == 0
        await told_all(house, tmp_path / "records.db")
        assert await report(house, "pnl", "--by", "bot", "--account", "A1", "--to", str(DAY)) == bots
        assert await report(house, "executions", "--account", "A1", "--to", str(DAY)) == fills
        proof = await house.prove()
        assert proof.clean, proof.findings


async def trade(house: HouseUnderTest) -> None:
    """B1 sells to two bots and to nobody's order of A1; one bot closes a part of it again."""
    prices = (4500.0, 4500.2, 4500.4)
    for number, (bot, lots) in enumerate((("b1", 3), ("b2", 2), ("", 1))):
        assert (await house.order("sell", prices[number], lots, account="B1"))["success"]
        if bot:
            await place(house, bot, number, "BUY", prices[number], lots)
        else:
            assert (await house.order("buy", prices[number], lots, account="A1"))["success"]
    assert (await house.order("buy", 4511.8, 4, account="B1"))["success"]
    await place(house, "b1", 8, "SELL", 4511.8, 2, offset="CLOSE")
    await place(house, "b2", 9, "SELL", 4511.8, 2)
    await house.settled()


async def place(house: HouseUnderTest, bot: str, number: int, side: str, price: float, lots: int, **more: str) -> None:
    body = {"symbol": "IF2501", "price": price, "volume": lots, "account": "A1", "side": side, "bot": bot, "sequence": number + 1}
    placed = await house.orders("place", body | {"client_order_id": f"{bot}-{number}"} | more)
    assert placed["success"], placed


async def advance(house: HouseUnderTest, *instants_ns: int) -> None:
    """The exchange's time goes on, to each of these."""
    for now_ns in instants_ns:
        done = await house.rpc("rpc.trading-gateway.advance_time", {"now_ns": now_ns})
        assert not done.get("error"), done
