"""Two hundred seeded runs with crashes at chosen appends: what was journaled counts, and every order is accounted for."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from loguru import logger
from tests.driven_loop import DrivenClock, DrivenLoop
from tests.house_under_test import REFUSALS_IN_DOUBT, settings_of
from tests.mortal_process import AFTER, BEFORE, TORN, MortalProcess, Outlet, note_owners

from tradepit import verify
from tradepit.compose.wiring import starts_at_ns
from tradepit.config import Settings
from tradepit.ports.clock import Clock
from tradepit.runtime.intent_log import IntentLog
from tradepit.runtime.order_client import OrderClient, Refused, RetryPolicy
from tradepit.runtime.single_active import LeaseTiming

_SEEDS = 200
# Of the loop's time, not of the machine's: a house keeps its lease or loses it by what its processes get done, however busy the
# machine that runs the test. A tenth of a millisecond is a fast machine, ten are a starved one.
_TURNS_S = (0.0001, 0.001, 0.01)
_AWAY_SHARE, _AWAY_S = 0.001, 0.5
_LATE_S = 0.02
_ORDERS_AT_LEAST, _ORDERS_AT_MOST = 16, 60
_DEADLINE_S = 120.0
_INSTANCES = ("trading-gateway-1", "order-management-1", "order-management-2")
_HASTY = RetryPolicy(deadline_s=60.0, attempt_timeout_s=0.25, first_pause_s=0.002, factor=1.5, longest_pause_s=0.02)


@pytest.fixture(autouse=True)
def _quietly() -> Iterator[None]:
    """Thousands of expected warnings about dead neighbours help nobody."""
    logger.disable("tradepit")
    yield
    logger.enable("tradepit")


def test_a_crash_at_any_append_loses_nothing(tmp_path: Path) -> None:
    results = [_run(seed, tmp_path / str(seed)) for seed in range(_SEEDS)]
    assert [found for found, _ in results if found] == []
    assert sum(died for _, died in results) > 3 * _SEEDS


def _run(seed: int, folder: Path) -> tuple[str, int]:
    """One house through its crashes; what is wrong with it, or nothing, and how often somebody died."""
    chance = random.Random(seed)
    with asyncio.Runner(loop_factory=lambda: DrivenLoop(_turns(seed))) as runner:
        try:
            died = runner.run(_live(folder, chance))
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
    verdict = verify.run(
        orders=str(folder / "journals" / "orders"),
        commands=str(folder / "journals" / "commands"),
        reports=str(folder / "journals" / "events"),
        intents=[str(folder / "client.jsonl")],
    )
    return "" if verdict.exit_code == 0 else f"seed {seed}: {verdict.summary} {verdict.findings[:3]}", died


def _turns(seed: int) -> Callable[[], float]:
    """How long each turn of the loop takes: machines of different speed, each now and then away for longer than a lease lasts."""
    chance = random.Random(seed)
    turn_s = chance.choice(_TURNS_S)
    return lambda: chance.uniform(0, _AWAY_S) if chance.random() < _AWAY_SHARE else turn_s * chance.uniform(0.5, 1.5)


async def _live(folder: Path, chance: random.Random) -> int:
    """Everybody lives and dies while orders are traded; how often somebody died."""
    loop = asyncio.get_running_loop()
    forget = note_owners(loop)
    settings = _settings(folder)
    clock = DrivenClock(loop, starts_at_ns(settings.exchange.starts_at))
    late = random.Random(chance.random())
    outlet = Outlet(settings, folder, clock, lambda: late.uniform(0, _LATE_S))
    processes = [MortalProcess(outlet, name, deaths) for name, deaths in _deaths(chance).items()]
    lives = [asyncio.create_task(process.run()) for process in processes]
    try:
        async with asyncio.timeout(_DEADLINE_S):
            await _trade(outlet, processes, chance)
    finally:
        for process in processes[::-1]:
            process.end()
        await asyncio.gather(*lives)
        forget()
    return sum(process.died for process in processes)


def _deaths(chance: random.Random) -> dict[str, list[tuple[int, str, float]]]:
    """Who dies how often, and when. At most one write is torn: a second one on top of it is a damaged journal."""
    deaths: dict[str, list[tuple[int, str, float]]] = {}
    torn = False
    for name in _INSTANCES:
        count = chance.randint(1, 3) if name == "trading-gateway-1" else chance.randint(0, 2)
        deaths[name] = []
        for _ in range(count):
            how = chance.choice((BEFORE, AFTER) if torn else (BEFORE, TORN, AFTER))
            torn = torn or how == TORN
            deaths[name].append((chance.randint(1, 14), how, chance.random()))
    return deaths


async def _trade(outlet: Outlet, processes: list[MortalProcess], chance: random.Random) -> None:
    """Orders that trade with one another until everybody who is to die has died, and some more; each with a final answer."""
    bus = outlet.bus()
    await bus.connect()
    clock = outlet.clock
    log = IntentLog(outlet.folder / "client.jsonl")
    client = OrderClient(bus, clock, policy=_HASTY, seed=1)
    number = 0
    # A standby appends nothing: whoever never comes to lead does not die.
    while number < _ORDERS_AT_LEAST or (number < _ORDERS_AT_MOST and any(process.deaths for process in processes)):
        batch = range(number, number := number + chance.randint(1, 6))
        await asyncio.gather(*(_order(client, clock, log, each, chance) for each in batch))
    await _until_certain(client, clock)
    log.close()
    await bus.close()


async def _order(client: OrderClient, clock: Clock, log: IntentLog, number: int, chance: random.Random) -> None:
    side, account = (("BUY", "A1"), ("SELL", "B1"))[number % 2]
    price = Decimal(4500) + chance.choice((0, 0, 1, -1)) * Decimal("0.2")
    kind = "FAK" if number % 4 == 0 else "LIMIT"
    lots, name = chance.randint(1, 3), f"c-{number}"
    asked = {"account": account, "symbol": "IF2501", "side": side, "offset": "OPEN", "price": str(price), "volume": lots}
    log.asked(name, asked | {"type": kind}, clock.now_ns())
    reply, refusal = await _final(
        client.submit(
            side=side, symbol="IF2501", price=price, volume=lots, account=account, order_type=kind, client_order_id=name
        )
    )
    log.answered(name, reply, clock.now_ns())
    assert refusal in REFUSALS_IN_DOUBT | {""}, reply
    if number % 5 == 0:
        reply, refusal = await _final(client.cancel(account=account, client_order_id=name))
        assert refusal in ("", "ORDER_NOT_FOUND"), reply


async def _final(asking: Awaitable[dict[str, object]]) -> tuple[dict[str, object], str]:
    """The answer, and its code if it is a refusal."""
    try:
        return await asking, ""
    except Refused as error:
        return error.reply, error.reason_code


async def _until_certain(client: OrderClient, clock: Clock) -> None:
    while True:
        figures = (await client.call("status", {}))["figures"]
        if isinstance(figures, dict) and figures["in_doubt"] == 0:
            return
        await clock.sleep(0.01)


def _settings(folder: Path) -> Settings:
    made = settings_of("A1", "B1")
    orders = msgspec.structs.replace(
        made.orders,
        lease=LeaseTiming(ttl_s=0.2, refresh_s=0.03, poll_s=0.01, probe_s=0.005),
        broker_timeout_s=0.5,
    )
    return msgspec.structs.replace(made, bus="memory://", orders=orders, data_dir=str(folder))
