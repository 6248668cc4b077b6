"""A house with a DIFF front, and the programs that trade at it through an unmodified TqSDK."""

import asyncio
import socket
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from tests.house_under_test import HouseUnderTest, settings_of
from tests.tq_program import Said, TqProgram

from tradepit.config import ContractSettings, DiffSettings, Settings

TRADING = ("trading-gateway", "order-management", "diff-front")
MARKET = (*TRADING, "market-data", "market-recorder")
RB = ContractSettings(symbol="rb2505", reference=Decimal(3300))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def diff_settings(**diff: Any) -> Settings:
    """The usual house, a metal future in it, and a door for TqSDK."""
    settings = settings_of("A1", "B1", profile="pit")
    exchange = msgspec.structs.replace(settings.exchange, contracts=(*settings.exchange.contracts, RB))
    market = msgspec.structs.replace(settings.market, symbols=("IF2501", "rb2505"))
    return msgspec.structs.replace(settings, exchange=exchange, market=market, diff=DiffSettings(port=_free_port(), **diff))


class DiffHouse(HouseUnderTest):
    """A house with a DIFF front, and the programs that trade at it."""

    def __init__(self, folder: Path, settings: Settings, only: tuple[str, ...]) -> None:
        super().__init__(folder / "house", settings, only=only)
        self._folder = folder
        self.programs: list[TqProgram] = []

    def begin(self, body: str) -> TqProgram:
        """Start a program."""
        program = TqProgram(self._folder / "tq", self.house.settings.diff.port, body)
        self.programs.append(program)
        return program

    async def told(self, body: str, timeout_s: float = 90) -> list[Said]:
        """Run a program to its end; what it said."""
        return await asyncio.to_thread(self.begin(body).said, timeout_s)

    async def heard(self, program: TqProgram, count: int) -> list[Said]:
        """What a running program has said, once it has said so much."""

        async def enough() -> bool:
            assert program.process.poll() in (None, 0), "the program failed"
            return len(program.so_far()) >= count

        await self.until(enough, f"{count} lines of the program")
        return program.so_far()

    async def __aexit__(self, *error: object) -> None:
        for program in self.programs:
            program.kill()
        await super().__aexit__(*error)
