"""The host: what bots send, what they are told, and that their faults stay theirs."""

import asyncio
import sys
from typing import Any

import pytest
from tests.bot_stage import DAY, Scripted, Stage, scripted, tick

from tradepit.bots.bot import BotBase
from tradepit.bots.context import BotContext
from tradepit.bots.events import BotEvent, EventKind
from tradepit.bots.host_settings import HostSettings, Phase
from tradepit.bots.market import Market
from tradepit.trading.model.errors import BotRefused
from tradepit.trading.model.report import Report
from tradepit.trading.model.terms import OrderStatus, SessionPhase

BUY = {"symbol": "IF2501", "side": "buy", "qty": 1, "price": 4500.2}
SELL = {"symbol": "IF2501", "side": "SELL", "qty": 2, "price": "4500.4"}


def _bot(stage: Stage) -> Scripted:
    assert isinstance(stage.host.bot, Scripted)
    return stage.host.bot


def _started(*answers: Any, settings: HostSettings | None = None) -> Stage:
    stage = Stage(scripted(*answers), settings=settings)
    assert stage.host.start()
    return stage


def _ticks(count: int) -> list[Any]:
    return [tick(22500, 22502, after_s=number) for number in range(count)]


@pytest.mark.parametrize(
    "answer",
    [[BUY, SELL], (BUY, SELL), iter([BUY, SELL]), lambda ctx, market: (wish for wish in (BUY, SELL))],
    ids=["list", "tuple", "iterator", "generator"],
)
def test_whatever_iterable_a_bot_returns_is_sent_in_order(answer: Any) -> None:
    stage = _started(answer)
    stage.show(*_ticks(1))
    assert stage.take() == [(1, "BUY", "OPEN", 22501, 1), (2, "SELL", "OPEN", 22502, 2)]


def test_one_dict_alone_is_one_intent() -> None:
    stage = _started(BUY)
    stage.show(*_ticks(1))
    assert len(stage.take()) == 1


def test_what_is_sent_through_the_context_and_yielded_too_is_sent_once() -> None:
    stage = _started(lambda ctx, market: [ctx.buy("IF2501", 1, market.bid), SELL])
    stage.show(*_ticks(1))
    assert [row[0] for row in stage.take()] == [1, 2]


class _Later(BotBase):
    async def on_start(self) -> None:
        await asyncio.sleep(0)

    async def on_tick(self, market: Market) -> Any:
        yield BUY
        await asyncio.sleep(0)
        yield SELL


class _Awaited(_Later):
    async def on_tick(self, market: Market) -> Any:
        await asyncio.sleep(0)
        return [BUY, SELL]


class _AwaitsTheWorld(_Later):
    async def on_tick(self, market: Market) -> Any:
        await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("bot", [_Later, _Awaited])
async def test_async_bots_run_with_a_loop_and_without(bot: type[BotBase]) -> None:
    stage = Stage(lambda ctx: bot({}, {}, ctx))
    assert await stage.host.start_async()
    await stage.host.tick_async(_ticks(1)[0])
    with_loop = stage.take()
    other = Stage(lambda ctx: bot({}, {}, ctx))
    assert other.host.start()
    other.show(*_ticks(1))
    assert with_loop == other.take() == [(1, "BUY", "OPEN", 22501, 1), (2, "SELL", "OPEN", 22502, 2)]


async def test_a_bot_that_waits_for_the_world_without_a_loop_is_told_so() -> None:
    stage = Stage(lambda ctx: _AwaitsTheWorld({}, {}, ctx))
    stage.host.start()
    stage.show(*_ticks(1))
    assert "BOT_AWAITS_THE_WORLD" in stage.host.health()["last_error"]


def test_exceptions_in_a_row_pause_the_bot_and_cancel_what_works() -> None:
    stage = _started(BUY, *[ValueError("no")] * 3, settings=HostSettings(max_consecutive_errors=3))
    stage.show(*_ticks(5))
    assert stage.host.phase is Phase.PAUSED
    assert stage.host.reason == "max-errors"
    assert stage.take() == [(1, "BUY", "OPEN", 22501, 1), ("cancel", stage.order_id(1))]
    health = stage.host.health()
    assert (health["exceptions"], health["ticks"], health["consecutive_errors"]) == (3, 4, 3)
    assert health["last_error"] == "on_tick: ValueError('no')"
    stage.host.resume()
    stage.show(tick(22500, 22502, after_s=9))
    assert stage.host.health()["ticks"] == 5


