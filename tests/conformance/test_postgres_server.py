"""The private PostgreSQL of tests and benchmarks: after a kill it starts again, whoever of it has not heard of its death yet."""

import os
import signal
import threading

import pytest

from tradepit.cli.servers import postgres


def test_a_session_that_outlives_its_server_holds_up_the_next_start_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    children = postgres._children
    with postgres.PostgresServer() as server:
        assert server._process is not None
        late = children(server._process.pid)[0]
        os.kill(late, signal.SIGSTOP)
        monkeypatch.setattr(postgres, "_children", lambda pid: [each for each in children(pid) if each != late])
        server.kill()
        hears = threading.Timer(1.0, os.kill, (late, signal.SIGCONT))
        hears.start()
        assert server.start() == server.url
        hears.join()
