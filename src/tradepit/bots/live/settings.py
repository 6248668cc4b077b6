"""What a runner is told: which bots, and how they are watched and stopped."""

from typing import Annotated, Any, Literal

import msgspec

from tradepit.bots.host_settings import HostSettings

Token = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3_600)]


class BotRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One bot: ``bot`` is ``file.py``, ``file.py:Class`` or ``package.module:Class``, ``params`` are its parameters.

    ``symbols`` are the contracts it sees, none for all. ``seed`` is that of its dice. ``mount`` is a folder with ``config.json``
    (parameters, over which ``params`` go) and ``broker.json`` (secrets), read at each start of the bot, or ``vault:path`` for
    secrets alone.
    """

    bot: str
    bot_id: Token
    account: Token
    params: dict[str, Any] = {}
    symbols: tuple[Token, ...] = ()
    seed: int = 1
    mount: str = ""


class RunnerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How bots are run. Seconds: ``graceful_s`` a stop may take before it is forced (a process has ten for all of it), ``stuck_s``
    after which a call counts as stuck, ``keep_s`` between two memories kept, ``ask_s`` after which an order without an answer is
    asked for again, ``resend_s`` up to which it is sent again with its own id; after that it is only asked for.

    ``orders``: as ``intents`` on the bot platform's topics, each waited for ``intent_s`` at a time; by ``rpc`` at order management's
    door; on the queues of a broker connect, whose ``config.yaml`` is ``engine``; ``auto``: as intents where the profile has a trade
    executor.

    ``warm_up`` fills the windows before the first tick: from the Data API at ``data_api`` (``http://host:port``; without one the house's
    own, where its profile starts one), and what that does not have from the market recorder's files. ``host`` is about a bot's own life.
    """

    graceful_s: Annotated[float, msgspec.Meta(gt=0, le=8)] = 5.0
    stuck_s: Seconds = 5.0
    keep_s: Seconds = 5.0
    ask_s: Seconds = 1.0
    resend_s: Seconds = 10.0
    orders: Literal["auto", "intents", "rpc", "engine"] = "auto"
    intent_s: Seconds = 5.0
    engine: str = ""
    warm_up: bool = True
    data_api: str = ""
    host: HostSettings = HostSettings()
