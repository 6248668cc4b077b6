"""kill -9 for everything the broker connect stands on, and for itself, under 20 orders a second: nothing lost, doubled, unexplained.

The long form: ``CONNECT_KILLS_SECONDS`` of load (120, say) for each of ``CONNECT_KILLS_SEEDS`` (``1,2,3``), with ``make connect-kills``.
"""

import asyncio
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
import redis
from tests.connect_house import SERVERS, ConnectHouse
from tests.diff_house import TRADING, DiffHouse, diff_settings
from tests.outside_engine import CANCELS, IF, PORTFOLIO, RB, SUBMITS, OutsideEngine
from tests.patience import PATIENCE_S

from tradepit import verify
from tradepit.trading.model.account import Account

SECONDS = float(os.environ.get("CONNECT_KILLS_SECONDS", "20"))
SEEDS = [int(seed) for seed in os.environ.get("CONNECT_KILLS_SEEDS", "1").split(",")]
LONG = "CONNECT_KILLS_SECONDS" in os.environ
ORDERS_PER_S = 20.0
PAUSE_S, _MOST_TURNS = (0.5, 3.0), 200
SHORT_GROUPS = (
    ("tq_order_submitter", "tq_order_canceller"),
    ("tq_order_monitor",),
    ("tq_position_monitor", "tq_account_monitor"),
    ("tq_order_handler", "tq_position_handler", "tq_account_handler"),
)
LONG_GROUPS = tuple(
    (f"tq_{name}",)
    for name in (
        *("order_submitter", "order_canceller"),
        *(f"{what}_{part}" for part in ("monitor", "handler") for what in ("order", "position", "account")),
    )
)
INTERNAL = tuple(f"tq_internal_{what}_updates" for what in ("order", "position", "account"))


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_is_killed_every_order_has_one_outcome(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    async with DiffHouse(tmp_path, diff_settings(), TRADING, later=()) as house:
        with ConnectHouse(tmp_path / "connect", LONG_GROUPS if LONG else SHORT_GROUPS) as connect:
            async with OutsideEngine(connect.rabbit.url, tmp_path / "engine.jsonl", chance) as engine:
                run = Run(house, connect, engine, chance)
                await run.play()
                await run.judge()


def say(text: str) -> None:
    """What a long run's reader wants to see (``pytest -s``)."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


class Run:
    """One seeded run: load and kills, quiet, judgement. Whatever dies is started again, each by a keeper of its own."""

    def __init__(self, house: DiffHouse, connect: ConnectHouse, engine: OutsideEngine, chance: random.Random) -> None:
        self.house, self.connect, self.engine, self.chance = house, connect, engine, chance
        self.killed: Counter[str] = Counter()
        self.left: tuple[int, ...] = ()
        self.moved = time.monotonic()
        self._turns = {name: asyncio.Lock() for name in (*SERVERS, *connect.processes)}

    async def play(self) -> None:
        """Start everything, trade, kill, wait until every order is published."""
        await self.house.leader()
        await self._make_market()
        await asyncio.to_thread(self.connect.start, self.house.house.settings.diff.port)
        await self.until("the queues of requests", self._has_queues)
        stop = asyncio.Event()
        load = asyncio.create_task(self.engine.trade(ORDERS_PER_S, stop, "o"))
        try:
            async with self._keepers():
                await self._kill_for(SECONDS)
        finally:
            stop.set()
        await load

    async def _make_market(self) -> None:
        """Another account rests in the book with more than the load can take."""
        for symbol, bid, ask, most in (("rb2505", 3290, 3300, 500), ("IF2501", 4498, 4500, 20)):
            for _ in range(2 + int(ORDERS_PER_S * SECONDS / most)):
                for side, price in (("buy", bid), ("sell", ask)):
                    reply = await self.house.order(side, price, most, symbol=symbol, account="B1")
                    assert reply.get("order_status") == "OPEN", reply

    async def judge(self) -> None:
        """Everything runs again and has come to rest; then what the outside sees is what the exchange has."""
        async with self._keepers():
            await self.until("a leader", self._leads)
            await self.house.settled()
            await self._drain()
            # The load's own cancels may overtake their orders in an outage, and are buried then; these cannot.
            killing = asyncio.create_task(self._kill_some(3))
            await self.engine.cancel_half()
            await killing
            await self._drain()
            try:
                await self.until("every outcome", self._clean)
                await self.until("the keys", self._keys_are_true)
            finally:
                self._show(await asyncio.to_thread(self._verdict))
        proof = await self.house.prove()
        say(proof.line)
        assert proof.clean, proof.findings

    async def _drain(self) -> None:
        while not await self._drained():  # noqa: ASYNC110 - what is waited for happens in other processes
            await asyncio.sleep(0.5)
        say("the queues are empty")

    async def until(self, what: str, holds: Callable[[], Awaitable[bool]]) -> None:
        """Wait for what must come."""
        deadline = time.monotonic() + PATIENCE_S
        while not await holds():
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            await asyncio.sleep(0.3)

    @asynccontextmanager
    async def _keepers(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        keepers = [asyncio.create_task(self._keep(name, stop)) for name in self._turns]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*keepers)

    async def _keep(self, name: str, stop: asyncio.Event) -> None:
        while not stop.is_set():
            async with self._turns[name]:
                await asyncio.to_thread(self.connect.revive, name)
                self.house.house.revive()
            await asyncio.sleep(0.2)

    async def _kill_for(self, seconds: float) -> None:
        """Every victim in a random order, one every few seconds, then again. Who was just dead anyway has another turn."""
        victims = self._victims()
        deadline, order, turns = time.monotonic() + seconds, list[str](), 0
        while turns < _MOST_TURNS and (time.monotonic() < deadline or not all(self.killed[each] for each in victims)):
            await asyncio.sleep(self.chance.uniform(*PAUSE_S))
            missed = [each for each in victims if not self.killed[each]]
            order = order or self.chance.sample(missed or victims, len(missed or victims))
            victim, turns = order.pop(), turns + 1
            self.killed[victim] += await self._kill(victim)
            say(f"killed {victim} {self.killed[victim]}")
        assert all(self.killed[each] for each in victims), self.killed

    async def _kill_some(self, count: int) -> None:
        """A few victims through which a cancel goes."""
        for victim in self.chance.sample(["exchange", "leader", "diff-front", "rabbitmq", *self._connect_victims()], count):
            self.killed[victim] += await self._kill(victim)
            say(f"killed {victim} {self.killed[victim]}")
            await asyncio.sleep(self.chance.uniform(*PAUSE_S))

    def _victims(self) -> list[str]:
        return ["exchange", "leader", "diff-front", *SERVERS, *self._connect_victims()]

    def _connect_victims(self) -> list[str]:
        tqsdk = [f"{name}:tqsdk" for name in self.connect.processes if "handler" not in name]
        return [*self.connect.processes, *tqsdk]

    async def _kill(self, victim: str) -> bool:
        house = self.house
        if victim == "exchange":
            return bool(house.kill("trading-gateway-1"))
        if victim == "diff-front":
            return bool(house.kill("diff-front-1"))
        if victim == "leader":
            reply = await house.rpc("rpc.order-management.status", timeout_s=0.5)
            return reply.get("status") == "ACTIVE" and bool(house.kill(reply["instance"]))
        async with self._turns[victim.partition(":")[0]]:
            return await asyncio.to_thread(self.connect.kill, victim)

    async def _has_queues(self) -> bool:
        return await self.engine.left(SUBMITS, CANCELS) >= 0

    async def _leads(self) -> bool:
        return "ACTIVE" in (await self.house.standings()).values()

    async def _drained(self) -> bool:
        """Nothing waits in any queue. A queue that does not move for long is one that nobody serves."""
        left = tuple([await self.engine.left(queue) for queue in (SUBMITS, CANCELS, *INTERNAL)])
        self.moved = self.moved if left == self.left else time.monotonic()
        self.left = left
        assert time.monotonic() < self.moved + PATIENCE_S, f"queues that nobody serves: {left}"
        return not any(left)

    async def _clean(self) -> bool:
        await self.engine.read_dead_letters()
        return not (await asyncio.to_thread(self._verdict)).findings

    def _verdict(self) -> verify.ConnectVerdict:
        house = self.house.house.folder
        return verify.run_connect(
            published=[str(self.engine.log)],
            rows=self.connect.postgres.url,
            orders=str(house / "journals" / "orders"),
            reports=str(house / "journals" / "events"),
            account="A1",
            portfolio_id=PORTFOLIO,
        )

    async def _keys_are_true(self) -> bool:
        """Positions and money in Redis are the exchange's own."""
        keys = redis.Redis(port=self.connect.valkey.port, password=self.connect.valkey.password, db=1, decode_responses=True)
        with keys:
            positions = await self.house.venue_positions("A1")
            net = (await asyncio.to_thread(self._verdict)).net_positions
            for symbol in (RB, IF):
                code = symbol.partition(".")[2]
                sides = {side: today + history for _, name, side, today, history in positions if name == code}
                told = keys.get(f"TQ_Position_PortfolioId_{PORTFOLIO}_Symbol_{symbol}")
                split = json.loads(keys.get(f"TQ_Position_Breakdown_PortfolioId_{PORTFOLIO}_Symbol_{symbol}") or "{}")
                truth = sides.get("BUY", 0) - sides.get("SELL", 0)
                if (told, net[code]) != (str(truth), truth):
                    return False
                if (split.get("pos_long"), split.get("pos_short")) != (sides.get("BUY", 0), sides.get("SELL", 0)):
                    return False
            reply = await self.house.rpc("rpc.trading-gateway.account", {"account": "A1"})
            if "account" not in reply:
                return False
            money = msgspec.convert(reply["account"], Account, strict=False)
            cached = json.loads(keys.get(f"TQ_Account_PortfolioId_{PORTFOLIO}") or "{}", parse_float=Decimal)
            held = {"balance": money.balance, "available": money.available, "margin": money.margin}
            return bool(cached) and all(abs(cached[name] - amount) < Decimal("0.01") for name, amount in held.items())

    def _show(self, verdict: verify.ConnectVerdict) -> None:
        engine = self.engine
        say(f"orders {engine.orders} cancels {engine.cancels} repeated {engine.repeated} published again {engine.again}")
        say(f"killed {dict(sorted(self.killed.items()))}")
        say(verify.render_connect(verdict))
