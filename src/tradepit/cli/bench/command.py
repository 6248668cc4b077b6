"""``tradepit bench``: what is measured, and how it is told."""

import platform
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from tradepit.cli.exits import Exit
from tradepit.cli.output import print_fields, print_json
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.logs import set_up
from tradepit.trading.model.errors import ConfigError
from tradepit.wire.simulator_codec import to_iso

Figures = Mapping[str, object]
_WITH_SERVERS = frozenset({"tq"})


class BotLoad(msgspec.Struct, frozen=True, kw_only=True):
    """How many bots, on how many accounts, on the embedded server or on Kafka, Redis and PostgreSQL."""

    bots: int = 50
    accounts: int = 20
    profile: Literal["pit", "platform"] = "pit"


def run_bench(
    what: str,
    *,
    kills: int,
    load: float | None,
    seconds: float,
    journal: str,
    logins: Literal["shared", "separate"],
    many: BotLoad,
    json: bool,
) -> int:
    """Measure one thing, or ``all``; exit 1 when orders were lost, doubled or unexplained while measuring."""
    set_up("bench", level="ERROR", folder=None)
    measures: dict[str, Callable[[], msgspec.Struct | Mapping[str, object]]] = {
        "match": lambda: _match(seconds),
        "backtest": lambda: _backtest(seconds),
        "risk": _risk,
        "order": lambda: _order(seconds, journal),
        "events": lambda: _events(seconds),
        "failover": lambda: _failover(kills, 100.0 if load is None else load),
        "bots": lambda: _bots(many, seconds, load),
        "scale": lambda: _scale(seconds),
        "data": lambda: _data(seconds),
        "tq": lambda: _tq(50.0 if load is None else load, seconds, logins),
    }
    if what != "all" and what not in measures:
        raise ConfigError("measure match, backtest, risk, order, events, failover, bots, scale, data, tq or all", what=what[:20])
    # What needs servers that do not come with the package is measured when it is named.
    chosen = {name: measures[name] for name in measures if name not in _WITH_SERVERS} if what == "all" else {what: measures[what]}
    told: dict[str, Any] = {"machine": machine(), "measured_at": to_iso(SystemClock().now_ns())}
    for name, measure in chosen.items():
        told[name] = msgspec.to_builtins(measure())
        if not json:
            print_fields(f"bench {name}", _flat(told[name]))
    if json:
        print_json(told)
    results = [result for result in told.values() if isinstance(result, dict)]
    clean = all(result.get(part, {}).get("clean", True) for result in results for part in ("proof", "tally"))
    return int(Exit.OK if clean else Exit.FINDINGS)


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    import os  # noqa: PLC0415 - only here

    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cpus": os.cpu_count() or 0,
        "load": os.getloadavg(),
    }


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        elif name != "findings":
            flat[prefix + name] = value
    return flat


def _match(seconds: float) -> Mapping[str, object]:
    from tradepit.cli.bench.match import run  # noqa: PLC0415 - numba is heavy

    return run(repeats=max(1, round(seconds / 2)))


def _backtest(seconds: float) -> Mapping[str, object]:
    from tradepit.cli.bench.backtest import run  # noqa: PLC0415 - peers are heavy

    return run(repeats=max(1, round(seconds / 2)))


def _risk() -> msgspec.Struct:
    from tradepit.cli.bench.risk import measure  # noqa: PLC0415 - each measurement loads only what it needs

    return measure()


def _order(seconds: float, journal: str) -> msgspec.Struct:
    from tradepit.cli.bench.order import measure  # noqa: PLC0415 - each measurement loads only what it needs

    return measure(seconds=seconds, journal=journal)


def _events(seconds: float) -> msgspec.Struct:
    from tradepit.cli.bench.events import measure  # noqa: PLC0415 - each measurement loads only what it needs

    return measure(seconds=seconds)


def _failover(kills: int, load: float) -> msgspec.Struct:
    from tradepit.cli.bench.failover import measure  # noqa: PLC0415 - each measurement loads only what it needs

    return measure(kills=kills, load_per_s=load)


def _bots(many: BotLoad, seconds: float, load: float | None) -> msgspec.Struct:
    from tradepit.cli.bench.bots import measure  # noqa: PLC0415 - each measurement loads only what it needs

    each = 1.0 if load is None else load / max(1, many.bots)
    return measure(bots=many.bots, accounts=many.accounts, seconds=seconds, orders_per_bot_s=each, profile=many.profile)


def _scale(seconds: float) -> msgspec.Struct:
    from tradepit.cli.bench.bots_scale import measure  # noqa: PLC0415 - each measurement loads only what it needs

    return measure(seconds=seconds)


def _data(seconds: float) -> msgspec.Struct:
    from tradepit.cli.bench.data import measure  # noqa: PLC0415 - each measurement loads only what it needs

    return measure(seconds=seconds)


def _tq(per_s: float, seconds: float, logins: Literal["shared", "separate"]) -> msgspec.Struct:
    try:
        from tradepit.cli.bench.tq import measure  # noqa: PLC0415 - each measurement loads only what it needs
    except ModuleNotFoundError as error:
        raise ConfigError("a library is missing: pip install 'tradepit[rabbitmq,redis,sql,tq]'", missing=error.name) from error

    return measure(per_s=per_s, seconds=seconds, logins=logins)
