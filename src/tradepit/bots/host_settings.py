"""The life of a hosted bot, and the settings of its host."""

from enum import StrEnum

import msgspec

from tradepit.bots.windows import DEFAULT_TICKS
from tradepit.trading.model.at_hand import at_hand


@at_hand
class Phase(StrEnum):
    """PAUSED: orders and events are still followed, ``on_tick`` is not called. ERROR: ``on_start`` raised, nothing is called."""

    NEW = "new"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    STOPPED = "stopped"
    ERROR = "error"


class HostSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``max_consecutive_errors`` exceptions of ``on_tick`` in a row pause the bot. ``cancel_on_pause`` and ``cancel_on_stop`` cancel
    the bot's own working orders, never those of others on the account. ``max_wishes_per_call`` ends a call that would not stop wanting.
    ``window_ticks`` are kept of each contract.
    """

    max_consecutive_errors: int = 5
    cancel_on_pause: bool = True
    cancel_on_stop: bool = True
    max_wishes_per_call: int = 1_000
    window_ticks: int = DEFAULT_TICKS
