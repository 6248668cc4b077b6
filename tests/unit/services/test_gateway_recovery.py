"""Recovery: the same digest and the same reports, whichever of the two journals is behind."""

from typing import TYPE_CHECKING

import pytest

from tradepit.backends.journal.file import FileJournal
from tradepit.runtime.clock import ManualClock
from tradepit.services.gateway_machine import read_snapshot
from tradepit.trading.model.errors import ConfigError, JournalCorrupted
from tradepit.trading.model.report import OrderReport

if TYPE_CHECKING:
    from tests.unit.services.conftest import House

TEN = 1_736_128_800_000_000_000  # 2025-01-06 10:00 in China
PRICE = 19_500


async def test_a_restart_replays_to_the_same_digest(house: "House") -> None:
    gateway = await house.start(snapshot_commands=10**9)
    await house.trade()
    before = await house.digest()
    await house.kill(gateway)
    gateway = await house.start()
    assert gateway.machine.commands > 20
    assert await house.digest() == before
    assert (await house.ask("status"))["epoch"] == 2


async def test_a_restart_from_a_snapshot_gives_the_same_digest_and_numbers(house: "House") -> None:
    gateway = await house.start(snapshot_commands=7)
    await house.trade()
    before, last = await house.digest(), gateway.machine.last_report
    await house.kill(gateway)
    gateway = await house.start()
    assert (await gateway._commands.load_snapshot()) is not None
    assert await house.digest() == before
    await house.trade(first=100, rounds=1)
    reports = await house.collect(gateway.machine.last_report)
    assert [report.sequence for report in reports] == list(range(1, gateway.machine.last_report + 1))
    assert gateway.machine.last_report > last


async def test_reports_that_never_reached_their_journal_are_made_again(house: "House") -> None:
    gateway = await house.start()
    await house.trade(rounds=5)
    told = await house.collect(gateway.machine.last_report)
    await gateway.stop()
    house.remove("events")
    await house.start()
    assert await house.collect(len(told)) == told


async def test_a_command_journal_that_lost_its_end_is_refused(house: "House") -> None:
    gateway = await house.start()
    await house.trade(rounds=3)
    await house.settled(gateway)
    await house.kill(gateway)
    house.remove("commands")
    with pytest.raises(JournalCorrupted):
        await house.start()
    house.gateways.clear()


async def test_reports_that_do_not_fit_the_commands_are_refused(house: "House") -> None:
    gateway = await house.start()
    await house.trade(rounds=2)
    await house.settled(gateway)
    first = (await gateway._log.read(0, 1, 10**6))[0]
    await house.kill(gateway)
    house.remove("events")
    forged = FileJournal(house.folder / "events")
    await forged.open()
    await forged.append([first.replace(b'"OPEN"', b'"FILLED"')], expected=0, epoch=1)
    await forged.close()
    with pytest.raises(JournalCorrupted):
        await house.start()


async def test_the_venue_keeps_the_settings_it_was_founded_with(house: "House") -> None:
    gateway = await house.start(venue={"snapshot_ns": 0})
    await house.trade(rounds=2)
    before = await house.digest()
    await house.kill(gateway)
    gateway = await house.start(venue={"snapshot_ns": 250})
    assert gateway.machine.venue.settings.snapshot_ns == 0
    assert await house.digest() == before


async def test_a_snapshot_waits_for_the_reports_it_makes_unrepeatable(house: "House") -> None:
    gateway = await house.start(snapshot_commands=1)
    for number in range(5):
        await house.send(house.order(number, price=PRICE - number))
        snapshot = await gateway._commands.load_snapshot()
        written = gateway._log.written
        assert snapshot is None or read_snapshot(snapshot.state).last_report <= written


async def test_two_journals_cut_anywhere_give_every_report_once(house: "House") -> None:
    for life in range(6):
        gateway = await house.start(snapshot_commands=5 if life % 2 else 10**6)
        if life % 3 == 0:
            gateway._outbox.cut()
        await house.trade(first=life * 10, rounds=1 + life % 3)
        await house.kill(gateway)
    gateway = await house.start()
    reports = await house.collect(gateway.machine.last_report)
    assert [report.sequence for report in reports] == list(range(1, len(reports) + 1))
    orders = {report.order.client_order_id for report in reports if isinstance(report, OrderReport)}
    assert len(orders) == 2 * (1 + 2 + 3 + 1 + 2 + 3)


async def test_a_new_exchange_driven_by_ticks_needs_an_instant_to_begin_with(house: "House") -> None:
    house.clock = ManualClock()
    with pytest.raises(ConfigError):
        await house.start()
    house.clock = ManualClock(TEN)
    await house.kill(await house.start())
    house.clock = ManualClock()
    gateway = await house.start()
    assert gateway.machine.now_ns >= TEN
