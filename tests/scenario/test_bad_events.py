"""Ten thousand garbage publications on the topics that services consume: counted and passed over, nobody falls over or is misled."""

import asyncio
import json
import random
from pathlib import Path

from nats.aio.msg import Msg
from tests.bad_requests import RAW
from tests.house_under_test import HouseUnderTest, load_of, settings_of

_MESSAGES = 10_000
_ROLES = (
    "trading-gateway",
    "order-management",
    "market-data",
    "risk-monitor",
    "position-tracker",
    "execution-algo",
    "market-recorder",
    "monitor-api",
)
_TOPICS = (
    "market.tick.IF2501",
    "market.depth.IF2501",
    "market.phase.IF2501",
    "orders.new",
    "orders.filled",
    "orders.cancelled",
    "trades.executed",
    "orders.algo.twap",
    "algo.control.nothing",
    "algo.progress.nothing",
    "broker.reports",
    "internal.heartbeat.order-management",
)
# What a field of a good message is spoiled with; of the wrong kind wherever they are put.
_WRONG: tuple[object, ...] = (None, True, [], {}, [[[]]], "", "x" * 5000, "\x00", "NaN", -1, 1e308, 2**64, 10**40)


async def test_garbage_on_every_topic(tmp_path: Path) -> None:
    chance = random.Random(5)
    async with HouseUnderTest(tmp_path, settings_of("A1", "B1"), only=_ROLES) as house:
        await house.ready()
        heard = {topic: await house.hear(topic) for topic in _TOPICS}
        await house.order("buy", 4300, 1, client_order_id="rests")
        await house.orders("cancel", {"account": "A1", "client_order_id": "rests"})
        body = {"algo": "TWAP", "symbol": "IF2501", "volume": 2, "duration": 6, "interval": 3, "algo_id": "before"}
        assert (await house.orders("algo_order", body))["status"] == "accepted"
        async with load_of(house, 40):
            await asyncio.sleep(1.5)
        examples = {topic: [json.loads(message.data) for message in messages] for topic, messages in heard.items()}

        for number in range(_MESSAGES):
            topic = _TOPICS[number % len(_TOPICS)]
            await house.client.publish(topic, _garbage(chance, examples[topic]))
            if number % 200 == 0:
                await house.client.flush()
                await asyncio.sleep(0.05)
        # Well-formed, but with numbers the exchange has not come to: whoever believed them would wait for what never comes.
        for topic, field in (("broker.reports", "sequence"), ("trades.executed", "seq")):
            example = examples[topic][-1]
            for ahead in (1_000_000, 2**40, 2**62):
                await house.client.publish(topic, json.dumps(example | {field: example[field] + ahead}).encode())
        await house.client.flush()

        async with load_of(house, 40) as replies:
            await asyncio.sleep(1.5)
        assert sum(int(reply.get("traded", 0)) for reply in replies) > 0
        assert (await house.orders("algo_order", body | {"algo_id": "after"}))["status"] == "accepted"

        async def finished() -> bool:
            algos = (await house.orders("algo_order", {"action": "status"}))["algos"]
            return [each["status"] for each in algos] == ["FINISHED", "FINISHED"]

        await house.until(finished, "both algorithms to end")
        await house.keepers_agree("A1", "B1")
        await house.one_leads()
        beats = await house.hear("internal.heartbeat.*")
        await house.until(lambda: _all_beat(beats, house), "a sign of life from everybody")
        told = {row["instanceId"]: row for row in (json.loads(beat.data) for beat in beats)}
        assert {row["status"] for row in told.values()} <= {"ACTIVE", "STANDBY"}, told
        for counter in ("position-tracker-1", "risk-monitor-1", "risk-monitor-2", "market-recorder-1"):
            assert told[counter]["metadata"]["refused"] > 100, told[counter]
        assert all(member.revived == 0 for member in house.house.members.values())
        assert house.house.revive() == []
        proof = await house.prove()
        assert proof.clean, proof.findings


async def _all_beat(beats: list[Msg], house: HouseUnderTest) -> bool:
    return set(house.instances(*_ROLES)) <= {json.loads(beat.data)["instanceId"] for beat in beats}


def _garbage(chance: random.Random, examples: list[dict[str, object]]) -> bytes:
    kind = chance.random()
    if kind < 0.25 or not examples:
        return chance.choice(RAW)
    if kind < 0.4:
        return bytes(chance.randrange(256) for _ in range(chance.randrange(1, 300)))
    body = dict(chance.choice(examples))
    if kind < 0.5:
        return json.dumps(body).encode()[: -chance.randrange(1, 40)]
    # All of its required fields are numbers or names: with two of them spoiled it is nothing any more.
    for name in chance.sample(sorted(body), k=min(len(body), 4)):
        body[name] = chance.choice(_WRONG)
    return json.dumps(body).encode()
