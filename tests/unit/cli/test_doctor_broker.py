"""The doctor on a broker behind TqSDK: what is missing is named, what is secret is not."""

from pathlib import Path

import pytest

from tradepit.cli.doctor_broker import check_login, check_tqsdk, tqsdk_finding
from tradepit.cli.finding import Outcome
from tradepit.config import Settings
from tradepit.config_tq import load_tq

GOLDEN = Path(__file__).parents[2] / "wire" / "golden"
LOGIN = {"TRADEPIT_TQ__USERNAME": "somebody", "TRADEPIT_TQ__PASSWORD": "hunter2"}
REAL = {
    "TRADEPIT_TQ__RUN_MODE": "real",
    "TRADEPIT_TQ__BROKER_ID": "simnow",
    "TRADEPIT_TQ__ACCOUNT": "88001234",
    "TRADEPIT_TQ__ACCOUNT_PASSWORD": "hunter3",
}


@pytest.mark.parametrize(
    ("environment", "outcome", "says"),
    [
        ({}, Outcome.FAIL, "placeholders"),
        (LOGIN, Outcome.OK, "run_mode sandbox: TqKq"),
        (LOGIN | {"TRADEPIT_TQ__SANDBOX": "sim"}, Outcome.OK, "TqSim"),
        (LOGIN | REAL, Outcome.WARN, "REAL MONEY"),
    ],
)
def test_whose_login_it_is(environment: dict[str, str], outcome: Outcome, says: str) -> None:
    connect = load_tq(GOLDEN / "tq_config.yaml", environment)
    found = check_login(connect.settings(), connect.secrets())
    assert found.outcome is outcome
    assert says in found.seen
    assert [word for word in ("hunter2", "hunter3", "88001234", "somebody") if word in found.seen + found.mend] == []


def test_a_password_that_is_not_there_is_named_by_its_place() -> None:
    connect = load_tq(GOLDEN / "tq_config.yaml", LOGIN)
    found = check_login(connect.settings(), {})
    assert (found.outcome, "TRADEPIT_TQ_PASSWORD" in found.seen) == (Outcome.FAIL, True)


def test_a_house_without_tqsdk_needs_neither() -> None:
    assert [found.outcome for found in (check_tqsdk(Settings()), check_login(Settings(), {}))] == [Outcome.OK] * 2


def test_the_package_is_imported_and_its_version_judged() -> None:
    assert check_tqsdk(Settings(broker="tqsdk")).outcome is Outcome.OK
    assert [tqsdk_finding(version).outcome for version in ("3.10.4", "4.0", "3.9.3")] == [Outcome.OK, Outcome.OK, Outcome.WARN]
