"""Members of an enumeration kept on its class, so that naming one is a plain attribute's cost."""

from enum import Enum
from typing import TypeVar

_Kind = TypeVar("_Kind", bound=type[Enum])


def at_hand(kind: _Kind) -> _Kind:
    """The enumeration itself. Python 3.11 finds ``Side.BUY`` through a descriptor, at the price of several dict lookups; later
    versions keep members on the class, as this does. It is a look into a class nevertheless, and thirty times what a module's own
    name costs: where members are named for each order or tick, the module has names for them (``_BUY = Side.BUY``).
    """
    for name, member in kind.__members__.items():
        # The enumeration's own __setattr__ refuses to bind a member anew, even to itself.
        type.__setattr__(kind, name, member)
    return kind
