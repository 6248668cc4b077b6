"""``tradepit bot check``: what is wrong with a bot, before it trades."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tradepit.bots.backtest.engine import Backtest
from tradepit.bots.backtest.generated import generated_recording
from tradepit.bots.backtest.result import BacktestResult
from tradepit.bots.backtest.settings import BacktestSettings
from tradepit.bots.bot import BotBase
from tradepit.bots.live.seat import read_config
from tradepit.bots.loading import check_config, load_bot
from tradepit.cli.assignments import assignments
from tradepit.cli.exits import Exit
from tradepit.cli.output import print_json, print_table
from tradepit.runtime.logs import set_up
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import BotRefused, TradepitError

_ARGUMENTS = {"on_start": 0, "on_tick": 1, "on_event": 1, "on_stop": 1, "health": 0}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing about a bot; ``code`` is stable. ``ok``: it may trade all the same."""

    step: str
    code: str
    message: str
    ok: bool = False


def check_bot(
    file: str, *, params: Sequence[str], symbols: Sequence[str], ticks: int, mount: Path | None, seed: int, json: bool
) -> int:
    """Exit 0 when nothing speaks against it, 1 otherwise. Raises BadRequest for what is no parameter or no market."""
    set_up("bot-check", level="CRITICAL", folder=None)
    config = (read_config(mount / "config.json") if mount is not None else {}) | assignments(params)
    catalog = load_catalog()
    market = generated_recording(symbols, ticks, seed, catalog)
    findings: list[Finding] = []
    result: BacktestResult | None = None
    step = "import"
    try:
        bot_class = load_bot(file)
        step = "contract"
        findings += _contract(bot_class)
        step = "parameters"
        check_config(bot_class, config)
        step = "dry-run"
        result = Backtest(bot_class, config, market, BacktestSettings(seed=seed), catalog).run()
        findings += _dry_run(result.host)
    except BotRefused as error:
        findings.append(Finding(step=step, code=error.reason_code, message=_told(error)))
    sound = all(finding.ok for finding in findings)
    _show(file, sound, findings, result, json=json)
    return int(Exit.OK if sound else Exit.FINDINGS)


def _contract(bot_class: type[BotBase]) -> Iterator[Finding]:
    """Methods that cannot be called as they will be."""
    for name, count in _ARGUMENTS.items():
        method = getattr(bot_class, name)
        try:
            inspect.signature(method).bind(None, *[None] * count)
        except (TypeError, ValueError) as error:
            yield Finding(step="contract", code="BOT_METHOD_NOT_VALID", message=f"{name}: {error}")
    if bot_class.Config is None:
        told = "No Config: parameters are not checked before the bot runs."
        yield Finding(step="parameters", code="BOT_CONFIG_MISSING", message=told, ok=True)


def _dry_run(host: Mapping[str, Any]) -> Iterator[Finding]:
    if host["exceptions"]:
        yield Finding(step="dry-run", code="BOT_RAISED", message=f"{host['exceptions']} times, last {host['last_error']}"[:300])
    if not host["bot"].get("ok", True):
        yield Finding(step="dry-run", code="BOT_NOT_OK", message=str(host["bot"])[:300])
    for code, count in host["refusals"].items():
        yield Finding(step="dry-run", code=code, message=f"{count} intents or orders were refused.", ok=True)
    if not host["orders"]:
        yield Finding(step="dry-run", code="BOT_SENT_NOTHING", message="Not one order in the whole market.", ok=True)


def _told(error: TradepitError) -> str:
    return " ".join([error.message, *(f"{name}={value}" for name, value in error.details.items())])[:300]


def _show(file: str, sound: bool, findings: Sequence[Finding], result: BacktestResult | None, *, json: bool) -> None:
    counts = {} if result is None else {name: result.host[name] for name in ("ticks", "orders", "fills")}
    if json:
        print_json({"bot": file, "ok": sound, "findings": [msgspec.structs.asdict(each) for each in findings], "dry_run": counts})
        return
    rows = [("note" if each.ok else "FAULT", each.step, each.code, each.message) for each in findings]
    title = f"{file}: {'may trade' if sound else 'must not trade'}"
    print_table(title, ("", "step", "code", ""), [*rows, ("ok" if sound else "", "dry-run", "", _counted(counts))])


def _counted(counts: Mapping[str, object]) -> str:
    return " · ".join(f"{name} {count}" for name, count in counts.items()) or "not begun"
