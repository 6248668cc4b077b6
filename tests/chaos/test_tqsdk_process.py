"""The TqSDK broker when its process, its parent or the broker behind it fails; TqSDK is a stand-in that keeps its broker in files."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from loguru import logger
from tests.patience import PATIENCE_S, until

from tradepit.backends.broker.tqsdk.broker import TqsdkBroker
from tradepit.backends.broker.tqsdk.frames import Login, LoginAccount
from tradepit.backends.broker.tqsdk.link import TqsdkLink, TqsdkTiming
from tradepit.backends.journal.file import FileJournal
from tradepit.runtime.clock import SystemClock
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import DuplicateId, OrderNotFound, OutcomeUnknown, RequestRefused, StaleEpoch, Unavailable
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, Report, TradeReport
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, Side
from tradepit.trading.orders.position_book import PositionBook
from tradepit.trading.risk import review

ROOT = Path(__file__).resolve().parents[2]
SECRETS = ("auth-user-7731", "auth-word-7732", "future-user-7733", "future-word-7734")
TIMING = TqsdkTiming(login_s=90, stuck_s=30, ack_s=30, settle_s=0.3, back_off_s=0.05, back_off_max_s=0.2)
HASTY = msgspec.structs.replace(TIMING, stuck_s=1.0, ack_s=1.0)
"""Where it is to be found stuck, or deaf. A machine that is busy elsewhere may look so, too."""


def login() -> Login:
    return Login(
        run_mode="real",
        user=SECRETS[0],
        password=SECRETS[1],
        accounts=[LoginAccount(name="A", broker="simnow", user=SECRETS[2], password=SECRETS[3])],
        symbols=["SHFE.rb2505", "DCE.unknown"],
    )


class World:
    """A data folder, the stand-in's broker in it, and links to it as processes would have them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = folder / "broker"
        self.place.mkdir(parents=True)
        self._happened = 0
        self._open: list[TqsdkBroker] = []
        self.links: list[TqsdkLink] = []

    def link(self, *, carries: bool = False, timing: TqsdkTiming = TIMING) -> TqsdkLink:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT / 'tests/fakes'}:{ROOT / 'src'}",
            "TQ_TD_URL": "ws://127.0.0.1:9",
            "TQ_ACCOUNT_ID": "somebody",
            "SECRET": "everything",
        }
        journal = FileJournal(self.folder / "journal", sync="os")
        link = TqsdkLink(self.folder, journal, login, SystemClock(), timing=timing, environment=environment, carries=carries)
        self.links.append(link)
        return link

    async def broker(
        self, link: TqsdkLink | None = None, *, ready: bool = True, timeout_s: float = PATIENCE_S
    ) -> tuple[TqsdkBroker, TqsdkLink]:
        link = link or self.link()
        broker = TqsdkBroker(link, load_catalog(), SystemClock(), timeout_s=timeout_s)
        self._open.append(broker)
        await broker.connect()
        if ready:
            await until(lambda: link.ready)
        return broker, link

    def mode(self, mode: str) -> None:
        (self.place / "mode.new").write_text(mode)
        (self.place / "mode.new").replace(self.place / "mode")

    def happen(self, *event: object) -> None:
        self._happened += 1
        fresh = self.place / "fresh"
        fresh.write_text(json.dumps(event))
        fresh.replace(self.place / f"event-{self._happened:03}")

    def arrived(self) -> list[str]:
        path = self.place / "arrived"
        return path.read_text().split() if path.exists() else []

    async def leave(self) -> None:
        for broker in self._open:
            await broker.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path / "tq")
    yield world
    await world.leave()
    assert [link.pid for link in world.links if link.pid is not None] == []


def order(number: int, lots: int = 5, price: int = 3500, **changes: object) -> review.Approved:
    fields = {
        "client_order_id": f"c{number}",
        "account": "A",
        "symbol": "rb2505",
        "exchange": Exchange.SHFE,
        "side": Side.BUY,
        "offset": Offset.OPEN,
        "order_type": OrderType.LIMIT,
        "price_ticks": price,
        "volume_lots": lots,
        "reference": f"bot-{number}",
    }
    return review.Approved(OrderIntent(**(fields | changes)), review._SEAL)  # type: ignore[arg-type]  # changed by name


