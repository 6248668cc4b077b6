"""What the process tells of its quotes: nothing unasked, all there is at first, then what changed, not more than every 50 ms."""

from types import SimpleNamespace
from typing import Any

from tradepit.backends.broker.tqsdk.frames import Ticks
from tradepit.backends.broker.tqsdk.ticks import TickTeller
from tradepit.runtime.clock import ManualClock

PAUSE_NS = 50_000_000


def quote(last: float = 3500.0, *, datetime: str = "2025-01-06 10:00:00.500000") -> Any:
    nan = float("nan")
    book = {f"{side}_{what}{place}": nan for side in ("bid", "ask") for what in ("price", "volume") for place in range(1, 6)}
    book |= {
        "bid_price1": last - 1,
        "bid_volume1": 3,
        "ask_price1": last + 1,
        "ask_volume1": 4,
        "ask_price2": last + 2,
        "ask_volume2": 1,
    }
    return SimpleNamespace(
        datetime=datetime, price_tick=1.0, last_price=last, volume=10, amount=35_000.0, open_interest=5, open=nan, highest=last,
        lowest=last, upper_limit=4000.0, lower_limit=3000.0, pre_close=3490.0, pre_settlement=3495.5, **book,
    )  # fmt: skip


class Scene:
    """A teller, its quotes, and what it told."""

    def __init__(self) -> None:
        self.clock = ManualClock(1)
        self.quotes: dict[str, Any] = {"SHFE.rb2505": quote(), "SHFE.hc2505": quote(3600.0), "SHFE.wr2505": quote(datetime="")}
        self.told: list[Ticks] = []
        self.teller = TickTeller(self.quotes, self.told.append, self.clock)

    def look(self, *, changed: bool = True) -> list[tuple[str, float]]:
        """What one look tells."""
        self.told.clear()
        self.teller.look(changed=changed)
        return [(tick.symbol, tick.last) for frame in self.told for tick in frame.ticks]

    def wait(self, ns: int = PAUSE_NS) -> None:
        self.clock.advance_to(self.clock.now_ns() + ns)


def test_nothing_is_told_unasked() -> None:
    scene = Scene()
    scene.wait()
    assert scene.look() == []
    assert scene.teller.due_s > 60


def test_all_there_is_and_then_what_changed() -> None:
    scene = Scene()
    scene.teller.begin()
    # A contract that has no market yet is not told, and is once it has one.
    assert scene.look(changed=False) == [("SHFE.rb2505", 3500.0), ("SHFE.hc2505", 3600.0)]
    scene.wait()
    assert scene.look() == []
    scene.quotes["SHFE.wr2505"] = quote(3700.0)
    scene.quotes["SHFE.hc2505"].ask_volume2 = 7
    scene.wait()
    assert scene.look() == [("SHFE.hc2505", 3600.0), ("SHFE.wr2505", 3700.0)]
    scene.teller.begin()
    assert len(scene.look(changed=False)) == 3


def test_what_comes_too_soon_is_told_a_moment_later_and_only_as_it_is_then() -> None:
    scene = Scene()
    scene.teller.begin()
    scene.look()
    for price in (3501.0, 3502.0):
        scene.quotes["SHFE.rb2505"].last_price = price
        assert scene.look() == []
    assert 0 < scene.teller.due_s <= 0.05
    scene.wait()
    assert scene.look(changed=False) == [("SHFE.rb2505", 3502.0)]
    assert scene.teller.due_s > 60
