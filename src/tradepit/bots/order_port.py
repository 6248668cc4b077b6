"""The port through which a bot's host sends orders, and what comes back through it."""

from typing import Protocol

from tradepit.trading.model.order import OrderIntent


class OrderPort(Protocol):
    """Both methods return at once and never raise: they hand over, and what becomes of it comes back as reports.

    The host is told through ``BotHost.report`` (orders, trades and days as the broker numbers them), ``BotHost.refuse`` (the review
    said no; nothing was sent), ``BotHost.doubt`` (sent, no answer: it is being asked for). Whoever implements the port keeps
    intents that cannot be handed over now, or calls ``refuse``: silence is the one thing it may not answer with.
    """

    def submit(self, intent: OrderIntent, sequence: int) -> None:
        """Send an order. ``sequence`` counts the bot's orders from 1 without gaps; the order's id follows from it."""

    def cancel(self, account: str, client_order_id: str) -> None:
        """Cancel an order of the bot's. Doing it twice is doing it once."""
