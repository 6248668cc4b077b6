"""A store in a file answers when the disk of this machine comes to it."""

from typing import Any

import pytest
from tests.patience import PATIENCE_S

from tradepit.backends.store.database import Database


@pytest.fixture(autouse=True)
def patient_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy disk is no store that is away; one on a server is waited for as long as the commands do."""
    run = Database._run

    async def patient(self: Database, work: Any, *, writes: bool, timeout_s: float) -> Any:
        return await run(self, work, writes=writes, timeout_s=PATIENCE_S if "sqlite" in self.name else timeout_s)

    monkeypatch.setattr(Database, "_run", patient)
