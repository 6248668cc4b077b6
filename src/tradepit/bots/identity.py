"""Ids of a bot's orders: the same bot, account and sequence give the same id, on any machine and after any restart."""

from hashlib import blake2b

import msgspec

from tradepit.trading.model.ids import check_id

_SHOWN = 24


class BotIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Who a bot is: its id and its account (tokens), the seed of its dice, and the number its next order gets.

    Raises IdNotValid.
    """

    bot_id: str
    account: str
    seed: int = 0
    next_sequence: int = 1

    def __post_init__(self) -> None:
        check_id(self.bot_id, "bot_id")
        check_id(self.account, "account")


def order_prefix(bot_id: str, account: str) -> str:
    """What the ids of one bot's orders in one account begin with: its name, cut to 24 characters, and 8 of a hash of both names.

    With it an id stays a token of at most 64 characters, and two bots whose names begin alike have no id in common.
    """
    proof = blake2b(f"{bot_id}/{account}".encode(), digest_size=4).hexdigest()
    return f"{bot_id[:_SHOWN]}-{proof}-"


def order_id(bot_id: str, account: str, sequence: int) -> str:
    """The id of the bot's ``sequence``-th order (from 1) in ``account``."""
    return f"{order_prefix(bot_id, account)}{sequence}"


def prefix_of(client_order_id: str) -> str:
    """The prefix an id would have if it were that of a bot's order."""
    return client_order_id[: client_order_id.rfind("-") + 1]


def sequence_of(prefix: str, client_order_id: str) -> int:
    """Which order of the bot with this prefix it is, 0 when it is none of its."""
    number = client_order_id.removeprefix(prefix)
    return int(number) if number != client_order_id and number.isascii() and number.isdecimal() else 0
