"""Who TqSDK logs in as: real needs everything, a sandbox is not even given what a real account needs."""

import pytest

from tradepit.compose.tqsdk_login import check_login_settings, login_of
from tradepit.config import TqAccountSettings, TqSettings
from tradepit.trading.model.errors import ConfigError

SECRETS = {"WORD": "w1", "ACCOUNT_WORD": "w2"}
ACCOUNT = TqAccountSettings(account="A", broker_id="simnow", user="88", password_env="ACCOUNT_WORD", number=3, deposit=5.0)


def test_real_is_given_the_account() -> None:
    tq = TqSettings(run_mode="real", user="me", password_env="WORD", accounts=(ACCOUNT,), symbols=("SHFE.rb2505",))
    check_login_settings(tq)
    login = login_of(tq, SECRETS)
    (account,) = login.accounts
    assert (login.run_mode, login.password, account.broker, account.user, account.password) == (
        "real",
        "w1",
        "simnow",
        "88",
        "w2",
    )
    with pytest.raises(ConfigError, match="no secret"):
        login_of(tq, {"WORD": "w1"})


def test_a_sandbox_is_given_nothing_of_it() -> None:
    tq = TqSettings(run_mode="sandbox", sandbox="sim", user="me", password_env="WORD", accounts=(ACCOUNT,))
    check_login_settings(tq)
    login = login_of(tq, {"WORD": "w1"})
    (account,) = login.accounts
    assert (login.run_mode, login.sandbox) == ("sandbox", "sim")
    assert (account.broker, account.user, account.password, account.number, account.deposit) == ("", "", "", 3, 5.0)


@pytest.mark.parametrize("lacks", ["broker_id", "user", "password"])
def test_what_real_lacks_is_named(lacks: str) -> None:
    fields = {"broker_id": "simnow", "user": "88", "password_env": "X"}
    del fields["password_env" if lacks == "password" else lacks]
    tq = TqSettings(run_mode="real", user="me", password_env="WORD", accounts=(TqAccountSettings(account="A", **fields),))  # type: ignore[arg-type]  # texts
    with pytest.raises(ConfigError, match=f"has no {lacks}"):
        check_login_settings(tq)


def test_nobody_and_no_account_are_refused() -> None:
    for tq in (TqSettings(accounts=(ACCOUNT,)), TqSettings(user="me")):
        with pytest.raises(ConfigError, match="a user and accounts"):
            check_login_settings(tq)
