"""What a bot author subclasses, the host that runs it, the backtester that replays it; background agents and an engine's client.

``from tradepit.bots import BotBase`` is all a bot needs.
"""

from tradepit.bots.bot import BotBase
from tradepit.bots.context import BotContext
from tradepit.bots.events import BotEvent, EventKind
from tradepit.bots.market import Market

__all__ = ["BotBase", "BotContext", "BotEvent", "EventKind", "Market"]
