"""Members of an enumeration kept on its class, so that naming one is a plain attribute's cost."""

from enum import Enum
from typing import TypeVar

_Kind = TypeVar("_Kind", bound=type[Enum])


def at_hand(kind: _Kind) -> _Kind:
    """The enumeration itself. Python 3.11 finds ``Side.BUY`` through a descriptor, at the price of several dict lookups; later
    versions keep members on the class, as this does. Worth it for what is named in every review and every match.
    """
    for name, member in kind.__members__.items():
        # The enumeration's own __setattr__ refuses to bind a member anew, even to itself.
        type.__setattr__(kind, name, member)
    return kind
