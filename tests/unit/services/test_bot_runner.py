"""Bots are told what to do, watched while they do it, and keep their faults to themselves."""

import threading
from pathlib import Path

import msgspec
import pytest
from loguru import logger
from tests.bot_house import BUYER, BotHouse
from tests.unit.conftest import StubExchange
from tests.waiting import until

from tradepit.backends.bus.memory import MemoryBus
from tradepit.bots.host_settings import HostSettings
from tradepit.bots.live.thread import BotThread
from tradepit.trading.model.errors import BotRefused
from tradepit.wire import platform as wire
from tradepit.wire.bots import BotHeartbeat, heartbeat_key, stop_key
from tradepit.wire.platform_codec import encode

STUCK = '''
from tradepit.bots import BotBase

class Stuck(BotBase):
    """Does not return from on_tick before its gate opens."""

    def on_start(self):
        self.ctx.buy("IF2501", 1, 4400.0)

    def on_tick(self, market):
        self.config["in_call"].set()
        self.config["gate"].wait(60)
        return {"symbol": "IF2501", "side": "buy", "qty": 1, "price": 4400.0}
'''


@pytest.fixture
async def house(bus: MemoryBus, exchange: StubExchange, tmp_path: Path) -> BotHouse:
    return BotHouse(bus, exchange, tmp_path)


async def test_stop_reload_pause_and_resume(house: BotHouse) -> None:
    row = house.bot(params={"most": 1})
    runner = await house.started(row)
    seat = runner.seats["buyer"]
    await house.command("buyer", type="PAUSE")
    await house.until(lambda: seat.look.phase == "paused")
    await house.show()
    assert house.desk.arrived == []
    await house.command("buyer", type="bot.resume")
    await house.until(lambda: seat.look.phase == "running")
    await house.show()
    assert len(house.desk.arrived) == 1
    # The file as it is now, and new parameters.
    house.bot(BUYER.replace('"qty": 1', '"qty": 2'))
    await house.command("buyer", type="RELOAD", config={"most": 3}, command_id="c1")
    await house.until(lambda: seat.figures.starts == 2 and seat.look.phase == "running")
    await house.command("buyer", type="RELOAD", config={"most": 9}, command_id="c1")
    await house.show()
    await house.until(lambda: seat.look.positions == {"IF2501": 3})
    assert seat.figures.starts == 2
    house.desk.fills = False
    await house.command("buyer", type="STOP", mode="graceful", timeout_ms=2000)
    await house.until(lambda: seat.look.phase == "stopped")
    await house.until(lambda: house.idle == 1)
    await runner.stop()
    assert seat.look.reason == "stop-command"


async def test_the_platforms_envelopes_stop_start_and_roll_out(house: BotHouse) -> None:
    row, other = house.bot(params={"most": 1}), house.bot(name="other", account="A2")
    runner = await house.started(row, other)
    seat = runner.seats["buyer"]

    async def tell(command: wire.Command, encoding: wire.Encoding) -> None:
        envelope = wire.BotCommandEnvelope(command_id=f"c{len(told)}", bot_id="buyer", payload=command)
        told.append(envelope)
        await house.bus.publish("bot.commands.buyer", encode(envelope, encoding), headers={wire.CONTENT_TYPE: encoding.value})

    told: list[wire.BotCommandEnvelope] = []
    await tell(wire.StopCommand(timeout_ns=2_000_000_000), wire.Encoding.PROTOBUF)
    await house.until(lambda: seat.look.phase == "stopped")
    await tell(wire.StartCommand(), wire.Encoding.JSON)
    await house.until(lambda: seat.look.phase == "running")
    await tell(wire.StartCommand(runtime_overrides={"most": "9"}), wire.Encoding.JSON)
    await house.rest()
    assert seat.figures.starts == 2, "one that runs is left alone"
    await tell(wire.RolloutCommand(runtime_overrides={"most": "2"}), wire.Encoding.PROTOBUF)
    await house.until(lambda: seat.figures.starts == 3 and seat.look.phase == "running")
    await house.show(count=5)
    await house.until(lambda: len([name for name in house.desk.arrived if "other" not in name]) == 2)
    assert runner.commands_refused == 0
    await runner.stop()


