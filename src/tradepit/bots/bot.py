"""The contract of a bot (platform document, section 3.1)."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, Awaitable, Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from tradepit.bots.context import BotContext
from tradepit.bots.events import BotEvent
from tradepit.bots.intents import Intent
from tradepit.bots.market import Market

Wish: TypeAlias = Mapping[str, object] | Intent
Wishes: TypeAlias = Iterable[Wish] | None
Told: TypeAlias = Wishes | AsyncIterable[Wish] | Awaitable[Wishes]


class BotBase(ABC):
    """Subclass it, in a file of its own, and the same class trades live and in a backtest.

    ``config`` are the bot's parameters: the mapping as given, or a ``Config`` when the class declares one (a msgspec struct; wrong
    parameters are then refused before anything runs). ``secrets`` is a mapping, empty in a backtest. ``ctx`` is the bot's hand.

    Each method may be plain, a generator, ``async def`` or an async generator. What ``on_tick`` returns or yields is sent as if it had
    been sent through ``ctx``: ``{"symbol": "IF2501", "side": "buy", "qty": 1, "price": 4500.2}``. Other methods may only use ``ctx``.
    An exception is counted and shown; after several in a row the bot is paused (``HostSettings.max_consecutive_errors``).
    """

    Config: type[msgspec.Struct] | None = None

    def __init__(self, config: Any, secrets: Mapping[str, str], ctx: BotContext) -> None:  # noqa: ANN401 - the bot's own type
        self.config = config
        self.secrets = secrets
        self.ctx = ctx

    @abstractmethod
    def on_start(self) -> Awaitable[None] | None:
        """Called once, before the first tick. Positions and working orders of a former life are known by now."""

    @abstractmethod
    def on_tick(self, market: Market) -> Told:
        """A contract's market changed: ``market`` shows that contract first and all others by name. Returns what to do."""

    def on_event(self, event: BotEvent) -> Awaitable[None] | None:  # noqa: ARG002 - for subclasses
        """Something happened to an own order, or a trading day or a session phase began."""
        return None

    def on_stop(self, reason: str) -> Awaitable[None] | None:  # noqa: ARG002 - for subclasses
        """The last call. What it sends is still sent; working orders are cancelled afterwards if the host is told so."""
        return None

    def health(self) -> dict[str, Any]:
        """What the bot says of itself; shown beside the host's own figures."""
        return {"ok": True}
