"""Who TqSDK logs in as: from the settings and the secrets they name; a sandbox is given nothing that a real account needs."""

from collections.abc import Mapping

from tradepit.backends.broker.tqsdk.frames import Login, LoginAccount
from tradepit.config import TqAccountSettings, TqSettings
from tradepit.runtime.secret_source import read_secret
from tradepit.trading.model.errors import ConfigError


def check_login_settings(tq: TqSettings) -> None:
    """Whether the settings name all that a login needs. Raises ConfigError, which says what is missing and nothing else."""
    if not tq.user or not tq.accounts:
        raise ConfigError("tq needs a user and accounts")
    if tq.run_mode == "real":
        for account in tq.accounts:
            told = {
                "broker_id": account.broker_id,
                "user": account.user,
                "password": account.password_env or account.password_file,
            }
            if missing := [name for name, value in told.items() if not value]:
                raise ConfigError(f"run_mode real: account {account.account} has no {', '.join(missing)}")


def login_of(tq: TqSettings, secrets: Mapping[str, str]) -> Login:
    """The login, its secrets read now. Raises ConfigError."""
    real = tq.run_mode == "real"
    make = _real if real else _simulated
    return Login(
        run_mode=tq.run_mode,
        sandbox=tq.sandbox,
        user=tq.user,
        password=read_secret(tq.password_env, tq.password_file, secrets),
        accounts=[make(account, secrets) for account in tq.accounts],
        symbols=list(tq.symbols),
    )


def _real(account: TqAccountSettings, secrets: Mapping[str, str]) -> LoginAccount:
    return LoginAccount(
        name=account.account,
        broker=account.broker_id,
        user=account.user,
        password=read_secret(account.password_env, account.password_file, secrets),
    )


def _simulated(account: TqAccountSettings, secrets: Mapping[str, str]) -> LoginAccount:
    del secrets
    return LoginAccount(name=account.account, number=account.number, deposit=float(account.deposit))