async def resolved(broker: TqsdkBroker, number: int) -> Order:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await broker.resolve(order(number).intent, epoch=1)
            except (OutcomeUnknown, Unavailable):
                await asyncio.sleep(0.02)


async def take(feed: AsyncIterator[Report], count: int) -> list[Report]:
    async with asyncio.timeout(PATIENCE_S):
        return [await anext(feed) for _ in range(count)]


async def all_reports(broker: TqsdkBroker) -> list[Report]:
    feed = broker.reports(0)
    try:
        return await take(feed, await broker.last_report())
    finally:
        await feed.aclose()  # type: ignore[attr-defined]  # the port promises an iterator; this one is a generator


async def test_the_life_of_an_order(world: World) -> None:
    broker, link = await world.broker()
    assert OrderType.MARKET not in broker.capabilities.order_types
    assert not broker.capabilities.reduces
    first = await broker.submit(order(1), epoch=1)
    assert (first.status, first.order_id, first.left_lots, first.intent.reference) == (OrderStatus.OPEN, "1", 5, "bot-1")
    assert await broker.submit(order(1), epoch=1) == first
    with pytest.raises(DuplicateId):
        await broker.submit(order(1, lots=6), epoch=1)
    world.happen("fill", "c1", 2)
    await until(lambda: link.book.orders["A", "c1"].status is OrderStatus.PARTIAL)
    world.happen("fill", "c1", 1)
    await until(lambda: link.book.orders["A", "c1"].traded_lots == 3)
    cancelled = await broker.cancel("A", "c1", epoch=1)
    assert (cancelled.status, cancelled.traded_lots, cancelled.left_lots) == (OrderStatus.CANCELLED, 3, 0)
    assert await broker.cancel("A", "c1", epoch=1) == cancelled
    with pytest.raises(OrderNotFound):
        await broker.cancel("A", "never", epoch=1)
    reports = await all_reports(broker)
    assert [report.sequence for report in reports] == list(range(1, len(reports) + 1))
    trades = [report.trade for report in reports if isinstance(report, TradeReport)]
    assert [(trade.trade_id, trade.volume_lots, trade.price_ticks, trade.fee) for trade in trades] == [
        ("1", 2, 3500, "1.25"),
        ("2", 1, 3500, "1.25"),
    ]
    assert world.arrived() == ["c1"]


async def test_before_the_login_nobody_says_that_there_is_no_such_order(world: World) -> None:
    link = world.link()
    asker = TqsdkBroker(link, load_catalog(), SystemClock(), timeout_s=0.0)
    await world.broker(link, ready=False)
    await asker.connect()
    assert not link.ready
    with pytest.raises(Unavailable):
        await asker.query("A", "c1")
    await until(lambda: link.ready)
    assert await asker.query("A", "c1") is None
    await asker.close()


async def test_a_refusal_is_told_from_a_cancel(world: World) -> None:
    broker, _ = await world.broker()
    world.mode("reject")
    refused = await broker.submit(order(1), epoch=1)
    assert (refused.status, refused.reason, refused.traded_lots) == (OrderStatus.REJECTED, "INSUFFICIENT_MONEY", 0)
    for wrong, code in (
        (order(2, order_type=OrderType.MARKET), "PRICETYPE_NOT_SUPPORTED"),
        (order(3, offset=Offset.CLOSEYESTERDAY), "OFFSET_NOT_VALID"),
        (order(3, client_order_id="rb2505-hc2505"), "ID_NOT_VALID"),
        (order(4, symbol="unknown", exchange=Exchange.DCE), "INSTRUMENT_NOT_FOUND"),
    ):
        assert (await broker.submit(wrong, epoch=1)).reason == code
    with pytest.raises(RequestRefused):
        await broker.submit(order(5, account="B"), epoch=1)
    assert world.arrived() == ["c1"]


