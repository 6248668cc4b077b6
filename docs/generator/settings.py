"""The settings page: the whole tree with its defaults, section by section."""

from typing import get_args

import msgspec
import yaml

from generator.text import code, default, doc, kind, table
from tradepit.bots.live.settings import BotRow
from tradepit.config import AccountSettings, ContractSettings, Settings, TqAccountSettings, dump
from tradepit.runtime.ssi_settings import SsiAccountSettings
from tradepit.services.trading_agents import AgentRow

_INTRO = """# Settings

One tree of values from a YAML file (`--config FILE`), with environment variables laid over it:
`TRADEPIT_<KEY>__<KEY>=value`, for example `TRADEPIT_ORDERS__DEFAULT_ACCOUNT=B7` or `TRADEPIT_MONITOR__PORT=0`. A
value is text, read as its setting needs it; lists and mappings are written as in YAML, `[a, b]`. A key nobody knows,
or a value out of range, stops the process at start with `CONFIG_INVALID`. A house that was started by `tradepit demo`
writes the settings it runs with to `settings.yaml` in its folder, and to `.tradepit/running.yaml` in the current
folder while it runs: commands without `--config` use that file.

All settings with their defaults (limits of the risk rules, `orders.risk`, are on their [own page](risk-rules.md)):
"""
_ROWS: dict[str, type[msgspec.Struct]] = {
    "tq.accounts": TqAccountSettings,
    "ssi.accounts": SsiAccountSettings,
    "exchange.contracts": ContractSettings,
    "exchange.accounts": AccountSettings,
    "agents.rows": AgentRow,
    "bots.rows": BotRow,
}


def page() -> str:
    """The page."""
    tree = yaml.safe_load(dump(Settings()))
    parts = [_INTRO, "```yaml\n" + yaml.safe_dump(tree, sort_keys=False, allow_unicode=True) + "```"]
    grouped: dict[type[msgspec.Struct], list[str]] = {}
    for path, section in sections(Settings, ""):
        grouped.setdefault(section, []).append(path)
    for section, paths in grouped.items():
        title = ", ".join(map(code, paths)) if paths != [""] else "Top level"
        parts += [f"## {title}", doc(section), _fields(section)]
    return "\n\n".join(part for part in parts if part)


def sections(struct: type[msgspec.Struct], path: str) -> list[tuple[str, type[msgspec.Struct]]]:
    """Every section with its path, top down; rows of lists behind the section that holds them."""
    found = [(path, struct)]
    for field in msgspec.structs.fields(struct):
        name = f"{path}.{field.name}".lstrip(".")
        if _is_section(field.type):
            found += sections(field.type, name)
        elif name in _ROWS:
            found.append((f"{name}[]", _ROWS[name]))
    return found


def _fields(struct: type[msgspec.Struct]) -> str:
    rows = [
        (
            code(field.name),
            "section" if _is_section(field.type) else _kind(field.type),
            "" if _is_section(field.type) else default(field),
        )
        for field in msgspec.structs.fields(struct)
    ]
    return table(("key", "type", "default"), rows)


def _kind(annotation: object) -> str:
    rows = [inner for inner in get_args(annotation) if inner in _ROWS.values()]
    return "list of rows" if rows else kind(annotation)


def _is_section(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, msgspec.Struct)
