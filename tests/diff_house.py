"""A house with a DIFF front, and the programs that trade at it through an unmodified TqSDK."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from tests.house_under_test import STANDBYS, HouseUnderTest, settings_of
from tests.node_program import NodeProgram
from tests.patience import PATIENCE_S
from tests.saying_program import Said, SayingProgram
from tests.servers.ports import free_port
from tests.tq_program import TqProgram

from tradepit.config import ContractSettings, DiffSettings, Settings

TRADING = ("trading-gateway", "order-management", "diff-front")
MARKET = (*TRADING, "market-data", "market-recorder")
RB = ContractSettings(symbol="rb2505", reference=Decimal(3300))


def diff_settings(**diff: Any) -> Settings:
    """The usual house, a metal future in it, and a door for TqSDK."""
    settings = settings_of("A1", "B1", profile="pit")
    exchange = msgspec.structs.replace(settings.exchange, contracts=(*settings.exchange.contracts, RB))
    market = msgspec.structs.replace(settings.market, symbols=("IF2501", "rb2505"))
    return msgspec.structs.replace(settings, exchange=exchange, market=market, diff=DiffSettings(port=free_port(), **diff))


class DiffHouse(HouseUnderTest):
    """A house with a DIFF front, and the programs that trade at it; of its order managers the first, unless ``later`` says else."""

    def __init__(self, folder: Path, settings: Settings, only: tuple[str, ...], *, later: tuple[str, ...] = STANDBYS) -> None:
        super().__init__(folder / "house", settings, only=only, later=later)
        self._folder = folder
        self.programs: list[SayingProgram] = []

    def begin(self, body: str) -> SayingProgram:
        """Start a program in Python."""
        return self._watched(TqProgram(self._folder / "tq", self.house.settings.diff.port, body))

    async def open_door(self) -> None:
        """Wait until the front takes connections."""

        async def answers() -> bool:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.house.settings.diff.port)
            except OSError:
                return False
            writer.close()
            return True

        await self.until(answers, "the door")

    async def begin_node(self, name: str) -> SayingProgram:
        """Start one of the programs in JavaScript. Their client asks for its files once, so the door must be open."""
        await self.open_door()
        return self._watched(NodeProgram(self._folder / "node", self.house.settings.diff.port, name))

    async def told(self, body: str, timeout_s: float = 3 * PATIENCE_S) -> list[Said]:
        """Run a program to its end; what it said."""
        return await asyncio.to_thread(self.begin(body).said, timeout_s)

    async def heard(self, program: SayingProgram, count: int) -> list[Said]:
        """What a running program has said, once it has said so much."""

        async def enough() -> bool:
            assert program.process.poll() in (None, 0), f"the program failed: {program.trouble()}"
            return len(program.so_far()) >= count

        await self.until(enough, f"{count} lines of the program")
        return program.so_far()

    def _watched(self, program: SayingProgram) -> SayingProgram:
        self.programs.append(program)
        return program

    async def __aexit__(self, *error: object) -> None:
        for program in self.programs:
            program.kill()
        await super().__aexit__(*error)
