"""Only the run mode real makes an account that trades money; every other word is refused, whoever says it."""

from typing import Any

import pytest
import tqsdk

from tradepit.backends.broker.tqsdk.accounts import make_account
from tradepit.backends.broker.tqsdk.frames import Login, LoginAccount

ACCOUNT = LoginAccount(name="A", broker="simnow", user="88", password="pw", number=2, deposit=5_000.0)


def login(run_mode: Any, sandbox: Any = "kq") -> Login:
    return Login(run_mode=run_mode, sandbox=sandbox, user="me", password="pw", accounts=[ACCOUNT])


@pytest.mark.parametrize(
    ("run_mode", "sandbox", "kind"),
    [("real", "kq", tqsdk.TqAccount), ("sandbox", "kq", tqsdk.TqKq), ("sandbox", "sim", tqsdk.TqSim)],
)
def test_each_mode_has_its_account(run_mode: str, sandbox: str, kind: type) -> None:
    assert type(make_account(login(run_mode, sandbox), ACCOUNT)) is kind


@pytest.mark.parametrize(("run_mode", "sandbox"), [("Real", "kq"), ("", "kq"), ("sandbox", "real"), ("sandbox", "")])
def test_other_words_are_refused(run_mode: str, sandbox: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        make_account(login(run_mode, sandbox), ACCOUNT)


@pytest.mark.parametrize("lacks", ["broker", "user", "password"])
def test_a_real_account_needs_everything(lacks: str) -> None:
    fields = {"broker": "simnow", "user": "88", "password": "pw"} | {lacks: ""}
    with pytest.raises(ValueError, match="needs its broker"):
        make_account(login("real"), LoginAccount(name="A", **fields))  # type: ignore[arg-type]  # texts
