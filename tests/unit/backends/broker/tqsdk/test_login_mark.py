"""A data folder belongs to one login: what a sandbox has left is never taken for a real account's."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tradepit.backends.broker.tqsdk.frames import Login, LoginAccount
from tradepit.backends.broker.tqsdk.login_mark import check_login
from tradepit.trading.model.errors import ConfigError

REAL = Login(
    run_mode="real", user="me", password="pw", accounts=[LoginAccount(name="A", broker="simnow", user="88001234", password="pw")]
)
KQ = Login(run_mode="sandbox", user="me", password="pw", accounts=[LoginAccount(name="A")])


@pytest.mark.parametrize("login", [REAL, KQ])
def test_the_same_login_comes_back_with_a_new_password(tmp_path: Path, login: Login) -> None:
    check_login(tmp_path, login)
    check_login(tmp_path, msgspec.structs.replace(login, password="other", symbols=["SHFE.rb2505"]))
    assert "88001234" not in (tmp_path / "login.json").read_text()


def _changed(**fields: Any) -> Login:
    return msgspec.structs.replace(REAL, accounts=[msgspec.structs.replace(REAL.accounts[0], **fields)])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (KQ, REAL),
        (REAL, KQ),
        (KQ, msgspec.structs.replace(KQ, sandbox="sim")),
        (KQ, msgspec.structs.replace(KQ, user="you")),
        (REAL, _changed(user="88001235")),
        (REAL, _changed(broker="other")),
    ],
)
def test_another_login_is_refused(tmp_path: Path, first: Login, second: Login) -> None:
    check_login(tmp_path, first)
    with pytest.raises(ConfigError, match="data_dir") as caught:
        check_login(tmp_path, second)
    assert "8800" not in str(caught.value)
    check_login(tmp_path, first)


def test_a_mark_nobody_can_read_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "login.json").write_text("{")
    with pytest.raises(ConfigError, match="cannot be read"):
        check_login(tmp_path, KQ)
