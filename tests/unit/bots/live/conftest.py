"""A house for bots."""

from pathlib import Path

import pytest
from tests.bot_house import BotHouse
from tests.unit.conftest import StubExchange

from tradepit.backends.bus.memory import MemoryBus


@pytest.fixture
async def house(bus: MemoryBus, exchange: StubExchange, tmp_path: Path) -> BotHouse:
    return BotHouse(bus, exchange, tmp_path)
