"""The verdict: how many intents met which fate, what was found, and both as a table for people and as JSON."""

import json
from collections import Counter
from dataclasses import asdict, dataclass

from tradepit.verify.fates import FATES
from tradepit.verify.findings import Finding, Kind

_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Verdict:
    """Figures are of intents unless they say otherwise.

    ``fates`` counts intents by fate, ``codes`` the refusals and rejections by code; ``cancelled_with_trades`` are those
    CANCELLED or EXPIRED that traded a part. ``in_flight`` intents were on their way when the journals end.
    ``fills_ours`` and ``fills_venue`` count lots of all fills (both sides) that both journals cover. ``stale_commands`` of former
    leaders reached the exchange. ``entries`` per journal.
    """

    intents: int
    fates: dict[str, int]
    codes: dict[str, int]
    cancelled_with_trades: int
    in_flight: int
    fills_ours: int
    fills_venue: int
    stale_commands: int
    epochs: int
    entries: dict[str, int]
    findings: tuple[Finding, ...]

    def count(self, kind: Kind) -> int:
        """How many findings of a kind."""
        return sum(finding.kind is kind for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """0 when nothing was found, else 1. (2, cannot read, is UnreadableError's.)"""
        return 1 if self.findings else 0

    @property
    def summary(self) -> str:
        """The line everything ends with."""
        lost, twice, strange = (self.count(kind) for kind in (Kind.LOST, Kind.DUPLICATED, Kind.UNEXPLAINED))
        return f"lost {lost} · duplicated {twice} · unexplained {strange} (n = {self.intents})"


def render(verdict: Verdict) -> str:
    """The verdict as text: fates, fills, findings with evidence (the first 50 of each code), the summary as last line."""
    lines = ["fate              intents"]
    lines += [f"{fate:<15}{verdict.fates.get(fate, 0):>10}" for fate in FATES]
    ranked = sorted(verdict.codes.items(), key=lambda item: (-item[1], item[0]))
    lines += [f"  {code:<30}{count:>8}" for code, count in ranked]
    equal = "=" if verdict.fills_ours == verdict.fills_venue else "≠"
    lines += [
        f"cancelled or expired with a part traded: {verdict.cancelled_with_trades}",
        f"fills ours {verdict.fills_ours} lots {equal} fills venue {verdict.fills_venue} lots",
        f"in flight {verdict.in_flight} · terms {verdict.epochs} · stale commands refused or void {verdict.stale_commands}",
        "entries " + " · ".join(f"{name} {count}" for name, count in verdict.entries.items()),
    ]
    shown: Counter[str] = Counter()
    for finding in verdict.findings:
        shown[finding.code] += 1
        if shown[finding.code] <= _SHOWN:
            lines.append(_line(finding))
    lines += [f"… {count - _SHOWN} more {code}" for code, count in shown.items() if count > _SHOWN]
    return "\n".join([*lines, verdict.summary])


def to_json(verdict: Verdict) -> str:
    """Everything, as one JSON object; ``lost``, ``duplicated``, ``unexplained`` and ``exit_code`` beside the fields."""
    body = asdict(verdict)
    for finding in body["findings"]:
        finding["account"], finding["client_order_id"] = finding.pop("key")
    counts = {kind.lower(): verdict.count(kind) for kind in Kind}
    return json.dumps({**counts, "exit_code": verdict.exit_code, **body, "summary": verdict.summary}, ensure_ascii=False)


def _line(finding: Finding) -> str:
    name = "/".join(part for part in finding.key if part) or "-"
    evidence = f" [{', '.join(finding.evidence)}]" if finding.evidence else ""
    return f"{finding.kind:<12}{finding.code:<22}{name}  {finding.text}{evidence}"
