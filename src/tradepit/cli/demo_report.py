"""What the demo has shown, and its last line."""

import msgspec

from tradepit.cli.demo_door import Door
from tradepit.cli.proof import Proof
from tradepit.cli.recording_comparison import Comparison


class DemoReport(msgspec.Struct, frozen=True, kw_only=True):
    """Figures seen from outside, what was done to the house, and the verifier's proof (None before it was made).

    ``recording`` compares the recorder's copy with the recording that was played, ``market_data`` says what became of its ticks.
    ``diff_front`` is where TqSDK could trade; None in a demo without that.
    ``first_trade_s`` counts from the start of the first process. ``revived``: starts after a death, by process.
    """

    seconds: float
    first_trade_s: float | None
    ticks: int
    orders: int
    trades: int
    acts: tuple[str, ...]
    revived: dict[str, int]
    epoch: int
    market_data: dict[str, str | int | float | bool] = {}
    diff_front: Door | None = None
    recording: Comparison | None = None
    proof: Proof | None = None

    @property
    def clean(self) -> bool:
        """True when the verifier found nothing, and a recording that was played came out of the recorder as it went in."""
        return self.proof is not None and self.proof.clean and (self.recording is None or self.recording.equal)


def render(report: DemoReport) -> str:
    """The report as text; the last line is the verdict."""
    lines = [
        (
            f"{report.seconds:.0f} s · first trade after {report.first_trade_s} s · {report.ticks} ticks · "
            f"{report.orders} orders · {report.trades} trades · epoch {report.epoch}"
        ),
        *(f"  {act}" for act in report.acts),
    ]
    if report.diff_front is not None and report.diff_front.orders:
        lines.append(f"  TqSDK: {report.diff_front.orders} orders")
    if report.revived:
        lines.append("  started again: " + ", ".join(f"{name} ×{count}" for name, count in report.revived.items()))
    if report.recording is not None:
        told = report.recording
        lines.append("  " + " · ".join(f"{name} {figure}" for name, figure in report.market_data.items()))
        lines.append(f"  recorded {told.copied} of {told.rows} ticks, copy {'equal' if told.equal else 'NOT EQUAL'}")
    if report.proof is not None:
        lines.extend(report.proof.findings[:20])
        lines.append(report.proof.line)
    return "\n".join(lines)
