"""The life of an algorithm order."""

from enum import StrEnum


class AlgoStatus(StrEnum):
    """ACCEPTED until its start; RUNNING; PAUSED by a person; STOPPING while the last child is being settled; then over.

    ``FINISHED``: all traded, or the end was reached. ``STOPPED``: cancelled. ``FAILED``: its children were refused repeatedly.
    """

    ACCEPTED = "ACCEPTED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPING = "STOPPING"
    FINISHED = "FINISHED"
    STOPPED = "STOPPED"
    FAILED = "FAILED"

    @property
    def over(self) -> bool:
        """True when nothing more will be sent."""
        return self in (AlgoStatus.FINISHED, AlgoStatus.STOPPED, AlgoStatus.FAILED)
