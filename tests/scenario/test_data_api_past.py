"""The Data API over a hot window that was lost: what it held is told from the market's records, joined without gap or double."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from tests.house_under_test import HouseUnderTest
from tests.scenario.test_data_api import Asked, house_settings
from tests.servers.ports import free_port

from tradepit.services.record_settings import RecordSettings

ROLES = ("trading-gateway", "market-data", "market-cache", "data-api", "market-records")
BARS = "/v1/bars/IF2501?length=1s&n=500"
Json = dict[str, Any]


async def test_bars_of_before_the_hot_window_are_those_of_the_records(tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "records.db"
    settings = msgspec.structs.replace(
        house_settings("nats", port), store=f"sqlite+aiosqlite:///{file}", records=RecordSettings(flush_s=0.1)
    )
    async with HouseUnderTest(tmp_path / "house", settings, only=ROLES) as house:
        asked = Asked(house, port)
        before = await asked.until(BARS, lambda _, body: len(body.get("bars", [])) > 4, "bars")
        house.kill("data-api-1")
        house.house.revive()

        def both(_: int, body: Json) -> bool:
            seam_ms, times = body.get("seam_ms", 0), [bar["time_ms"] for bar in body.get("bars", [])]
            return bool(seam_ms) and any(at < seam_ms for at in times) and any(at >= seam_ms for at in times)

        after = await asked.until(BARS, both, "bars of both")
        times = [bar["time_ms"] for bar in after["bars"]]
        assert times == list(range(times[0], times[-1] + 1_000, 1_000))
        # What the former window told of whole seconds is told again, from the store.
        told = {bar["time_ms"]: bar for bar in after["bars"]}
        whole = [bar for bar in before["bars"] if bar["complete"]][1:]
        assert len(whole) > 2
        assert [told[bar["time_ms"]] for bar in whole] == whole
        with closing(sqlite3.connect(file)) as program:
            rows = program.execute(
                "SELECT open, high, low, close, volume FROM bars_1s WHERE symbol = 'IF2501' ORDER BY ts"
            ).fetchall()
        kept = [bar for bar in after["bars"] if bar["time_ms"] < after["seam_ms"]]
        assert [tuple(bar[name] for name in ("open", "high", "low", "close", "volume")) for bar in kept] == rows[: len(kept)]
