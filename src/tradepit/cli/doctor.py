"""``tradepit doctor``: looks at the machine and at the house's surroundings, says what is wrong and how to mend it."""

import os
from collections.abc import Callable, Mapping, Sequence

import msgspec

from tradepit import __version__
from tradepit.cli import doctor_broker as broker
from tradepit.cli import doctor_data as data
from tradepit.cli import doctor_disk as disk
from tradepit.cli import doctor_machine as machine
from tradepit.cli import doctor_platform as platform
from tradepit.cli import doctor_ssi as ssi
from tradepit.cli import doctor_stores as stores
from tradepit.cli import doctor_surroundings as surroundings
from tradepit.cli import doctor_vault as vault
from tradepit.cli.exits import Exit
from tradepit.cli.finding import Finding, Outcome
from tradepit.cli.output import print_json, print_table
from tradepit.compose.wiring import Wiring
from tradepit.config import Settings
from tradepit.trading.model.errors import TradepitError

Check = Callable[[Settings], Finding]

CHECKS: tuple[tuple[str, Check], ...] = (
    ("python", machine.check_python),
    ("packages", machine.check_packages),
    ("event loop", machine.check_event_loop),
    ("numba", machine.check_numba),
    ("cpus", machine.check_cpus),
    ("file descriptors", machine.check_file_descriptors),
    ("clock", machine.check_clock),
    ("disk space", disk.check_disk_space),
    ("disk sync", disk.check_disk_sync),
    ("nats-server", surroundings.check_nats_server),
    ("bus", surroundings.check_bus),
    ("platform bus", platform.check_platform_bus),
    ("store", stores.check_store),
    ("cache", stores.check_cache),
    ("hot window", data.check_hot_window),
    ("data api", data.check_data_api),
    ("vault", vault.check_vault),
    ("tqsdk", broker.check_tqsdk),
    ("login", lambda settings: broker.check_login(settings, os.environ)),
    ("ssi", ssi.check_ssi),
    ("monitor port", surroundings.check_monitor_port),
    ("calendar", surroundings.check_calendar),
    ("settings", surroundings.check_profile),
    ("running house", surroundings.check_running_house),
)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All findings. ``success`` when no check failed; warnings do not fail."""

    success: bool
    version: str
    findings: tuple[Finding, ...]


def run_doctor(settings: Settings, secrets: Mapping[str, str] | None = None, *, json: bool) -> int:
    """Run every check and print a table, or one JSON document. Changes nothing. Exit 0 when no check failed, else 1.

    ``secrets`` are passwords that are in no environment, by the names the settings give them.
    """
    known = Wiring(settings, process="doctor", secrets=secrets).secrets
    report = examine(settings, [(name, check if name != "login" else _login(known)) for name, check in CHECKS])
    if json:
        print_json(report)
    else:
        rows = [(each.check, each.outcome.value, each.seen, each.mend) for each in report.findings]
        print_table(f"tradepit {report.version}", ("check", "outcome", "seen", "how to mend"), rows)
    return int(Exit.OK if report.success else Exit.FINDINGS)


def examine(settings: Settings, checks: Sequence[tuple[str, Check]] = CHECKS) -> Report:
    """The findings of all checks; one that cannot be carried out is itself a finding."""
    findings = tuple(_examined(name, check, settings) for name, check in checks)
    return Report(success=all(each.outcome is not Outcome.FAIL for each in findings), version=__version__, findings=findings)


def _login(secrets: Mapping[str, str]) -> Check:
    return lambda settings: broker.check_login(settings, secrets)


def _examined(name: str, check: Check, settings: Settings) -> Finding:
    try:
        found = check(settings)
    except (TradepitError, OSError, ValueError) as error:
        found = Finding(outcome=Outcome.FAIL, seen=f"could not be checked: {str(error)[:200]}", mend="see what is seen")
    return msgspec.structs.replace(found, check=name)
