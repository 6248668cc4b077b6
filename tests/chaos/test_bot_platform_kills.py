"""Bots under a house whose every process is killed or paused, while the broker loses answers: each intent ends in one outcome."""

import asyncio
import json
import random
import signal
from collections.abc import Sequence
from pathlib import Path

import msgspec
from nats.aio.msg import Msg
from tests.house_under_test import HouseUnderTest, settings_of
from tests.patience import PATIENCE_S

from tradepit.bots.live.settings import BotRow
from tradepit.cli.bench.steady_bot import Steady
from tradepit.config import BotsSettings, Settings

_ONLY = ("trading-gateway", "order-management", "market-data", "trade-executor", "bot-runner")
_ACCOUNTS = ("B1", "B2", "B3")
_BOTS, _ROUNDS = 9, 14
_BOT = f"{Steady.__module__}:{Steady.__name__}"


async def test_each_intent_of_each_bot_has_one_outcome_whatever_dies(tmp_path: Path) -> None:
    chance = random.Random(7)
    async with HouseUnderTest(tmp_path, _settings(), only=_ONLY) as house:
        await house.ready()
        events = await house.hear("orders.event.account.*.*")
        intents = await house.hear("orders.intent.account.*.*")

        async def every_bot_has_asked() -> bool:
            return len({message.subject for message in intents}) == _BOTS

        await house.until(every_bot_has_asked, "every bot to trade")
        victims = sorted(house.house.members)
        chance.shuffle(victims)
        for number in range(_ROUNDS):
            await asyncio.sleep(chance.uniform(0.2, 1.0))
            house.house.revive()
            victim = house.house.members[victims[number % len(victims)]].instances[0]
            if number % 4 == 3:
                await _pause(house, victim, chance.uniform(0.3, 1.5))
            else:
                house.kill(victim)
            if number % 5 == 0:
                await house.rpc("rpc.trading-gateway.faults", {"plan": {"lose_ack": {"count": 3}}})
        await house.ready()
        await house.settled()

        async def have_traded_on() -> bool:
            return len(_ids(intents)) > _BOTS * 4

        await house.until(have_traded_on, "the bots to trade on")
        await _stop_bots(house)
        await house.settled()

        async def answered() -> bool:
            return not (_ids(intents) - set(_outcomes(events)))

        await house.until(answered, "an outcome for each intent")
        # An intent is acknowledged or refused, once; what is told after that is told of an order.
        assert {name: outcomes for name, outcomes in _outcomes(events).items() if len(outcomes) > 1} == {}
        proof = await house.prove()
        assert proof.clean, proof.findings
        assert proof.intents >= len(_ids(intents))


def _settings() -> Settings:
    settings = settings_of(*_ACCOUNTS, profile="pit")
    rows = tuple(
        BotRow(
            bot=_BOT,
            bot_id=f"steady-{number}",
            account=_ACCOUNTS[number % len(_ACCOUNTS)],
            symbols=("IF2501",),
            params={"every": 2},
        )
        for number in range(_BOTS)
    )
    return msgspec.structs.replace(settings, bots=BotsSettings(rows=rows, port=0))


async def _pause(house: HouseUnderTest, victim: str, seconds: float) -> None:
    house.kill(victim, signal.SIGSTOP)
    await asyncio.sleep(seconds)
    house.kill(victim, signal.SIGCONT)


async def _stop_bots(house: HouseUnderTest) -> None:
    """As an operator does, whatever state the runner is in: started again if need be, then stopped for good."""
    member = house.house.members[house.house.process_of("bot-runner-1")]
    member.expected = False
    process = member.process
    assert process is not None
    process.terminate()
    await asyncio.to_thread(process.wait, PATIENCE_S)


def _ids(intents: Sequence[Msg]) -> set[str]:
    return {json.loads(message.data)["intent_id"] for message in intents}


def _outcomes(events: Sequence[Msg]) -> dict[str, list[str]]:
    """First outcomes by intent. An event that is told again under the same place in the journal is the same event."""
    found: dict[str, dict[str, str]] = {}
    for message in events:
        told = json.loads(message.data)
        for kind in ("ack", "rejection"):
            if kind in told:
                found.setdefault(told[kind]["intent_id"], {})[f"{kind} {told['correlation_id']}"] = kind
    # A late rejection of an order that never reached the exchange follows its acknowledgement.
    return {name: [kind for kind in kinds.values() if kind == "ack"] or list(kinds.values()) for name, kinds in found.items()}
