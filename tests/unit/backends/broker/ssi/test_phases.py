"""Sessions: SSI's word, and the calendar's where there is none."""

import pytest

from tradepit.backends.broker.ssi.news import ToldSession
from tradepit.backends.broker.ssi.phases import ToldPhases
from tradepit.runtime.clock import ManualClock
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.model.terms import SessionPhase

MINUTE = 60_000_000_000
TEN = 1_736_132_400_000_000_000  # 2025-01-06 10:00 in Hanoi
OPENS, NOON = TEN - 60 * MINUTE, TEN + 90 * MINUTE


class World:
    """Phases on a clock that is set."""

    def __init__(self, now_ns: int) -> None:
        self.clock = ManualClock(now_ns)
        self.phases = ToldPhases(load_calendar(), self.clock, "hnx")

    def tell(self, word: str, symbol: str = "", *, status: str = "", ago_ns: int = 0) -> None:
        """SSI's word, of now or of a while ago."""
        self.phases.tell(ToldSession(word=word, status=status), symbol, self.clock.now_ns() - ago_ns)

    def at(self, now_ns: int, symbol: str = "A") -> SessionPhase:
        """The phase at a later instant."""
        self.clock.advance_to(now_ns)
        return self.phases.phase_of(symbol)


def test_without_a_word_the_calendar_holds() -> None:
    world = World(OPENS - 10 * MINUTE)
    assert world.phases.phase_of("A") is SessionPhase.AUCTION_ORDERING
    assert world.at(TEN) is SessionPhase.CONTINUOUS
    assert world.at(NOON) is SessionPhase.BREAK


@pytest.mark.parametrize(
    ("word", "phase"),
    [
        ("ATO", SessionPhase.AUCTION_ORDERING),
        ("lo ", SessionPhase.CONTINUOUS),
        ("BREAK", SessionPhase.BREAK),
        ("HALT", SessionPhase.BREAK),
        ("ATC", SessionPhase.CLOSING_AUCTION),
        ("PT", SessionPhase.CLOSED),
        ("C", SessionPhase.CLOSED),
    ],
)
def test_every_word_of_the_exchange_has_its_phase(word: str, phase: SessionPhase) -> None:
    world = World(TEN)
    world.tell(word)
    assert world.phases.phase_of("A") is phase


def test_a_session_told_outlasts_its_hour_by_seconds_and_a_halt_by_hours() -> None:
    world = World(NOON - MINUTE)
    world.tell("LO")
    assert world.at(NOON + MINUTE // 10) is SessionPhase.CONTINUOUS
    assert world.at(NOON + MINUTE) is SessionPhase.BREAK
    world.tell("HALT")
    assert world.at(NOON + 120 * MINUTE) is SessionPhase.BREAK
    # On the next day nobody has said anything yet.
    assert world.at(TEN + 24 * 60 * MINUTE) is SessionPhase.CONTINUOUS


def test_a_contract_has_words_of_its_own_and_the_newest_counts() -> None:
    world = World(TEN)
    world.tell("ATC", "A")
    assert (world.phases.phase_of("A"), world.phases.phase_of("B")) == (SessionPhase.CLOSING_AUCTION, SessionPhase.CONTINUOUS)
    world.clock.advance_to(TEN + 1)
    world.tell("BREAK")
    assert world.phases.phase_of("A") is SessionPhase.BREAK
    world.tell("LO", "A", status="H")
    assert world.phases.phase_of("A") is SessionPhase.BREAK
    world.tell("LO", "A", status="N")
    assert world.phases.phase_of("A") is SessionPhase.CONTINUOUS
    world.tell("LO", "A", status="S")
    assert world.phases.phase_of("A") is SessionPhase.CLOSED


def test_words_of_yesterday_unknown_ones_and_those_of_a_lost_stream_change_nothing() -> None:
    world = World(TEN)
    world.tell("C", ago_ns=3 * 24 * 60 * MINUTE)
    assert world.phases.phase_of("A") is SessionPhase.CONTINUOUS
    world.tell("INTERMISSION", "A", status="?")
    assert world.phases.phase_of("A") is SessionPhase.CONTINUOUS
    world.tell("HALT")
    world.tell("LO", "A", status="H")
    world.phases.forget()
    assert world.phases.phase_of("A") is SessionPhase.CONTINUOUS
