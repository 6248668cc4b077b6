"""The screen: it shows what the model holds, as text, whatever that text is."""

from io import StringIO

import pytest
from rich.console import Console
from rich.text import Text
from tests.step_clock import StepClock
from tests.unit.cli.test_watch_model import ORDER, TICK, TRADE, beat

from tradepit.cli.watch_model import Seen, WatchModel
from tradepit.cli.watch_view import draw, sparkline
from tradepit.wire.registry import ServiceInstance
from tradepit.wire.simulator import OrderData, TickData, TradeData
from tradepit.wire.simulator_codec import decode, encode


def shown(model: WatchModel, positions: list[dict[str, object]] | None = None) -> str:
    page = StringIO()
    console = Console(file=page, width=200, height=60, force_terminal=False)
    console.print(draw(model, title="pit", footer=Text("keys"), positions=positions or []))
    return page.getvalue()


def a_model(evil: str = "") -> WatchModel:
    model = WatchModel(StepClock())
    market = model.market(f"IF2501{evil}")
    market.tick = decode(encode(TICK | {"symbol": f"IF2501{evil}"}), TickData)
    market.prices.extend([1.0, 2.0, 3.0])
    model.trades.appendleft(decode(encode(TRADE | {"account": f"A1{evil}"}), TradeData))
    model.orders.appendleft(decode(encode(ORDER | {"reason": f"BECAUSE{evil}"}), OrderData))
    for name, status in (("order-management-1", "ACTIVE"), ("order-management-2", "STANDBY")):
        instance = decode(encode(beat(name, status, epoch=3)), ServiceInstance)
        model.instances[name] = Seen(instance=instance, at_ns=1)
    model.algos[f"twap-1{evil}"] = {"status": f"RUNNING{evil}", "filled": 3, "working": 1}
    return model


def test_everything_is_on_the_screen() -> None:
    page = shown(a_model(), [{"account": "A1", "symbol": "IF2501", "side": "BUY", "today_lots": 2, "yesterday_lots": 1}])
    for text in (
        "SIMULATION",
        "order-management-1",
        "epoch 3",
        "3900.2",
        "IF2501",
        "BECAUSE",
        "STANDBY",
        "RUNNING",
        "keys",
        "A1",
    ):
        assert text in page


def test_an_empty_house_is_drawn_too() -> None:
    model = WatchModel(StepClock())
    model.market("IF2501")
    page = shown(model)
    assert "none" in page
    assert "waiting for the first tick" in page


@pytest.mark.parametrize("evil", ["[/red]", "[bold", "[link=x]", "\\[", "[/]"])
def test_what_comes_over_the_bus_is_never_markup(evil: str) -> None:
    assert "IF2501" in shown(a_model(evil), [{"account": f"A{evil}", "symbol": evil, "side": evil}])


def test_silent_instances_are_called_silent() -> None:
    model = a_model()
    clock = model._clock
    assert isinstance(clock, StepClock)
    clock._mono_ns = 60_000_000_000
    assert "SILENT" in shown(model)


@pytest.mark.parametrize(
    ("values", "bars"), [([], ""), ([5.0], "▁"), ([1.0, 1.0], "▁▁"), ([0.0, 7.0], "▁█"), ([9.0, 0.0, 3.5, 7.0], "▁▄█")]
)
def test_a_sparkline_scales_what_it_shows(values: list[float], bars: str) -> None:
    assert sparkline(values, 3) == bars
