"""BROADCAST: risk monitors and tracker get every trade; one that joins late or starts again is as complete as the rest."""

import asyncio
from pathlib import Path

from nats.aio.msg import Msg
from tests.house_under_test import STANDBYS, HouseUnderTest, load_of, position_rows, settings_of, told

_ROLES = ("trading-gateway", "order-management", "market-data", "risk-monitor", "position-tracker")
_ACCOUNTS = ("A1", "B1")


async def test_every_keeper_holds_every_trade(tmp_path: Path) -> None:
    async with HouseUnderTest(tmp_path, settings_of(*_ACCOUNTS), only=_ROLES, later=("risk-monitor-2", *STANDBYS)) as house:
        await house.ready()
        trades = await house.hear("trades.executed")
        assert house.instances("risk-monitor", "position-tracker") == ["position-tracker-1", "risk-monitor-1"]

        async with load_of(house, 60) as replies:
            await asyncio.sleep(1.5)
        assert sum(int(reply.get("traded", 0)) for reply in replies) > 0, replies[:4]
        await house.keepers_agree(*_ACCOUNTS)

        async with load_of(house, 60):
            house.join("risk-monitor-2")
            await house.ready()
        await house.keepers_agree(*_ACCOUNTS)
        assert house.instances("risk-monitor") == ["risk-monitor-1", "risk-monitor-2"]

        async with load_of(house, 60):
            assert house.kill("risk-monitor-1")
            await asyncio.sleep(0.3)
            await house.ready()
            assert house.house.members[house.house.process_of("risk-monitor-1")].revived == 1
        await house.keepers_agree(*_ACCOUNTS)

        # Nothing was told that did not happen: the stream itself adds up to what everybody holds.
        states = [await house.ask(name, "state") for name in house.instances("risk-monitor", "position-tracker")]
        await house.until(lambda: _are(trades, states[0]["trades"]), "every trade to be heard here, too")
        seen = told(trades)
        last = {row["seq"]: row for row in seen}
        assert len(seen) == len(last) == states[0]["trades"]
        net = dict.fromkeys(_ACCOUNTS, 0)
        for row in seen:
            net[row["account"]] += row["volume"] if row["direction"] == "LONG" else -row["volume"]
        held = dict.fromkeys(_ACCOUNTS, 0)
        for account, _, side, today, yesterday in position_rows(states[0]["positions"]):
            held[account] += (today + yesterday) * (1 if side == "BUY" else -1)
        assert net == held

        proof = await house.prove()
        assert proof.clean, proof.findings


async def _are(heard: list[Msg], count: int) -> bool:
    return len(heard) >= count
