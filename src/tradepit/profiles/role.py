"""A row of a profile: a role, how many instances it has, and which of them share a process."""

import msgspec

from tradepit.ports.bus import Channel


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """``replicas`` instances named ``<role>-1`` …; ``process`` is a format of ``{n}``: equal names share a process.

    ``consumes`` and ``publishes`` are channels of the wire contract; ``serves`` are RPC methods on ``rpc.<role>.<method>``.
    A role ``on_request`` is started by whoever wants it; a house that is started whole does without. One ``with_store`` is started
    with a house whose settings name a store.
    """

    name: str
    replicas: int
    process: str
    purpose: str
    consumes: tuple[Channel, ...] = ()
    publishes: tuple[Channel, ...] = ()
    serves: tuple[str, ...] = ()
    on_request: bool = False
    with_store: bool = False

    def instances(self) -> list[str]:
        """The ids of the role's instances."""
        return [f"{self.name}-{number}" for number in range(1, self.replicas + 1)]

    def process_of(self, number: int) -> str:
        """The name of the process in which instance ``number`` (from 1) lives."""
        return self.process.format(n=number)
