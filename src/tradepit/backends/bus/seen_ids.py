"""The ids of messages a reader has had: what is published twice is handled once."""

from collections import OrderedDict


class SeenIds:
    """Remembers the ``most`` newest. A message without an id is always new."""

    def __init__(self, most: int = 65_536) -> None:
        self._most = most
        self._ids: OrderedDict[str, None] = OrderedDict()

    def repeats(self, identity: str) -> bool:
        """Whether this one was seen; from now on it is."""
        if not identity:
            return False
        if identity in self._ids:
            return True
        self._ids[identity] = None
        if len(self._ids) > self._most:
            self._ids.popitem(last=False)
        return False
