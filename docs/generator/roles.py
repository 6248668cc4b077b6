"""The page of the roles: what each profile runs, in which processes."""

import sys
from collections.abc import Sequence

from generator.text import code, doc, table
from tradepit.profiles import at_broker
from tradepit.profiles.catalogue import PROFILES, roles_of
from tradepit.profiles.role import Role

_INTRO = """# Roles

A profile is a table of roles. `tradepit roles --profile NAME` prints it; `tradepit run ROLE` or `tradepit run INSTANCE` runs one.
Instances with the same process share one process when the whole house is started by `tradepit demo`.
"""


def page() -> str:
    """The page."""
    parts = [_INTRO]
    for name, roles in PROFILES.items():
        module = sys.modules[f"tradepit.profiles.{name}"]
        rows = [(code(role.name), role.replicas, _processes(role), _purpose(role)) for role in roles]
        parts += [f"## Profile `{name}`", doc(module), table(("role", "instances", "process", "purpose"), rows)]
    rows = [(code(role.name), role.replicas, _processes(role), _purpose(role)) for role in roles_of("pit", "tqsdk")]
    parts += ["## Profile `pit` with a real broker", doc(at_broker), table(("role", "instances", "process", "purpose"), rows)]
    parts += ["## What each role reads, tells and answers", _channels()]
    return "\n\n".join(parts)


def duties(roles: Sequence[Role], called: str = "role") -> str:
    """A table of roles and their channels."""
    rows = [
        (
            code(role.name),
            role.purpose,
            ", ".join(code(channel.subject) for channel in role.consumes),
            ", ".join(code(channel.subject) for channel in role.publishes),
        )
        for role in roles
    ]
    return table((called, "purpose", "consumes", "publishes"), rows)


def _purpose(role: Role) -> str:
    return role.purpose + ("; started on request" if role.on_request else "")


def _processes(role: Role) -> str:
    return ", ".join(code(name) for name in dict.fromkeys(role.process_of(number) for number in range(1, role.replicas + 1)))


def _channels() -> str:
    rows = [
        (
            code(role.name),
            ", ".join(code(channel.subject) for channel in role.consumes),
            ", ".join(code(channel.subject) for channel in role.publishes),
            ", ".join(code(method) for method in role.serves),
        )
        for role in PROFILES["simulator"]
    ]
    return table(("role", "consumes", "publishes", "answers"), rows)
