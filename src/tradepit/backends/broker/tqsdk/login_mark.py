"""The mark of whose login a data folder belongs to: what a sandbox has journaled must never be taken for a real account's."""

from hashlib import sha256
from pathlib import Path

import msgspec

from tradepit.backends.broker.tqsdk.frames import Login
from tradepit.trading.model.errors import ConfigError

_FILE = "login.json"


class LoginMark(msgspec.Struct, frozen=True, kw_only=True):
    """``run_mode`` for whoever looks; ``accounts`` is a digest, because names of accounts are nobody else's business."""

    run_mode: str
    accounts: str


def check_login(folder: Path, login: Login) -> None:
    """Mark an unmarked folder. Raises ConfigError for one of another run mode or of other accounts."""
    mine, path = _mark_of(login), folder / _FILE
    try:
        theirs = msgspec.json.decode(path.read_bytes(), type=LoginMark)
    except FileNotFoundError:
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(mine))
        fresh.replace(path)
        return
    except msgspec.MsgspecError as error:
        raise ConfigError("the mark of whose login this folder belongs to cannot be read", file=str(path)) from error
    if theirs.run_mode != mine.run_mode:
        raise ConfigError(
            f"this data_dir was used with run_mode {theirs.run_mode}: take another one for {mine.run_mode}", folder=str(folder)
        )
    if theirs != mine:
        raise ConfigError("this data_dir was used with other accounts: take another one", folder=str(folder))


def _mark_of(login: Login) -> LoginMark:
    real = login.run_mode == "real"
    who = [(account.name, account.broker, account.user) if real else (account.name, account.number) for account in login.accounts]
    told = msgspec.json.encode([login.sandbox if not real else "", "" if real else login.user, sorted(who)])
    return LoginMark(run_mode=login.run_mode, accounts=sha256(told).hexdigest())
