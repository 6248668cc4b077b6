"""``tradepit bench scale``: what a bot costs when there are 1, 10, 100 and 1,000 of them in one process."""

import msgspec

from tradepit.cli.bench.bots import measure as measure_bots
from tradepit.cli.proof import Proof

_COUNTS = (1, 10, 100, 1_000)
_MOST_ACCOUNTS = 20
# So that a thousand bots are a load that the house can carry: what is measured is the bots.
_ORDERS_S = 20.0


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One number of bots. The runner's processor time and memory are by bot; each sees two ticks a second."""

    bots: int
    intents_per_s: float
    exchange_p99_ms: float
    runner_cpu_percent: float
    cpu_ms_per_bot_s: float
    rss_kb_per_bot: float
    unanswered: int


class ScaleResult(msgspec.Struct, frozen=True, kw_only=True):
    """``marginal_cpu_ms_per_bot_s`` and ``marginal_rss_kb_per_bot``: what each bot beyond the tenth costs, with a hundred and with a
    thousand; where they are alike the cost is linear. ``proof`` is of the last house, ``clean`` of all.
    """

    steps: dict[str, Step]
    marginal_cpu_ms_per_bot_s: dict[str, float]
    marginal_rss_kb_per_bot: dict[str, float]
    clean: bool
    proof: Proof


def measure(*, seconds: float) -> ScaleResult:
    """A house of its own for each number of bots, measured ``seconds`` each. Ends by itself."""
    results = {
        count: measure_bots(
            bots=count,
            accounts=min(count, _MOST_ACCOUNTS),
            seconds=seconds,
            orders_per_bot_s=min(1.0, _ORDERS_S / count),
        )
        for count in _COUNTS
    }
    cpu = {count: result.cpu_ms_per_bot_s * count for count, result in results.items()}
    rss = {count: result.rss_kb_per_bot * count for count, result in results.items()}
    base = _COUNTS[1]
    return ScaleResult(
        steps={
            str(count): Step(
                bots=count,
                intents_per_s=result.intents_per_s,
                exchange_p99_ms=result.intent_to_exchange.p99,
                runner_cpu_percent=round(cpu[count] / 10, 1),
                cpu_ms_per_bot_s=result.cpu_ms_per_bot_s,
                rss_kb_per_bot=result.rss_kb_per_bot,
                unanswered=result.unanswered,
            )
            for count, result in results.items()
        },
        marginal_cpu_ms_per_bot_s={str(n): round((cpu[n] - cpu[base]) / (n - base), 3) for n in _COUNTS if n > base},
        marginal_rss_kb_per_bot={str(n): round((rss[n] - rss[base]) / (n - base), 1) for n in _COUNTS if n > base},
        clean=all(result.proof.clean and not result.unanswered for result in results.values()),
        proof=results[_COUNTS[-1]].proof,
    )