async def test_commands_that_are_none_are_refused_and_counted(house: BotHouse) -> None:
    runner = await house.started(house.bot())
    for told in ({"type": "fly"}, {"type": "stop", "timeout_ms": -1}, {"type": "stop", "mode": "hard"}, {"no": "type"}):
        await house.bus.publish("bot.commands.buyer", msgspec.json.encode(told))
    await house.bus.publish("bot.commands.buyer", b"\xff{")
    await house.bus.publish("bot.commands.somebody", b'{"type": "stop"}')
    await house.rest()
    assert runner.health().figures["commands_refused"] == 5
    assert runner.seats["buyer"].look.phase == "running"
    await runner.stop()


async def test_the_stop_flag_stops_a_bot_and_keeps_it_from_starting(house: BotHouse) -> None:
    runner = await house.started(house.bot())
    await house.cache.put(stop_key("buyer"), b"1", ttl_s=3600)
    await house.until(lambda: runner.seats["buyer"].look.phase == "stopped")
    assert runner.seats["buyer"].look.reason == "stop-flag"
    await house.command("buyer", type="RELOAD")
    assert runner.seats["buyer"].look.phase == "stopped"
    await runner.stop()
    again = await house.started(house.bot(), instance="r2")
    assert (again.seats["buyer"].look.phase, again.seats["buyer"].look.reason) == ("stopped", "stop-flag")
    await house.cache.put(stop_key("buyer"), b"0", ttl_s=3600)
    await house.pass_time(1.5)
    await house.command("buyer", type="RELOAD")
    await house.until(lambda: again.seats["buyer"].look.phase == "running")
    await again.stop()


async def test_exceptions_in_a_row_pause_the_bot_and_nobody_else(house: BotHouse) -> None:
    house.environment["BOT_SECRETS"] = '{"password": "hunter2-hunter2"}'
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}")
    bad, good = house.bot(name="bad", params={"raises": True}), house.bot(name="good", account="A2")
    runner = await house.started(bad, good, host=HostSettings(max_consecutive_errors=3))
    await house.show(count=5)
    seat = runner.seats["bad"]
    await house.until(lambda: seat.look.phase == "paused")
    assert (seat.figures.exceptions, seat.look.reason) == (3, "max-errors")
    assert len(house.desk.arrived) == 1
    assert runner.unready() == {"bad": "paused"}
    assert (runner.problems(), runner.health().ready) == ({}, False)
    await house.command("bad", type="resume")
    await house.show()
    await house.until(lambda: seat.figures.exceptions == 4)
    await runner.stop()
    logger.remove(sink)
    assert any("•••" in line for line in lines)
    assert not any("hunter2" in line for line in lines)
    assert "hunter2" not in str(seat.look)


async def test_heartbeats_tell_how_a_bot_fares(house: BotHouse) -> None:
    runner = await house.started(house.bot())
    await house.show()
    await house.pass_time(6)
    told = msgspec.json.decode(await house.cache.get(heartbeat_key("buyer")) or b"", type=BotHeartbeat)
    assert (told.phase, told.ok, told.intents, told.ticks, told.account_id) == ("running", True, 1, 1, "A1")
    await runner.stop()
    told = msgspec.json.decode(await house.cache.get(heartbeat_key("buyer")) or b"", type=BotHeartbeat)
    assert (told.phase, told.ok, told.reason) == ("stopped", False, "signal-sigterm")


