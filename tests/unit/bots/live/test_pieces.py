"""The small parts: inbox, figures, thread, patience, market feed, warm-up."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from tests.bot_house import BotHouse
from tests.bot_stage import START_NS, instrument, tick
from tests.step_clock import StepClock
from tests.waiting import settle

from tradepit.backends.bus.memory import MemoryBus
from tradepit.bots.live.figures import BotFigures
from tradepit.bots.live.inbox import Inbox
from tradepit.bots.live.market_feed import MarketFeed
from tradepit.bots.live.patience import insist, within
from tradepit.bots.live.thread import BotThread
from tradepit.bots.live.warm_up import RecentTicks, recent_ticks
from tradepit.runtime.tick_row import Row, read_row
from tradepit.runtime.tick_segments import write_segment
from tradepit.runtime.tick_sequence import Seen
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import BadRequest, Unavailable
from tradepit.trading.model.terms import SessionPhase
from tradepit.trading.model.tick import Tick
from tradepit.wire.simulator import PhaseData, depth_topic, phase_topic, tick_topic
from tradepit.wire.simulator_codec import encode, tick_data


def test_news_comes_before_ticks_and_of_ticks_the_newest_are_kept() -> None:
    inbox = Inbox(2)
    for number in range(3):
        inbox.put_tick(tick(22_500, 22_501, after_s=number), number)
    inbox.put_tick(tick(13_000, 13_001, symbol="IH2501"), 9)
    inbox.put(lambda: "news")
    news = inbox.take_news()
    assert news is not None
    assert (news(), inbox.take_news()) == ("news", None)
    assert [received for _, received in inbox.take_ticks()] == [1, 2]
    assert [shown.symbol for shown, _ in inbox.take_ticks()] == ["IH2501"]
    assert (inbox.take_ticks(), len(inbox)) == ([], 0)


def test_a_histogram_of_latencies() -> None:
    figures = BotFigures()
    assert figures.tick_ms() == 0.0
    for latency_ms in [0.2] * 18 + [20.0, 99_999.0]:
        figures.add_tick(latency_ms)
    assert (figures.ticks, figures.tick_ms(0.5), figures.tick_ms(), figures.tick_ms(1.0)) == (20, 0.25, 25.0, 5_000.0)
    assert figures.tick_counts[-1] == 1


async def test_a_thread_runs_what_it_is_given_and_leaves_what_does_not_end() -> None:
    room = BotThread("bot")
    cancelled: list[bool] = []

    async def for_ever() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def work() -> int:
        return 7

    assert await asyncio.wrap_future(room.run(work())) == 7
    room.run(for_ever())
    assert await asyncio.wrap_future(room.run(work())) == 7
    room.leave()
    await asyncio.to_thread(room._thread.join, 60)
    assert room._loop.is_closed()
    assert cancelled == [True]
    room.leave()


async def test_patience_with_the_house_ends_where_asking_again_is_no_use() -> None:
    clock, answers = StepClock(), [Unavailable(), Unavailable()]

    async def ask() -> str:
        if answers:
            raise answers.pop()
        return "yes"

    asking = asyncio.ensure_future(insist(ask, clock, "bot"))
    await clock.advance(1)
    assert await asking == "yes"

    async def wrong() -> None:
        raise BadRequest

    with pytest.raises(BadRequest):
        await insist(wrong, clock, "bot")
    with pytest.raises(BadRequest):
        await within(1.0, wrong(), clock)
    waiting = asyncio.ensure_future(within(1.0, asyncio.Event().wait(), clock))  # type: ignore[arg-type]  # its result is no matter
    await clock.advance(2)
    assert not await waiting


async def test_the_book_counts_while_it_is_told_and_ticks_otherwise(bus: MemoryBus) -> None:
    clock, listed = StepClock(), instrument("IF2501")
    ticks: list[int] = []
    phases: list[tuple[str, SessionPhase, int]] = []

    def take(shown: Tick, received_ns: int) -> None:
        ticks.append(shown.bids[0].price_ticks)

    feed = MarketFeed(bus, clock, {"IF2501": listed}, take, lambda *told: phases.append(told))
    await feed.start()
    await clock.advance(1)

    async def tell(topic: str, bid: int, at_ms: int) -> None:
        shown = msgspec.structs.replace(tick(bid, bid + 1), time_ns=START_NS + at_ms * 1_000_000)
        await bus.publish(topic, encode(tick_data(shown, listed)))
        await settle()

    await tell(tick_topic("IF2501"), 1, at_ms=0)
    # Of the instant at which it takes over it has been told already.
    await tell(depth_topic("IF2501"), 11, at_ms=0)
    await tell(tick_topic("IF2501"), 12, at_ms=1)
    await tell(depth_topic("IF2501"), 2, at_ms=1)
    await tell(tick_topic("IF2501"), 3, at_ms=2)
    await clock.advance(2.5)
    assert feed.age_s == 2.5
    await tell(tick_topic("IF2501"), 4, at_ms=3)
    await tell(depth_topic("IF2501"), 5, at_ms=4)
    assert ticks == [1, 2, 4, 5]
    await clock.advance(2.5)
    await bus.publish(tick_topic("IF2501"), b"{")
    await bus.publish(tick_topic("IH2501"), encode(tick_data(tick(1, 2, symbol="IH2501"), instrument("IH2501"))))
    told = PhaseData(symbol="IF2501", phase="BREAK", time_ns=1, trading_day=20250106)
    await bus.publish(phase_topic("IF2501"), encode(told))
    await bus.publish(phase_topic("IF2501"), encode(msgspec.structs.replace(told, phase="NAP")))
    await settle()
    assert (feed.refused, feed.unknown, phases) == (2, True, [("IF2501", SessionPhase.BREAK, 20250106)])
    await feed.stop()


def test_windows_are_warmed_with_the_newest_recorded_ticks(tmp_path: Path) -> None:
    assert recent_ticks(tmp_path / "nothing", ["IF2501"], 5, load_catalog(), START_NS) == []
    day = tmp_path / "r1" / "IF2501" / "20250106"
    for part in range(3):
        rows = [_row(part * 10 + number) for number in range(10)]
        write_segment(day, rows, Seen("run", part), "w")
    (day / "part-00009.parquet").write_bytes(b"torn")
    found = recent_ticks(tmp_path, ["IF2501", "IH2501"], 15, load_catalog(), START_NS + 28 * 1_000_000_000)
    assert [(shown.time_ns - START_NS) // 1_000_000_000 for shown in found] == list(range(13, 28))


async def test_bots_that_begin_together_read_the_recordings_once(tmp_path: Path) -> None:
    day, clock = tmp_path / "r1" / "IF2501" / "20250106", StepClock(START_NS)
    write_segment(day, [_row(number) for number in range(10)], Seen("run", 1), "w")
    recordings, far_ns = RecentTicks(tmp_path, load_catalog(), clock), START_NS + 100 * 1_000_000_000
    assert len(recordings.before(["IF2501"], 5, far_ns)) == 5
    write_segment(day, [_row(number) for number in range(10, 20)], Seen("run", 2), "w")

    def newest(most: int, before_s: int = 100) -> list[int]:
        found = recordings.before(["IF2501"], most, START_NS + before_s * 1_000_000_000)
        return [(shown.time_ns - START_NS) // 1_000_000_000 for shown in found]

    assert newest(5) == [5, 6, 7, 8, 9]
    assert newest(5, before_s=8) == [5, 6, 7]
    assert newest(12) == list(range(8, 20))
    await clock.advance(3)
    assert newest(2) == [18, 19]


def _row(second: int) -> Row:
    return read_row(encode(tick_data(_priced(second), instrument("IF2501"))), tick_topic("IF2501"))


def _priced(second: int) -> Tick:
    shown = tick(22_500, 22_501, after_s=second)
    prices = dict.fromkeys(("open_ticks", "high_ticks", "low_ticks", "pre_close_ticks", "last_ticks"), 22_500)
    limits = {"upper_limit_ticks": 24_750, "lower_limit_ticks": 20_250, "pre_settlement": 4500}
    return msgspec.structs.replace(shown, **prices, **limits)


async def test_a_bot_is_warm_before_its_first_tick(house: BotHouse) -> None:
    text = """
from tradepit.bots import BotBase

class Warm(BotBase):
    def on_start(self):
        self.ctx.state["seen"] = len(self.ctx.market("IF2501").window("last"))

    def on_tick(self, market):
        pass
"""
    day = house.folder / "IF2501" / "20250106"
    write_segment(day, [_row(number - 60) for number in range(10)], Seen("run", 1), "w")
    house.recordings = house.folder
    runner = await house.started(house.bot(text, name="warm"))
    life = runner.seats["warm"].life
    assert life is not None
    assert life._state == {"seen": 10}
    await runner.stop()