def test_a_bot_that_wants_to_end_the_process_ends_its_call() -> None:
    stage = _started(lambda ctx, market: sys.exit(3), BUY)
    stage.show(*_ticks(2))
    assert stage.host.health()["last_error"] == "on_tick: SystemExit(3)"
    assert len(stage.take()) == 1


def test_an_exception_now_and_then_does_not_pause_and_what_was_wanted_before_it_is_sent() -> None:
    def wants_and_falls(ctx: BotContext, market: Market) -> Any:
        yield BUY
        raise ValueError("later")

    stage = _started(*[wants_and_falls, None] * 4, settings=HostSettings(max_consecutive_errors=2))
    stage.show(*_ticks(8))
    assert stage.host.phase is Phase.RUNNING
    assert len(stage.take()) == 4


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({**BUY, "price": 4500.1}, "PRICE_WRONG_TICK"),
        ({**BUY, "price": float("nan")}, "PRICE_NOT_VALID"),
        ({**BUY, "price": "dear"}, "PRICE_NOT_VALID"),
        ({**BUY, "price": True}, "PRICE_NOT_VALID"),
        ({**BUY, "price": None, "type": "LIMIT"}, "PRICE_NOT_VALID"),
        ({**BUY, "qty": 0}, "VOLUME_NOT_VALID"),
        ({**BUY, "qty": 1.5}, "VOLUME_NOT_VALID"),
        ({**BUY, "qty": float("inf")}, "VOLUME_NOT_VALID"),
        ({**BUY, "qty": True}, "VOLUME_NOT_VALID"),
        ({**BUY, "side": "long"}, "INVALID_REQUEST"),
        ({**BUY, "colour": "red"}, "INVALID_REQUEST"),
        ({"symbol": "IF2501", "side": "buy"}, "INVALID_REQUEST"),
        ({**BUY, "symbol": "IF 2501"}, "ID_NOT_VALID"),
        ({**BUY, "symbol": "IF2599"}, "INSTRUMENT_NOT_FOUND"),
        ({"action": "cancel", "order_id": "nobody-1"}, "ORDER_NOT_FOUND"),
        ({"action": "fly"}, "INVALID_REQUEST"),
        (7, "INVALID_REQUEST"),
    ],
)
def test_a_wish_at_fault_is_refused_with_its_code_told_and_counted_and_the_next_one_goes(wish: Any, code: str) -> None:
    stage = _started([wish, SELL])
    stage.show(*_ticks(1))
    assert stage.take() == [(1, "SELL", "OPEN", 22502, 2)]
    assert _bot(stage).told == [f"reject {code}"]
    assert stage.host.refusals == {code: 1}
    assert stage.host.health()["exceptions"] == 0


@pytest.mark.parametrize("answer", [7, "buy"])
def test_an_answer_that_is_nothing_like_intents_is_the_bots_exception(answer: Any) -> None:
    stage = _started(answer)
    stage.show(*_ticks(1))
    assert "BOT_ANSWER_NOT_VALID" in stage.host.health()["last_error"]


def test_a_call_that_never_stops_wanting_is_ended() -> None:
    def forever(ctx: BotContext, market: Market) -> Any:
        while True:
            yield BUY

    stage = _started(forever, settings=HostSettings(max_wishes_per_call=10))
    stage.show(*_ticks(1))
    assert len(stage.take()) == 10
    assert "BOT_WANTS_TOO_MUCH" in stage.host.health()["last_error"]


def test_events_tell_an_orders_life_and_repeated_reports_change_nothing() -> None:
    stage = _started([SELL])
    stage.show(*_ticks(1))
    reports: list[Report] = [
        stage.state(1, OrderStatus.OPEN, left=2),
        stage.fill(1, 1, fee="3.5"),
        stage.state(1, OrderStatus.PARTIAL, traded=1, left=1),
        stage.state(1, OrderStatus.CANCELLED, traded=1, reason="REMAINDER"),
    ]
    for report in [*reports, *reports]:
        stage.host.report(report)
    assert _bot(stage).told == ["ack 1", "fill 1", "cancel 1REMAINDER"]
    assert len(stage.host.orders) == 0
    market = stage.host.board["IF2501"]
    assert (market.position, stage.host.fills) == (-1, 1)
    assert market.pnl == pytest.approx(300 * (4500.4 - 4500.2) - 3.5)


class _Deaf(BotBase):
    """Buys once and hears of nothing."""

    def on_start(self) -> None:
        pass

    def on_tick(self, market: Market) -> Any:
        return None if market.orders or market.position else self.ctx.buy(market.symbol, 2, market.ask)


class _Hears(_Deaf):
    """Begins to listen when it starts."""

    def on_start(self) -> None:
        self.heard: list[BotEvent] = []
        self.on_event = self.heard.append  # type: ignore[assignment, method-assign]  # as a bot might


