"""With ample liquidity an algorithm keeps within one slice of its plan and ends exactly; in a thin market it keeps its share."""

from collections.abc import Iterator
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tradepit.trading.algos.actions import Finished, SendChild
from tradepit.trading.algos.params import SECOND_NS, AlgoParams
from tradepit.trading.algos.state import AlgoState, on_order, on_trade, start
from tradepit.trading.algos.status import AlgoStatus
from tradepit.trading.algos.step import step
from tradepit.trading.algos.trading_time import elapsed_ns
from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, Side
from tradepit.trading.model.tick import Level, Tick
from tradepit.trading.model.trade import Trade

T0 = 1_700_000_000 * SECOND_NS
BREAK = (T0 + 17 * SECOND_NS, T0 + 60 * SECOND_NS)
WINDOWS = ((T0, BREAK[0]), (BREAK[1], T0 + 7200 * SECOND_NS))


def make_params(total: int, slices: int, **changes: object) -> AlgoParams:
    fields: dict[str, object] = {
        "algo": "TWAP",
        "algo_id": "algo-7",
        "account": "a",
        "symbol": "IF2501",
        "exchange": Exchange.CFFEX,
        "side": Side.BUY,
        "offset": Offset.OPEN,
        "total_lots": total,
        "start_ns": T0,
        "windows": WINDOWS,
        "duration_ns": slices * 3 * SECOND_NS,
    }
    return AlgoParams(**(fields | changes))  # type: ignore[arg-type]  # a factory for tests takes any field


def make_tick(now_ns: int, volume: int) -> Tick:
    return Tick(
        symbol="IF2501",
        exchange=Exchange.CFFEX,
        time_ns=now_ns,
        trading_day=20250102,
        last_ticks=1000,
        volume_lots=volume,
        turnover=Decimal(0),
        open_interest=0,
        open_ticks=0,
        high_ticks=0,
        low_ticks=0,
        upper_limit_ticks=2000,
        lower_limit_ticks=1,
        pre_close_ticks=0,
        pre_settlement=Decimal(1000),
        bids=(Level(999, 500),),
        asks=(Level(1001, 500),),
    )


def play(state: AlgoState, slices: int, volume_per_tick: int) -> Iterator[tuple[int, list[SendChild]]]:
    """Snapshots every half second, every child filled at once; yields trading time and the children sent."""
    number = 0
    for half_second in range(2 * (3 * slices + 44) + 2):
        now = T0 + half_second * SECOND_NS // 2
        actions = step(state, now, make_tick(now, half_second * volume_per_tick))
        sends = [action for action in actions if isinstance(action, SendChild)]
        for send in sends:
            number += 1
            intent = send.intent(state.params)
            on_order(state, Order(intent=intent, status=OrderStatus.FILLED, traded_lots=send.lots))
            on_trade(
                state,
                Trade(
                    trade_id=f"t{number}",
                    order_id="",
                    client_order_id=send.client_order_id,
                    account="a",
                    symbol="IF2501",
                    exchange=Exchange.CFFEX,
                    side=intent.side,
                    offset=intent.offset,
                    price_ticks=send.price_ticks,
                    volume_lots=send.lots,
                    time_ns=now,
                    trading_day=20250102,
                ),
            )
        assert len(sends) <= 1
        assert not (sends and BREAK[0] <= now < BREAK[1])
        yield elapsed_ns(WINDOWS, T0, now), sends
        if any(isinstance(action, Finished) for action in actions):
            return


@settings(max_examples=60, deadline=None)
@given(total=st.integers(1, 400), slices=st.integers(1, 25))
def test_twap_stays_within_one_slice_of_the_straight_line(total: int, slices: int) -> None:
    params = make_params(total, slices)
    state = start(params)
    even = total / slices
    for elapsed, _ in play(state, slices, 0):
        line = total * min(1.0, elapsed / params.duration_ns)
        assert abs(state.filled - line) <= even + 1
    assert (state.status, state.filled) == (AlgoStatus.FINISHED, total)


@settings(max_examples=60, deadline=None)
@given(total=st.integers(1, 400), slices=st.integers(1, 25), share=st.integers(0, 5000), seed=st.integers(0, 99))
def test_randomised_twap_still_ends_exactly(total: int, slices: int, share: int, seed: int) -> None:
    state = start(make_params(total, slices, randomise_bps=share, jitter_bps=share, seed=seed))
    for elapsed, _ in play(state, slices, 0):
        line = total * min(1.0, elapsed / state.params.duration_ns)
        assert abs(state.filled - line) <= (total / slices) * 1.5 + 1
    assert (state.status, state.filled) == (AlgoStatus.FINISHED, total)


@settings(max_examples=60, deadline=None)
@given(total=st.integers(1, 400), parts=st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(any))
def test_vwap_stays_within_one_slice_of_its_curve(total: int, parts: list[int]) -> None:
    curve = tuple(sum(parts[: number + 1]) for number in range(len(parts)))
    slices = len(parts)
    state = start(make_params(total, slices, algo="VWAP", curve=curve))
    whole = curve[-1]
    for elapsed, _ in play(state, slices, 0):
        done = min(slices - 1, elapsed // (3 * SECOND_NS))
        low, high = (total * level / whole for level in ((0, *curve)[done], curve[done]))
        assert low - 1 <= state.filled <= high + 1
    assert (state.status, state.filled) == (AlgoStatus.FINISHED, total)


@settings(max_examples=60, deadline=None)
@given(total=st.integers(1, 400), slices=st.integers(2, 25), volume=st.integers(0, 60), share=st.integers(1, 5000))
def test_a_thin_market_is_never_asked_for_more_than_the_share(total: int, slices: int, volume: int, share: int) -> None:
    for algo in ("TWAP", "VWAP"):
        state = start(make_params(total, slices, algo=algo, participation_bps=share))
        for elapsed, _ in play(state, slices, volume):
            now_volume = volume * (2 * elapsed // SECOND_NS + 2 * 43 * (elapsed >= 17 * SECOND_NS))
            assert state.filled * 10_000 <= now_volume * share
        assert state.status is AlgoStatus.FINISHED
        assert state.filled <= total