async def test_money_positions_and_contracts_are_the_houses_own(world: World) -> None:
    broker, _ = await world.broker()
    await broker.submit(order(1), epoch=1)
    world.happen("fill", "c1", 5)
    await take(broker.reports(0), 3)
    account = await broker.account("A")
    assert (account.pre_balance, account.float_profit) == (Decimal("1000000.1"), Decimal(0))
    (position,) = await broker.positions("A")
    assert (position.side, position.today_lots, position.margin) == (Side.BUY, 5, Decimal("17502.5"))
    assert (position.float_profit, position.position_profit) == (Decimal("0.3"), Decimal(0))
    (listing,) = await broker.instruments()
    assert (listing.instrument.symbol, str(listing.instrument.product.tick_size), listing.lower_limit_ticks) == (
        "rb2505",
        "1",
        3000,
    )
    assert OrderType.MARKET not in listing.instrument.product.order_types
    with pytest.raises(RequestRefused):
        await broker.account("B")


@pytest.mark.parametrize("mode", ["die_before", "die_after", "vanish", "silent"])
async def test_what_became_of_an_order_is_asked_and_never_sent_again(world: World, mode: str) -> None:
    broker, link = await world.broker(world.link(timing=HASTY), timeout_s=2.0)
    world.mode(mode)
    with pytest.raises(OutcomeUnknown):
        await broker.submit(order(1), epoch=1)
    with contextlib.suppress(OutcomeUnknown):
        # Asked again with the same id, it waits for what becomes of the first.
        await broker.submit(order(1), epoch=1)
    world.mode("normal")
    found = await resolved(broker, 1)
    if mode in ("die_after", "silent"):
        assert found.status is OrderStatus.OPEN
        assert world.arrived() == ["c1"]
    else:
        assert (found.status, found.reason) == (OrderStatus.REJECTED, "NOT_SENT")
        assert world.arrived() == []
    assert await broker.submit(order(1), epoch=1) == found
    assert world.arrived() == (["c1"] if found.order_id else [])
    reports = await all_reports(broker)
    assert [report.sequence for report in reports] == list(range(1, len(reports) + 1))
    if mode != "silent":
        assert link.restarts >= 1


async def test_an_order_given_up_that_works_after_all_is_cancelled_at_once(world: World) -> None:
    broker, link = await world.broker(world.link(timing=HASTY), timeout_s=2.0)
    world.mode("late")
    with pytest.raises(OutcomeUnknown):
        await broker.submit(order(1), epoch=1)
    late = world.place / "late"
    kept = late.rename(world.place / "kept")
    world.mode("normal")
    assert (await resolved(broker, 1)).reason == "NOT_SENT"
    kept.rename(late)
    await until(lambda: world.arrived() == ["c1"])
    await until(lambda: json.loads((world.place / "books").read_text())["orders"]["c1"][1]["status"] == "FINISHED")
    assert link.book.orders["A", "c1"].reason == "NOT_SENT"


async def test_killed_at_any_moment_it_comes_back_and_forgets_nothing(world: World) -> None:
    broker, link = await world.broker()
    feed = broker.reports(0)
    for number in range(1, 6):
        await until(lambda: link.ready)
        assert (await broker.submit(order(number), epoch=1)).status is OrderStatus.OPEN
        pid = link.pid
        assert pid is not None
        if number % 2:
            os.kill(pid, signal.SIGKILL)
            world.happen("fill", f"c{number}", number)
        else:
            world.happen("fill", f"c{number}", number)
            os.kill(pid, signal.SIGKILL)
        await until(lambda pid=pid: link.pid not in (None, pid))  # type: ignore[misc]  # bound where it is made
    await until(lambda: sum(order.traded_lots for order in link.book.orders.values()) == 15)
    reports = await take(feed, await broker.last_report())
    trades = [report.trade for report in reports if isinstance(report, TradeReport)]
    assert sorted((trade.client_order_id, trade.volume_lots) for trade in trades) == [(f"c{n}", n) for n in range(1, 6)]
    assert [report.sequence for report in reports] == list(range(1, len(reports) + 1))