def test_a_bot_that_does_not_listen_is_counted_for_like_one_that_does() -> None:
    deaf, hears = (Stage(lambda ctx, kind=kind: kind({}, {}, ctx)) for kind in (_Deaf, _Hears))  # type: ignore[misc]  # bound now
    for stage in (deaf, hears):
        assert stage.host.start()
        stage.show(*_ticks(1))
        stage.host.report(stage.state(1, OrderStatus.OPEN, left=2))
        stage.host.report(stage.fill(1, 1))
        stage.host.report(stage.state(1, OrderStatus.CANCELLED, traded=1))
        stage.host.refuse(stage.order_id(2), "NOT_MINE")
        stage.host.stop("end")
    assert deaf.sent == hears.sent
    assert deaf.host.health() == hears.host.health()
    assert (deaf.host.fills, deaf.host.ctx.position("IF2501"), len(deaf.host.orders)) == (1, 1, 0)
    heard = hears.host.bot.heard  # type: ignore[attr-defined]  # the bot's own
    assert [event.kind for event in heard] == [EventKind.ACK, EventKind.FILL, EventKind.CANCEL]


def test_the_end_may_be_told_before_the_trades() -> None:
    stage = _started([SELL])
    stage.show(*_ticks(1))
    stage.host.report(stage.state(1, OrderStatus.FILLED, traded=2))
    assert len(stage.host.orders) == 1
    stage.host.report(stage.fill(1, 2))
    assert len(stage.host.orders) == 0
    assert stage.host.board["IF2501"].position == -2


def test_refused_and_doubtful_orders_are_told_and_doubt_goes_on_counting() -> None:
    stage = _started([BUY, SELL])
    stage.show(*_ticks(1))
    stage.host.refuse(stage.order_id(1), "POSITION_LIMIT", "too many")
    stage.host.doubt(stage.order_id(2), "TIMEOUT")
    assert _bot(stage).told == ["reject 1POSITION_LIMIT", "unknown 2TIMEOUT"]
    assert [order.sequence for order in stage.host.orders.values()] == [2]


def test_sessions_and_days_are_told() -> None:
    stage = _started()
    stage.host.session_phase("IF2501", SessionPhase.BREAK, DAY)
    stage.next_day()
    assert _bot(stage).told == ["phase", "day"]


def test_stop_sends_the_last_wishes_cancels_its_own_and_takes_nothing_after() -> None:
    stage = _started(BUY, BUY)
    stage.show(*_ticks(1))
    stage.host.stop("stop-command")
    stage.host.stop("again")
    stage.show(tick(22500, 22502, after_s=5))
    assert stage.take() == [(1, "BUY", "OPEN", 22501, 1), ("cancel", stage.order_id(1))]
    assert _bot(stage).told == ["stop stop-command"]
    assert stage.host.phase is Phase.STOPPED
    assert stage.host.ctx.buy("IF2501", 1, 4500).refused == "BOT_NOT_RUNNING"


def test_a_bot_that_cannot_start_is_never_called_and_one_that_cannot_be_made_is_refused() -> None:
    class Broken(Scripted):
        def on_start(self) -> None:
            raise RuntimeError("no market today")

    stage = Stage(lambda ctx: Broken({"answers": [BUY]}, {}, ctx))
    assert not stage.host.start()
    stage.show(*_ticks(2))
    assert (stage.host.phase, stage.take()) == (Phase.ERROR, [])

    def fall(ctx: BotContext) -> BotBase:
        raise KeyError("token")

    with pytest.raises(BotRefused) as refused:
        Stage(fall)
    assert refused.value.reason_code == "BOT_FAILED_TO_START"


def test_a_restarted_host_numbers_on_and_knows_what_its_former_life_left() -> None:
    former = _started(BUY)
    former.show(*_ticks(1))
    left = former.state(1, OrderStatus.OPEN, left=1).order
    stage = Stage(scripted(lambda ctx, market: ctx.cancel_all(), BUY), next_sequence=2)
    stage.host.adopt([left])
    stage.host.start()
    stage.show(*_ticks(2))
    assert stage.take() == [("cancel", stage.order_id(1)), (2, "BUY", "OPEN", 22501, 1)]


def test_old_ticks_and_strange_contracts_do_not_call_the_bot() -> None:
    stage = _started()
    stage.show(tick(22500, 22502, after_s=2), tick(22500, 22502, after_s=1))
    stage.host.tick(tick(1, 2, symbol="IH2501", after_s=3))
    assert stage.host.health()["ticks"] == 1
