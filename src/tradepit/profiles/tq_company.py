"""The broker connect's roles in company: in which order those of one process start and stop, and whose login they have."""

from collections.abc import Sequence

from tradepit.profiles import tq, tq_flat

_ROWS = tuple(dict.fromkeys(role.name for role in (tq_flat.ROLES[0], *tq.ROLES)))


def in_starting_order(instances: Sequence[str]) -> list[str]:
    """Who keeps starts before who tells, and who takes requests starts last.

    A process stops the other way round, which is the document's order: no more requests, no more looks at the broker, its
    connection closed, then rows and keys.
    """
    return sorted(instances, key=lambda instance: -_ROWS.index(role_of(instance)))


def login_of(instances: Sequence[str]) -> str:
    """The name of a process's login: that of the role in it which the profile lists first, whoever lives with it; else empty.

    So who sends orders finds what it has sent before, in whatever company it is started again.
    """
    return min((role for role in map(role_of, instances) if role in _ROWS), key=_ROWS.index, default="")


def role_of(instance: str) -> str:
    """The role of an instance: ``tq_order_submitter`` of ``tq_order_submitter-1``."""
    return instance.rpartition("-")[0]
