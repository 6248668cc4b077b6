"""Whose account TqSDK logs in to: a real one, a simulated one at the vendor, or one that lives in this process."""

from typing import Any

import tqsdk

from tradepit.backends.broker.tqsdk.frames import Login, LoginAccount


def make_account(login: Login, account: LoginAccount) -> Any:  # noqa: ANN401 - TqSDK's own type
    """The account to trade on. Only ``real`` makes one that trades money; whatever is neither mode is refused. Raises ValueError."""
    if login.run_mode == "real":
        if not (account.broker and account.user and account.password):
            raise ValueError("a real account needs its broker, user and password")
        return tqsdk.TqAccount(account.broker, account.user, account.password)
    if login.run_mode != "sandbox":
        raise ValueError("the run mode must be real or sandbox")
    if login.sandbox == "sim":
        return tqsdk.TqSim(account.deposit, account.name)
    if login.sandbox != "kq":
        raise ValueError("the sandbox must be kq or sim")
    return tqsdk.TqKq(number=account.number or None)