async def test_a_process_that_stands_still_is_ended(world: World) -> None:
    broker, link = await world.broker(world.link(timing=HASTY), timeout_s=2.0)
    pid = link.pid
    assert pid is not None
    world.mode("stuck")
    await until(lambda: link.pid not in (None, pid))
    world.mode("normal")
    await until(lambda: link.ready)
    frozen = link.pid
    assert frozen is not None
    os.kill(frozen, signal.SIGSTOP)
    with pytest.raises((OutcomeUnknown, Unavailable)):
        await broker.submit(order(1), epoch=1)
    await until(lambda: link.pid not in (None, frozen) and link.ready)
    assert (await resolved(broker, 1)).reason == "NOT_SENT"


@pytest.mark.parametrize("code", [2019112901, 2019112902, 2019112910, 2019112911])
async def test_a_lost_connection_ends_the_process_and_nothing_is_sent_late(world: World, code: int) -> None:
    broker, link = await world.broker()
    pid = link.pid
    world.happen("notify", code)
    await until(lambda: link.pid not in (None, pid) and link.ready)
    assert (await broker.submit(order(1), epoch=1)).status is OrderStatus.OPEN


async def test_a_restart_of_the_house_continues_the_numbers(world: World) -> None:
    broker, _ = await world.broker()
    await broker.submit(order(1), epoch=0)
    before = await all_reports(broker)
    await broker.close()
    world.happen("fill", "c1", 5)
    again, link = await world.broker()
    await until(lambda: link.book.last_report == 3)
    reports = await all_reports(again)
    assert reports[:1] == before
    assert [type(report) for report in reports] == [OrderReport, TradeReport, OrderReport]
    last = reports[-1]
    assert isinstance(last, OrderReport)
    assert (last.order.status, last.order.intent.reference) == (OrderStatus.FILLED, "bot-1")


async def test_a_new_day_is_reported_and_yesterdays_doubt_stays_doubt(world: World) -> None:
    broker, link = await world.broker()
    await broker.submit(order(1), epoch=1)
    world.mode("die_before")
    with pytest.raises(OutcomeUnknown):
        await broker.submit(order(2), epoch=1)
    world.mode("normal")
    await until(lambda: link.ready)
    world.happen("cancel", "c1")
    world.happen("day", 20250107)
    await until(lambda: link.book.trading_day == 20250107 and link.ready)
    with pytest.raises(OutcomeUnknown, match="statement"):
        await broker.resolve(order(2).intent, epoch=1)
    (day,) = [report for report in await all_reports(broker) if isinstance(report, DayReport)]
    assert (day.settled_day, day.trading_day, day.settlement_prices) == (20250106, 20250107, {"rb2505": "3500"})


async def test_a_newer_leader_ends_the_process_of_the_older_one(world: World) -> None:
    old, first = await world.broker()
    await old.open_session(1)
    await old.submit(order(1), epoch=1)
    pid = first.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    new, second = await world.broker(ready=False)
    assert second.pid is None
    await new.open_session(2)
    await until(lambda: second.ready)
    assert second.book.orders["A", "c1"].status is OrderStatus.OPEN
    await until(lambda: first.fenced_by == 2)
    for command in (old.submit(order(2), epoch=1), old.cancel("A", "c1", epoch=1), old.resolve(order(3).intent, epoch=1)):
        with pytest.raises(StaleEpoch):
            await command
    with pytest.raises(StaleEpoch):
        await old.open_session(1)
    assert (await new.submit(order(2), epoch=2)).status is OrderStatus.OPEN
    assert world.arrived() == ["c1", "c2"]


async def test_it_keeps_its_secrets(world: World) -> None:
    told: list[str] = []
    sink = logger.add(told.append, level="TRACE", format="{message} {exception}")
    try:
        world.mode("refuse_login")
        _, link = await world.broker(ready=False)
        await until(lambda: link.restarts >= 1)
        world.mode("normal")
        await until(lambda: link.ready)
    finally:
        logger.remove(sink)
    places = [*told, repr(login()), repr(login().accounts), *_seen_of(link.pid, world)]
    assert any("login of *** with *** refused" in text for text in told)
    assert [secret for secret in SECRETS for text in places if secret in text] == []
    environment = json.loads((world.place / "environment").read_text())
    assert (environment["HOME"], environment["TQ_TD_URL"]) == (str(world.folder), "ws://127.0.0.1:9")
    assert "127.0.0.1" in environment["NO_PROXY"]
    assert not {"TQ_ACCOUNT_ID", "SECRET"} & environment.keys()


