"""The fault seam: what can go wrong between a client and the exchange, drawn from a seeded dice, off by default."""

import random
from collections.abc import Sequence
from typing import Annotated, TypeVar

import msgspec

Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Milliseconds = Annotated[int, msgspec.Meta(ge=1, le=600_000)]

T = TypeVar("T")


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often something goes wrong: surely the ``count`` next times, then each time with ``probability`` (0 to 1)."""

    probability: Probability = 0.0
    count: Count = 0


class FaultPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes wrong. The default plan is that nothing does.

    Per order, cancel and reduction: ``lose_ack`` (done, but no answer leaves), ``delay_ack`` (the answer leaves ``delay_ms``
    later), ``disconnect`` (done, no answer leaves, and the gateway is unreachable for ``disconnect_ms``), ``rate_limit`` (refused
    with ORDER_FREQ_LIMIT, nothing happened). Per report: ``duplicate`` (told twice), ``reorder`` (told after the next one).
    ``seed`` makes the draws repeatable.
    """

    lose_ack: Fault = Fault()
    delay_ack: Fault = Fault()
    delay_ms: Milliseconds = 1_000
    duplicate: Fault = Fault()
    reorder: Fault = Fault()
    disconnect: Fault = Fault()
    disconnect_ms: Milliseconds = 1_000
    rate_limit: Fault = Fault()
    seed: int = 0


class Mishap(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to one command: is it refused, is its answer lost, how late does it leave, how long is the line cut."""

    rate_limited: bool = False
    lost: bool = False
    delay_ms: int = 0
    disconnect_ms: int = 0


NO_MISHAP = Mishap()


def worst_of(mishaps: Sequence[Mishap]) -> Mishap:
    """What happens to commands that are answered together: an answer lost or late takes the others with it."""
    if all(mishap is NO_MISHAP for mishap in mishaps):
        return NO_MISHAP
    return Mishap(
        lost=any(mishap.lost for mishap in mishaps),
        delay_ms=max(mishap.delay_ms for mishap in mishaps),
        disconnect_ms=max(mishap.disconnect_ms for mishap in mishaps),
    )


class FaultDice:
    """Draws faults by a plan. Mutable: counts run down and ``injected`` counts what was drawn, by kind."""

    def __init__(self, plan: FaultPlan) -> None:
        self.plan = plan
        self.off = plan == FaultPlan(seed=plan.seed, delay_ms=plan.delay_ms, disconnect_ms=plan.disconnect_ms)
        self.injected: dict[str, int] = {}
        self._left: dict[str, int] = {}
        self._chance = random.Random(plan.seed)  # noqa: S311 - repeatable play, not a secret

    def for_command(self) -> Mishap:
        """The fate of the next command. A refused one meets no other mishap."""
        if self.off:
            return NO_MISHAP
        if self._hits("rate_limit", self.plan.rate_limit):
            return Mishap(rate_limited=True)
        return Mishap(
            lost=self._hits("lose_ack", self.plan.lose_ack),
            delay_ms=self.plan.delay_ms if self._hits("delay_ack", self.plan.delay_ack) else 0,
            disconnect_ms=self.plan.disconnect_ms if self._hits("disconnect", self.plan.disconnect) else 0,
        )

    def arrange(self, reports: Sequence[T]) -> list[T]:
        """``reports`` in the order in which they are told: some twice, some after their successor. None is left out."""
        if self.off:
            return list(reports)
        told: list[T] = []
        held: list[T] = []
        for number, report in enumerate(reports, start=1):
            twice = self._hits("duplicate", self.plan.duplicate)
            if not held and number < len(reports) and self._hits("reorder", self.plan.reorder):
                held = [report] * (1 + twice)
                continue
            told += [report] * (1 + twice)
            told += held
            held = []
        return told

    def _hits(self, kind: str, fault: Fault) -> bool:
        left = self._left.get(kind, fault.count)
        if left > 0:
            self._left[kind] = left - 1
        elif not (fault.probability and self._chance.random() < fault.probability):
            return False
        self.injected[kind] = self.injected.get(kind, 0) + 1
        return True
