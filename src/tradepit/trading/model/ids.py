"""Ids are tokens: what may become part of a topic, key, label or file name."""

import re

from tradepit.trading.model.errors import IdNotValid

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def is_id(value: str) -> bool:
    """True for a token of 1 to 64 characters ``[A-Za-z0-9_-]``."""
    return _TOKEN.fullmatch(value) is not None


def check_id(value: str, field: str) -> str:
    """``value`` itself when it is a token of 1 to 64 characters ``[A-Za-z0-9_-]``; raises IdNotValid otherwise."""
    if not is_id(value):
        raise IdNotValid(field=field)
    return value
