"""Records on a real house: its rows are the journal's truth, whoever is killed and whatever the database does meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import polars as pl
import pytest
from tests.house_under_test import HouseUnderTest, load_of, settings_of
from tests.servers.postgres import PostgresServer

from tradepit.services.record_settings import RecordSettings
from tradepit.verify.file_journal import read_file
from tradepit.verify.findings import Findings
from tradepit.verify.order_facts import OrderFacts, read_order_facts

ROLES = ("trading-gateway", "order-management", "market-data", "market-recorder", "market-records", "order-records")
ORDERS, MARKET = "order-records-1", "market-records-1"
TICK = Decimal("0.2")


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture
async def house(tmp_path: Path, postgres: PostgresServer) -> AsyncIterator[HouseUnderTest]:
    url = await postgres.create_database()
    settings = msgspec.structs.replace(
        settings_of("A1", "B1", profile="pit"), store=url, records=RecordSettings(flush_s=0.1, look_s=0.5, fold_entries=40)
    )
    async with HouseUnderTest(tmp_path, settings, only=ROLES) as house:
        await house.ready()
        yield house


class Beats:
    """What each instance said of itself last."""

    def __init__(self) -> None:
        self.told: dict[str, dict[str, Any]] = {}

    async def listen(self, house: HouseUnderTest) -> "Beats":
        async def keep(message: Any) -> None:
            beat = msgspec.json.decode(message.data)
            self.told[beat["instanceId"]] = beat["metadata"]

        await house.client.subscribe("internal.heartbeat.*", cb=keep)
        return self

    def figure(self, instance: str, name: str) -> Any:
        return self.told.get(instance, {}).get(name)


async def told_all(house: HouseUnderTest) -> None:
    """The writers have written all there is."""
    last = house.house.folder / "journals" / "orders"

    async def done() -> bool:
        house.house.revive()
        journal = max((entry.sequence for entry in read_file(last)), default=0)
        rows = await query(house, "SELECT entry FROM record_progress")
        return [row["entry"] for row in rows] == [journal]

    await house.until(done, "the journal to be told")


async def query(house: HouseUnderTest, text: str) -> list[Any]:
    program = await asyncpg.connect(house.house.settings.store.replace("+asyncpg", ""))
    try:
        return list(await program.fetch(text))
    finally:
        await program.close()


def truth(house: HouseUnderTest) -> OrderFacts:
    """What an independent reader finds in the journal."""
    findings = Findings()
    facts = read_order_facts(read_file(house.house.folder / "journals" / "orders"), "orders", findings)
    assert findings.found == []
    return facts


async def check_orders(house: HouseUnderTest) -> None:
    """Orders, fills and positions are those of the journal and of the exchange."""
    facts = truth(house)
    orders = await query(house, "SELECT * FROM orders")
    found = {(row["account"], row["client_order_id"]): (row["status"], int(row["filled_qty"]), row["entry"]) for row in orders}
    assert len(orders) == len(found) == len(facts.orders)
    for key, ours in facts.orders.items():
        status, filled, _ = found[key.account, key.client_order_id]
        assert (status, filled) == (ours.state.status.lower(), ours.state.traded_lots)
    fills = await query(house, "SELECT e.*, o.client_order_id FROM executions e JOIN orders o ON o.id = e.order_id")
    assert len(fills) == len(facts.fills)
    told = {(row["trading_day"], row["exchange"], row["trade_id"], row["side"].upper()): row for row in fills}
    for name, fill in facts.fills.items():
        row = told[name]
        assert (row["account"], row["client_order_id"], int(row["fill_qty"]), row["fill_price"]) == (
            fill.account, fill.client_order_id, fill.volume_lots, fill.price_ticks * TICK,
        )  # fmt: skip
    sums = await query(house, "SELECT account, symbol, sum(lots) AS lots FROM positions GROUP BY 1, 2")
    venue: dict[tuple[str, str], int] = {}
    for account, symbol, side, today, history in await house.venue_positions("A1", "B1"):
        lots = today + history
        venue[account, symbol] = venue.get((account, symbol), 0) + (lots if side == "BUY" else -lots)
    assert {(row["account"], row["symbol"]): int(row["lots"]) for row in sums} == venue


async def check_ticks(house: HouseUnderTest) -> None:
    """Every tick that the recorder has is a row, and the bars are those of the rows."""
    recorded = pl.read_parquet(
        str(house.house.folder / "recordings" / "*" / "*" / "*" / "*.parquet"), columns=["symbol", "datetime", "volume"]
    )
    rows = await query(house, "SELECT symbol, ts, day_volume, volume FROM ticks")
    known = {(row["symbol"], row["ts"]): row["day_volume"] for row in rows}
    lacking = [row for row in recorded.iter_rows() if known.get(row[:2]) != row[2]]
    assert [(row[0], str(row[1])[11:], row[2], known.get(row[:2])) for row in lacking] == []
    assert recorded.height > 20
    for length in ("second", "minute"):
        table = "bars_1s" if length == "second" else "bars_1m"
        wrong = await query(
            house,
            f"""SELECT * FROM (
                SELECT symbol, date_trunc('{length}', ts) AS ts, max(price) AS high, min(price) AS low, sum(volume) AS volume,
                       count(*) AS count, (array_agg(price ORDER BY ts))[1] AS open, (array_agg(price ORDER BY ts DESC))[1] AS close
                FROM ticks GROUP BY 1, 2) made
            FULL JOIN {table} bars USING (symbol, ts)
            WHERE (made.open, made.high, made.low, made.close, made.volume, made.count)
                  IS DISTINCT FROM (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.count)""",
        )
        assert wrong == []
    for row in await query(
        house, "SELECT symbol, trading_day, sum(volume) AS sum, max(day_volume) AS last FROM ticks GROUP BY 1, 2"
    ):
        assert row["sum"] == row["last"]


async def market_ends(house: HouseUnderTest, beats: Beats) -> None:
    """The market stands still, and all that was told of it is written and fetched."""
    beats.told.clear()
    await house.until(lambda: seen(beats), "ticks to be written")
    house.house.members["market"].expected = False
    house.kill("market-data-1")
    assert (await house.ask("market-recorder-1", "sync"))["success"]
    beats.told.clear()

    async def whole() -> bool:
        return (beats.figure(MARKET, "gaps_open"), beats.figure(MARKET, "rows_waiting")) == (0, 0)

    await house.until(whole, "ticks that were missed to be fetched")


async def seen(beats: Beats) -> bool:
    return (beats.figure(MARKET, "rows") or 0) > 0 and beats.figure(MARKET, "ready")


async def test_the_rows_are_the_journals_truth_whoever_is_killed(house: HouseUnderTest, postgres: PostgresServer) -> None:
    beats = await Beats().listen(house)
    async with load_of(house, 30) as replies:
        await house.until(lambda: seen(beats), "the first rows")
        for number in range(6):
            body = {
                "symbol": "IF2501",
                "price": 4480 + number,
                "volume": 1,
                "account": "A1",
                "side": "BUY",
                "bot": f"b{number % 2}",
            }
            name = f"00000000-0000-0000-0000-00000000000{number}"
            placed = await house.orders("place", body | {"sequence": number + 1, "client_order_id": name})
            assert placed["success"], placed
        house.kill(ORDERS)
        await asyncio.sleep(0.5)
        house.house.revive()
        await asyncio.sleep(1.0)
        await asyncio.to_thread(postgres.kill)
        await asyncio.sleep(1.0)
        house.kill(await house.leader())
        await asyncio.to_thread(postgres.start)
        house.house.revive()
    await house.ready()
    await house.settled()
    assert len(replies) > 60
    await market_ends(house, beats)
    await told_all(house)
    await check_orders(house)
    await check_ticks(house)
    bots = await query(house, "SELECT bot, count(*) AS count FROM orders WHERE id::text LIKE '00000000-%' GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in bots] == [("b0", 3), ("b1", 3)]
    proof = await house.prove()
    assert proof.clean, proof.findings
