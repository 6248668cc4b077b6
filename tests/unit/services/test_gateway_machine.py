"""The machine: a refusal is the command's own, replay gives the same, a snapshot carries everything."""

from typing import TYPE_CHECKING

import msgspec
import pytest

from tradepit.services.gateway_machine import (
    GatewayMachine,
    read_founding,
    read_snapshot,
    write_founding,
    write_record,
)
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.matching.commands import AdvanceTime, CancelOrder, SubmitOrder
from tradepit.trading.matching.events import CommandRefused, PhaseChanged
from tradepit.trading.matching.venue import Venue
from tradepit.trading.matching.venue_settings import VenueSettings
from tradepit.trading.model.errors import JournalCorrupted
from tradepit.trading.model.report import DayReport, Report

if TYPE_CHECKING:
    from tests.unit.services.conftest import House

TEN = 1_736_128_800_000_000_000  # 2025-01-06 10:00 in China
HOUR = 3_600_000_000_000


def opened(house: "House") -> GatewayMachine:
    machine = GatewayMachine(Venue(calendar=load_calendar()))
    for command in house.opening():
        machine.apply(command, TEN)
    return machine


def test_what_time_brought_is_told_apart_from_what_the_command_did(house: "House") -> None:
    passed, done = opened(house).apply(CancelOrder(account="A", client_order_id="none"), TEN + 2 * HOUR)
    assert any(isinstance(event, PhaseChanged) for event in passed)
    assert [event.code for event in done if isinstance(event, CommandRefused)] == ["ORDER_NOT_FOUND"]


def test_replay_and_snapshot_give_the_same_machine(house: "House") -> None:
    machine, twin = opened(house), opened(house)
    told: list[Report] = []
    records = [write_record(SubmitOrder(intent=house.order(number)), TEN + number) for number in range(5)]
    for number in range(5):
        machine.apply(SubmitOrder(intent=house.order(number)), TEN + number)
    twin.replay(records, told.append)
    restored = GatewayMachine.restore(read_snapshot(machine.snapshot()), load_calendar())
    for other in (twin, restored):
        assert other.venue.digest() == machine.venue.digest()
        assert (other.last_report, other.commands, other.now_ns) == (5, machine.commands, TEN + 4)
    assert restored.instruments == machine.instruments
    assert [report.sequence for report in told] == [1, 2, 3, 4, 5]


def test_the_last_forty_statements_of_an_account_are_remembered_also_by_a_snapshot(house: "House") -> None:
    machine = opened(house)
    days: list[int] = []
    for day in range(1, 75):
        days += {report.settled_day for report in _days(machine.apply(AdvanceTime(), TEN + day * 24 * HOUR))}
    assert len(days) > 40
    restored = GatewayMachine.restore(read_snapshot(machine.snapshot()), load_calendar())
    for each in (machine, restored):
        assert [statement.trading_day for day in days if (statement := each.statement("A", day))] == days[-40:]
        assert each.statement("A") == each.statement("A", days[-1]) == each.statements["A"]
        assert each.statement("nobody", days[-1]) is None
    # A snapshot of before they were remembered knows the last one.
    older = msgspec.structs.replace(read_snapshot(machine.snapshot()), past={})
    assert GatewayMachine.restore(older, load_calendar()).statement("B", days[-1]) == machine.statement("B", days[-1])


def _days(told: tuple[tuple[object, ...], tuple[object, ...]]) -> list[DayReport]:
    return [event for events in told for event in events if isinstance(event, DayReport)]


def test_settings_are_founded_once() -> None:
    settings = VenueSettings(snapshot_ns=7)
    assert read_founding(write_founding(settings)) == settings


def test_records_that_cannot_be_read_name_the_journal() -> None:
    with pytest.raises(JournalCorrupted):
        read_founding(b"{")
    with pytest.raises(JournalCorrupted):
        read_snapshot(b"nothing")
    with pytest.raises(JournalCorrupted):
        GatewayMachine(Venue(calendar=load_calendar())).replay([b"[]"], print)
