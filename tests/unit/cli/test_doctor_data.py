"""The doctor on the hot window, the Data API and Vault: what it sees, what it advises, and that it shows no secret."""

import asyncio

import msgspec
import pytest
from tests.market_world import MarketWorld
from tests.servers.ports import free_port
from tests.servers.valkey import ValkeyServer

from tradepit.cli.doctor_data import check_data_api, check_hot_window
from tradepit.cli.doctor_vault import check_vault
from tradepit.cli.finding import Outcome
from tradepit.config import DataApiSettings, Settings
from tradepit.runtime.vault_settings import VaultSettings


def test_the_hot_window_is_in_memory_or_on_a_server() -> None:
    assert "memory" in check_hot_window(Settings()).seen
    with ValkeyServer() as server:
        found = check_hot_window(Settings(cache=server.url))
        assert (found.outcome, "sorted sets" in found.seen, server.password in found.seen) == (Outcome.OK, True, False)
    found = check_hot_window(Settings(cache=f"redis://:my-secret@127.0.0.1:{free_port()}/0"))
    assert (found.outcome, "my-secret" in found.seen + found.mend) == (Outcome.FAIL, False)


def settings(port: int) -> Settings:
    return Settings(data_api=DataApiSettings(port=port))


async def test_a_data_api_is_told_from_nobody_and_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradepit.cli.doctor_data._ANSWER_S", 60.0)
    assert check_data_api(settings(0)).outcome is Outcome.OK
    assert "not running" in (await asyncio.to_thread(check_data_api, settings(free_port()))).seen
    world = MarketWorld()
    await world.open()
    port = int(world.api.health().figures["port"])
    found = await asyncio.to_thread(check_data_api, settings(port))
    assert (found.outcome, found.seen) == (Outcome.OK, f"it answers at {world.api.url}")
    world.series.down = True
    await world.clock.advance(2)
    assert (await asyncio.to_thread(check_data_api, settings(port))).outcome is Outcome.FAIL
    await world.close()

    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nhello")
        writer.close()

    server = await asyncio.start_server(other, "127.0.0.1", 0)
    async with server:
        found = await asyncio.to_thread(check_data_api, settings(server.sockets[0].getsockname()[1]))
        assert (found.outcome, "another program" in found.seen) == (Outcome.WARN, True)


def test_no_vault_is_fine_and_one_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_vault(Settings()).outcome is Outcome.OK
    monkeypatch.setenv("VAULT_TOKEN", "my-secret-token")
    told = VaultSettings(url=f"http://127.0.0.1:{free_port()}", timeout_s=1.0)
    found = check_vault(Settings(vault=told))
    assert (found.outcome, "start it" in found.mend, "my-secret" in found.seen + found.mend) == (Outcome.FAIL, True, False)
    found = check_vault(Settings(vault=msgspec.structs.replace(told, token_env="NO_SUCH_VARIABLE")))
    assert (found.outcome, "NO_SUCH_VARIABLE" in found.seen) == (Outcome.FAIL, True)
