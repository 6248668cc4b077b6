"""What goes on beside the writing of records: each sideline works by itself, and says how far it has come."""

from collections.abc import Callable
from typing import Protocol

from tradepit.services.queue_worker import Figures
from tradepit.trading.records.record_fold import RecordFold


class Sideline(Protocol):
    """A task beside the journal's telling. It fails nobody: what it cannot do now it does later."""

    @property
    def name(self) -> str:
        """What it is called in logs."""

    async def start(self, fold: Callable[[], RecordFold]) -> None:
        """Begin to listen; ``fold`` is what is known of the journal."""

    async def run(self) -> None:
        """Work until cancelled."""

    async def stop(self) -> None:
        """Listen no more. Idempotent."""

    def figures(self) -> Figures:
        """Progress."""