async def test_a_bot_that_does_not_return_is_seen_and_holds_up_nobody(house: BotHouse) -> None:
    house.desk.fills = False
    gate, in_call = threading.Event(), threading.Event()
    rows = (house.bot(STUCK, name="stuck", params={"gate": gate, "in_call": in_call}), house.bot(name="good", account="A2"))
    runner = house.runner(*rows, room=BotThread, stuck_s=2.0)
    await house.cache.connect()
    await runner.start()
    stuck, good = runner.seats["stuck"], runner.seats["good"]
    await house.clock.advance(1)  # it begins at 0, since when nobody is busy
    # Time stands still while the threads do what they can.
    await until(lambda: stuck.figures.starts == good.figures.starts == 1)
    await house.show()
    await until(lambda: good.figures.ticks == 1 and in_call.is_set())
    await house.until(lambda: stuck.stuck)
    health = runner.health()
    assert health.status == "UNHEALTHY"
    assert "stuck: a call has not returned" in health.reason
    assert (stuck.heartbeat().ok, stuck.figures.stuck_calls) == (False, 1)
    await house.show()
    await until(lambda: good.figures.ticks == 2)

    async def good_told() -> bool:
        await house.clock.advance(0.05)  # it is asked now and then, and answers when its thread comes to it
        return good.heartbeat().ok and good.look.working == 1

    await until(good_told)
    # It cannot be stopped but by force: its orders are called back, and what it wants later goes nowhere.
    await house.command("stuck", type="STOP", timeout_ms=1000)
    await house.until(lambda: stuck.look.reason == "forced-stop")
    assert len(house.desk.cancelled) == 1
    gate.set()
    await house.show()
    await runner.stop()
    assert len([name for name in house.desk.asked if name.startswith("stuck")]) == 1
    assert stuck.figures.forced_stops == 1


async def test_a_bot_that_cannot_begin_says_why_and_leaves_the_others_alone(house: BotHouse) -> None:
    raising = BUYER.replace("state = self.ctx.state\n", 'raise ValueError("not today")\n', 1)
    rows = (
        house.bot("import nothing_of_that_name\n", name="broken"),
        house.bot(raising, name="raising"),
        house.bot("raise SystemExit(3)\n", name="leaving"),
        house.bot(name="good", account="A2"),
    )
    runner = await house.started(*rows)
    phases = {name: seat.look.phase for name, seat in runner.seats.items()}
    assert phases == {"broken": "error", "raising": "error", "leaving": "error", "good": "running"}
    problems = runner.problems()
    assert problems["broken"].startswith("BOT_NOT_IMPORTABLE")
    assert "not today" in problems["raising"]
    assert problems["leaving"].startswith("BOT_NOT_IMPORTABLE")
    await runner.stop()


async def test_sys_exit_in_on_tick_ends_neither_the_process_nor_the_others(house: BotHouse) -> None:
    leaving = house.bot(
        BUYER.replace('if self.config.get("raises"):', "if True:").replace("ValueError(", "SystemExit("), name="leaving"
    )
    runner = await house.started(leaving, house.bot(name="good", account="A2"))
    await house.show(count=5)
    await house.until(lambda: runner.seats["leaving"].look.phase == "paused")
    assert runner.seats["leaving"].figures.exceptions == 5
    assert runner.seats["good"].look.phase == "running"
    await runner.stop()


async def test_a_second_runner_takes_a_bot_over(house: BotHouse) -> None:
    first = await house.started(house.bot(params={"most": 5}))
    await house.show()
    second = await house.started(house.bot(params={"most": 5}), instance="r2")
    await house.show()
    # Both saw the tick; only the one with the journal could send.
    await house.until(lambda: first.seats["buyer"].look.phase == "error")
    assert "STALE_EPOCH" in first.problems()["buyer"]
    assert len(house.desk.arrived) == len(set(house.desk.arrived)) == 2
    await first.stop()
    await second.stop()


async def test_two_bots_of_one_id_are_refused(house: BotHouse) -> None:
    with pytest.raises(BotRefused) as caught:
        house.runner(house.bot(), house.bot())
    assert caught.value.reason_code == "BOT_ID_TWICE"
