"""The page of the errors: the one tree, and every stable code a client, an operator or the verifier can meet."""

from functools import cache

from generator.source import codes, constants, trees
from generator.text import code, doc, first_sentence, table
from tradepit.cli.exits import Exit
from tradepit.runtime.order_client import _RETRIED
from tradepit.trading.model import errors
from tradepit.trading.model.errors import TradepitError

_INTRO = f"""# Errors

A refused request is answered with `{{"success": false, "error": CODE, "message": …, "details": {{…}}}}`. Codes are stable;
sentences may change. These settle nothing, so ask again with the same id: {", ".join(map(code, sorted(_RETRIED)))}. Every
other one is final. `OUTCOME_UNKNOWN` never means that the order failed: see
[unknown is not rejected](../explanation/unknown-is-not-rejected.md). What the findings of the verifier mean is told with the
[journals](journals.md#findings).
"""
_REFUSALS = ("RiskRefused", "VenueRefused", "RecordingRefused")


def page() -> str:
    """The page."""
    tree = doc(errors).partition("TradepitError")[0].strip()
    parts = [_INTRO, "## The tree", tree, _tree()]
    review = _of(("trading/risk/rules.py", "trading/risk/review.py"), "Refused")
    others = ", ".join(map(code, sorted(review)))
    parts += ["## Codes of the risk review", f"Those of [the rules](risk-rules.md), and {others}."]
    for title, intro, found in _sections():
        parts += [f"## {title}", intro, _codes(found)]
    parts += ["## Exit codes of the command line", doc(Exit)]
    return "\n\n".join(parts)


def _codes(found: dict[str, str]) -> str:
    """A table where sentences go with the codes, else a list."""
    if any(found.values()):
        return table(("code", "what it says"), [(code(name), found[name]) for name in sorted(found)])
    return ", ".join(map(code, sorted(found)))


def _tree() -> str:
    rows = []

    def walk(kind: type[TradepitError], depth: int) -> None:
        if not kind.__name__.startswith("_"):
            rows.append(("&nbsp;" * 4 * depth + code(kind.__name__), code(kind.code), first_sentence(kind)))
        for child in kind.__subclasses__():
            if child.__module__ == errors.__name__:
                walk(child, depth + (not kind.__name__.startswith("_")))

    walk(TradepitError, 0)
    return table(("error", "code", "meaning"), rows)


def _sections() -> list[tuple[str, str, dict[str, str]]]:
    return [
        (
            "Codes of the exchange",
            "Refusals of the exchange and of the intake of orders, beside those of the tree; an order that ended says why in `reason`.",
            _of(("trading/matching/*.py", "trading/ledger/*.py", "services/gateway_*.py", "services/broker_doors.py"), *_REFUSALS)
            | _reasons(),
        ),
        (
            "Codes of algorithm orders",
            "What order management says about an algorithm's children, whatever a worker believes.",
            _of(("services/algo_guard.py", "services/order_algos.py"), *_REFUSALS),
        ),
        (
            "Codes of recordings",
            "Why a file of recorded ticks, or one of its rows, cannot be played. Each refused row is counted under its code.",
            dict.fromkeys(_of(("runtime/tick_parquet.py", "cli/recording.py"), *_REFUSALS) | _rows(), ""),
        ),
        (
            "Codes of bots",
            "Why a bot, its parameters or what it asks for cannot be used; `tradepit bot check` finds most of them before it trades.",
            _of(("bots/**/*.py", "cli/bot_*.py", "services/bot_runner.py"), "BotRefused", "Finding"),
        ),
        ("Findings of the verifier: LOST", "Somebody was promised something that is nowhere.", _findings("lost")),
        ("Findings of the verifier: DUPLICATED", "Something happened twice.", _findings("duplicated")),
        (
            "Findings of the verifier: UNEXPLAINED",
            "Two witnesses contradict each other, or something happened without a cause.",
            _findings("unexplained"),
        ),
    ]


def _of(patterns: tuple[str, ...], *names: str) -> dict[str, str]:
    found: dict[str, str] = {}
    known = _known()
    for _, tree in trees(*patterns):
        for name, said in codes(tree, known, *names).items():
            found[name] = found.get(name) or said
    return found


def _rows() -> dict[str, str]:
    """Codes of single rows: the second argument of what makes them."""
    found: dict[str, str] = {}
    for _, tree in trees("runtime/tick_*.py"):
        found |= dict.fromkeys(codes(tree, constants(tree), "_fault", "_refused", at=1), "")
    return found


def _reasons() -> dict[str, str]:
    """Reasons of orders that were taken and ended: the constants of the modules that end them (all described: KeyError)."""
    words = {
        "SELF_TRADE": "The rest of the order would have traded with an own order.",
        "NOT_FILLABLE": "A FOK or MOK order could not trade in full.",
        "NO_OPPOSITE": "An MTL order found no order on the other side whose price it could take.",
        "REMAINDER": "What a FAK, MAK or market order left, or an ATO or ATC order when its auction had been matched.",
        "NOT_SENT": "The order was asked about before it arrived, and voided: it never traded and never will.",
        "DAY_ENDED": "The trading day of the contract is over.",
    }
    known: set[str] = set()
    for _, tree in trees("trading/matching/venue_matching.py", "trading/matching/venue_orders.py"):
        known |= {text for text in constants(tree).values() if text.isupper()}
    return {name: words[name] for name in sorted(known)}


def _findings(kind: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for _, tree in trees("verify/*.py"):
        for name in codes(tree, constants(tree), kind):
            found[name] = ""
    return found


@cache
def _known() -> dict[str, str]:
    known: dict[str, str] = {}
    for _, tree in trees("trading/**/*.py", "services/gateway_*.py"):
        known |= constants(tree)
    return {name: text for name, text in known.items() if text.isupper()}
