"""The doctor's checks of a broker behind TqSDK: the package, whose login it is, and whether its secrets are there."""

import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata

from tradepit.cli.finding import Finding, fail, ok, warn
from tradepit.compose.tqsdk_login import check_login_settings, login_of
from tradepit.config import Settings
from tradepit.trading.model.errors import ConfigError

OLDEST_TQSDK = "3.10"
_IMPORT_S = 60.0
_PLACEHOLDER = "your_"


def check_tqsdk(settings: Settings) -> Finding:
    """Whether TqSDK can be imported, and which one it is. It is loaded in a process of its own: that takes seconds."""
    if settings.broker != "tqsdk":
        return ok("not used: the broker is the simulated exchange")
    try:
        version = metadata.version("tqsdk")
        command = [sys.executable, "-c", "import tqsdk"]
        subprocess.run(command, capture_output=True, timeout=_IMPORT_S, check=True)  # noqa: S603 - our own interpreter
    except metadata.PackageNotFoundError:
        return fail("tqsdk is missing", "run `pip install 'tradepit[tq]'`")
    except (OSError, subprocess.SubprocessError) as error:
        return fail(f"tqsdk cannot be imported: {type(error).__name__}", "run `pip install --force-reinstall 'tradepit[tq]'`")
    return tqsdk_finding(version)


def tqsdk_finding(version: str) -> Finding:
    """What to say of a version."""
    if _numbers(version) < _numbers(OLDEST_TQSDK):
        return warn(f"tqsdk {version}", f"not tried below {OLDEST_TQSDK}: run `pip install --upgrade 'tradepit[tq]'`")
    return ok(f"tqsdk {version}")


def check_login(settings: Settings, secrets: Mapping[str, str]) -> Finding:
    """Whose login it is and whether every password is there. None is shown."""
    if settings.broker != "tqsdk":
        return ok("not used: the broker is the simulated exchange")
    tq = settings.tq
    try:
        check_login_settings(tq)
        login = login_of(tq, secrets)
    except ConfigError as error:
        place = error.details.get("variable") or error.details.get("file") or ""
        return fail(f"{error.message} {place}".strip(), "complete the section tq, or the environment it names")
    told = [login.user, login.password]
    told += [text for account in login.accounts for text in (account.broker, account.user, account.password)]
    if any(text.startswith(_PLACEHOLDER) for text in told):
        return fail(
            "the documents' placeholders stand where a login belongs", "put your own login into the file or the environment"
        )
    if tq.run_mode == "real":
        return warn(
            f"run_mode real: orders trade REAL MONEY on {len(login.accounts)} account(s); all passwords are there",
            "nothing to mend if that is what you want; else set run_mode to sandbox",
        )
    kind = "TqSim, which begins anew at each start" if tq.sandbox == "sim" else "TqKq"
    return ok(f"run_mode sandbox: {kind}; the password is there")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
