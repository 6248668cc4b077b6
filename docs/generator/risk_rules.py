"""The page of the risk rules: in the order they are asked, with limits, defaults and codes."""

import sys
from pathlib import Path

import msgspec

from generator.source import calls, constants, text_of, trees
from generator.text import code, doc, fields, table
from tradepit.trading.risk.rule import Rule
from tradepit.trading.risk.rules import RULES

_INTRO = """# Risk rules

Every order is reviewed by these rules, in this order; the first refusal is the answer, with the rule, the limit and the value
that broke it. Limits are set under `orders.risk` by the rule's name; a rule not mentioned has its defaults, `false`
switches one off:

```yaml
orders:
  risk:
    rate: {orders_per_s: 50, order_burst: 100}
    daily_loss: {max_loss: "200000"}
    freshness: {instant_required: true}
    session_phase: false
```

Limits of ours never stand in the way of an order that strictly reduces exposure (column *spares reducing*); facts do. No rule
ever blocks a cancel. Limits can also be set for scopes: `global` changes the configured ones field by field; `account:`, `bot:`,
`symbol:` and `reference:` only tighten them, because an order must pass the limits of every scope it falls under: **the
strictest wins**. What is judged stays the account's. `rate`, whose buckets belong to an account or a bot, takes the smaller
number of each. A rule whose settings are not valid, or that fails while it is asked, refuses with `RULE_FAILED`: it fails
closed.
"""


def page() -> str:
    """The page."""
    rows = [
        (number, code(rule.name), _told(rule), "yes" if rule.spares_reducing else "no", ", ".join(map(code, codes_of(rule))))
        for number, rule in enumerate(RULES, start=1)
    ]
    parts = [_INTRO, table(("", "rule", "what it is for", "spares reducing", "codes"), rows)]
    for rule in RULES:
        limits = fields(rule) if msgspec.structs.fields(rule) else "No settings."
        parts += [f"## `{rule.name}`", _told(rule), doc(rule), limits]
    return "\n\n".join(parts)


def codes_of(rule: type[Rule]) -> list[str]:
    """The codes a rule refuses with, read from its module."""
    stem = rule.__module__.rpartition(".")[2]
    [(_, tree)] = trees(f"trading/risk/{stem}.py")
    known = constants(tree)
    found = [text_of(call.args[0], known) for call in calls(tree, "refuse") if call.args]
    if not all(found):
        # A code that depends on the case is assigned to a name first: take every text in capitals that is given to it.
        found = [each for each in found if each] + _assigned(rule)
    return sorted(set(found))


def _assigned(rule: type[Rule]) -> list[str]:
    source = Path(sys.modules[rule.__module__].__file__ or "").read_text(encoding="utf-8")
    words = source.split('"')[1::2]
    return [word for word in words if word.isupper() and "_" in word and " " not in word]


def _told(rule: type[Rule]) -> str:
    return doc(sys.modules[rule.__module__])