def _seen_of(pid: int | None, world: World) -> list[str]:
    """What others can see of a process, and what it leaves behind."""
    files = [Path(f"/proc/{pid}/cmdline"), Path(f"/proc/{pid}/environ"), world.place / "environment"]
    return [path.read_text(errors="replace") for path in [*files, *world.folder.iterdir()] if path.is_file()]


@pytest.fixture
def owner(world: World) -> Iterator["subprocess.Popen[str]"]:
    """Another house on the same folder, in a process of its own that can be killed."""
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.chaos.test_tqsdk_process import own; own({str(world.folder)!r})"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        yield process
        process.kill()


def own(folder: str) -> None:
    """What the other house runs: a link that says its process's id once it is ready."""
    asyncio.run(_own(World.__new__(World), Path(folder)))


async def _own(world: World, folder: Path) -> None:
    world.folder, world.place, world._open, world.links = folder, folder / "broker", [], []
    _, link = await world.broker()
    sys.stdout.write(f"{link.pid}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


@pytest.mark.parametrize("frozen", [False, True])
async def test_no_process_outlives_its_owner(world: World, owner: "subprocess.Popen[str]", frozen: bool) -> None:
    assert owner.stdout is not None
    pid = int(await asyncio.to_thread(owner.stdout.readline))
    if frozen:
        world.mode("stuck")
        await asyncio.sleep(0.1)
    owner.kill()
    await until(lambda: not _lives(pid))
    world.mode("normal")
    broker, _ = await world.broker()
    assert (await broker.submit(order(1), epoch=1)).status is OrderStatus.OPEN


def _lives(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


async def test_what_was_held_before_the_first_login_is_reported_once_before_all_else(world: World) -> None:
    (world.place / "books").write_text(json.dumps({"orders": {}, "trades": {}, "day": 20250106, "held": 7}))
    broker, link = await world.broker(world.link(carries=True))
    await broker.open_session(1)
    await broker.submit(order(1), epoch=1)
    world.happen("fill", "c1", 5)
    await until(lambda: link.book.last_report >= 5)
    assert link.pid is not None
    os.kill(link.pid, signal.SIGKILL)
    await until(lambda: not link.ready)
    await until(lambda: link.ready)
    await broker.submit(order(2), epoch=1)
    held, day, *rest = await all_reports(broker)
    assert isinstance(held, TradeReport)
    assert isinstance(day, DayReport)
    trade = held.trade
    assert (trade.account, trade.symbol, trade.side, trade.volume_lots) == ("A", "rb2505", Side.BUY, 7)
    assert (trade.price_ticks, trade.trading_day, trade.client_order_id) == (3500, 20250103, "held-rb2505-BUY")
    assert (day.settled_day, day.trading_day) == (20250103, 20250106)
    assert [report.sequence for report in rest] == list(range(3, 3 + len(rest)))
    assert sum(report.trade.volume_lots for report in rest if isinstance(report, TradeReport)) == 5
    # Whoever folds the reports holds what the broker does, with history and today's lots apart.
    positions = PositionBook()
    positions.list_instrument(
        load_catalog().instrument("rb2505", on=date(2025, 1, 6), listing_price=Decimal(3500)), Decimal(3500)
    )
    for report in (held, day, *rest):
        if isinstance(report, TradeReport):
            positions.apply(report.trade, report.sequence)
        elif isinstance(report, DayReport):
            positions.roll(report.trading_day, {}, report.sequence)
    (own,), (theirs,) = positions.positions("A"), await broker.positions("A")
    assert (own.yesterday_lots, own.today_lots) == (theirs.yesterday_lots, theirs.today_lots) == (7, 5)
