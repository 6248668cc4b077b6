"""Orders on their way: journaled first, in order, cancelled only once sent, refused and doubted as they should be."""

import asyncio

import pytest
from tests.bot_house import BotHouse
from tests.bot_stage import instrument
from tests.order_path import an_intent
from tests.waiting import settle

from tradepit.backends.journal.memory import MemoryJournal, MemoryJournalStore
from tradepit.bots.live.order_desk import LiveOrderDesk
from tradepit.bots.live.records import BotJournal
from tradepit.bots.live.settings import RunnerSettings
from tradepit.runtime.intent_log import IntentLog
from tradepit.trading.model.errors import OutcomeUnknown
from tradepit.trading.model.report import OrderReport


class Told:
    """Everything the desk says."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def refused(self, client_order_id: str, code: str, message: str) -> None:
        self.words.append(f"refused {client_order_id} {code}")

    def doubted(self, client_order_id: str, reason: str) -> None:
        self.words.append(f"doubted {client_order_id} {reason}")

    def cancel_refused(self, client_order_id: str, code: str) -> None:
        self.words.append(f"cancel refused {client_order_id} {code}")


class Office:
    """A desk over a journal in memory."""

    def __init__(self, house: BotHouse) -> None:
        self.taker, self.clock, self.told = house.desk, house.clock, Told()
        self.taker.fills = False
        self.store = MemoryJournalStore()
        self.fenced = 0

    async def open(self) -> "Office":
        self.journal = BotJournal(MemoryJournal(self.store), self._fence)
        await self.journal.open(1, "r1")
        self.desk = LiveOrderDesk(
            self.taker, self.journal, self.clock, RunnerSettings(), self.told, instrument, IntentLog(None), "bot"
        )
        return self

    def _fence(self) -> None:
        self.fenced += 1


@pytest.fixture
async def office(house: BotHouse) -> Office:
    return await Office(house).open()


async def test_an_order_is_in_the_journal_before_it_is_sent(office: Office) -> None:
    office.taker.held = asyncio.Event()
    office.desk.submit(an_intent(1))
    await settle()
    assert len(office.store.entries) == 2
    assert office.taker.arrived == []
    office.taker.held.set()
    await office.desk.rest()
    assert office.taker.arrived == ["c1"]
    assert list(office.desk.working) == ["c1"]


async def test_a_cancel_does_not_overtake_its_order(office: Office) -> None:
    office.taker.held = asyncio.Event()
    office.desk.submit(an_intent(1))
    office.desk.cancel("A1", "c1")
    office.desk.cancel("A1", "c1")
    await settle()
    assert office.taker.cancelled == []
    office.taker.held.set()
    await office.desk.rest()
    assert office.taker.cancelled == ["c1"]
    office.desk.take(OrderReport(sequence=9, time_ns=1, trading_day=20250106, order=office.taker.orders["c1"]))
    assert office.desk.working == {}
    assert office.told.words == []


async def test_a_refusal_is_told_and_final(office: Office) -> None:
    office.taker.refuses = "POSITION_LIMIT"
    office.desk.submit(an_intent(1))
    await office.desk.rest()
    assert office.told.words == ["refused c1 POSITION_LIMIT"]
    assert office.desk.working == {}


async def test_a_doubt_ends_with_what_order_management_knows(office: Office) -> None:
    office.taker.late = [OutcomeUnknown()]
    office.desk.submit(an_intent(1))
    await settle()
    assert office.told.words == ["doubted c1 OUTCOME_UNKNOWN"]
    await office.clock.advance(2)
    await office.desk.rest()
    assert (office.taker.asked, office.taker.arrived) == (["c1", "c1"], ["c1"])
    fate = await office.desk.fate(an_intent(1))
    assert (fate.status, (await office.desk.fate(an_intent(2))).status) == ("PENDING", "")


async def test_who_lost_the_journal_sends_nothing(office: Office) -> None:
    other = BotJournal(MemoryJournal(office.store), lambda: None)
    await other.open(2, "r2")
    office.desk.submit(an_intent(1))
    await office.desk.rest()
    assert (office.told.words, office.taker.asked, office.fenced) == (["refused c1 STALE_EPOCH"], [], 1)


async def test_a_closed_desk_takes_no_order_but_cancels(office: Office) -> None:
    office.desk.submit(an_intent(1))
    await office.desk.rest()
    office.desk.close()
    office.desk.submit(an_intent(2))
    office.desk.cancel_all()
    await office.desk.rest()
    assert (office.told.words, office.taker.cancelled) == (["refused c2 BOT_NOT_RUNNING"], ["c1"])
    office.taker.orders.clear()
    office.desk.working["c3"] = an_intent(3)
    office.desk.cancel("A1", "c3")
    await office.desk.rest()
    assert office.told.words[-1] == "cancel refused c3 REQUEST_REFUSED"
    await office.desk.stop()
    await office.journal.close()
