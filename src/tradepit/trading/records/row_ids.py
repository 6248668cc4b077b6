"""From the house's tokens to the UUIDs by which the bot platform's tables know bots, orders and executions: always the same ones."""

from uuid import UUID, uuid5

from tradepit.trading.model.trade import Trade

NOBODY = str(UUID(int=0))
"""The id of the bot of orders that no bot wanted."""
_NAMES = UUID("5c9f2a52-8d37-5d8e-9f0b-74726164e570")
_UUID_LENGTH = 36


def bot_uuid(bot: str) -> str:
    """A bot's id: a token that is a UUID is itself, any other has one made of it; ``NOBODY`` for none."""
    return _itself(bot) or (_made("bot", bot) if bot else NOBODY)


def order_uuid(account: str, client_order_id: str) -> str:
    """An order's id: a token that is a UUID is itself, any other, which is one order's on its account only, has one made of both."""
    return _itself(client_order_id) or _made("order", account, client_order_id)


def other_order_uuid(account: str, client_order_id: str, accepted_entry: int) -> str:
    """The id of an order whose own one is taken, by a former order under the same token or by another account's."""
    return _made("order", account, client_order_id, str(accepted_entry))


def execution_uuid(trade: Trade) -> str:
    """A fill's id, made of what tells trades apart: both sides of a match share the exchange's number, and may be one account's."""
    named = (str(trade.trading_day), trade.exchange.value, trade.trade_id, trade.side.value, trade.account)
    return _made("execution", *named)


def _itself(token: str) -> str:
    if len(token) != _UUID_LENGTH:
        return ""
    try:
        found = str(UUID(token))
    except ValueError:
        return ""
    return found if found == token.lower() else ""


def _made(*words: str) -> str:
    return str(uuid5(_NAMES, "/".join(words)))
