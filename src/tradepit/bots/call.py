"""Calls a bot's method, whatever kind of function it is, and takes what it wants as it comes."""

from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterable, Mapping
from inspect import isawaitable
from typing import Any

from tradepit.trading.model.errors import BotRefused, TradepitError

FAULTS = (Exception, SystemExit)
"""What a bot may raise without anybody else taking harm: ``sys.exit`` in a bot ends the call, not the process."""

_SHOWN = 20
Take = Callable[[object], object]
Then = Callable[[BaseException | None], None] | None
Rest = Coroutine[Any, Any, None] | None


def take_all(told: object, take: Take) -> Rest:
    """Hand everything a method returned to ``take``, in order; a coroutine that goes on with it when the method is asynchronous.

    Raises BotRefused BOT_ANSWER_NOT_VALID for what is neither nothing, nor one wish, nor several. What was taken before an exception
    stays taken.
    """
    if told is None:
        return None
    if type(told) is dict:
        # What most bots return; to ask of it whether it is one of the kinds below costs more than to take it.
        take(told)
        return None
    if isinstance(told, AsyncIterable):
        return _take_each(told, take)
    if isawaitable(told):
        return _take_awaited(told, take)
    if isinstance(told, Mapping) or hasattr(told, "__struct_fields__"):
        take(told)
    elif isinstance(told, Iterable) and not isinstance(told, str | bytes):
        for wish in told:
            take(wish)
    else:
        raise BotRefused("BOT_ANSWER_NOT_VALID", "on_tick returns intents or nothing.", type=type(told).__name__)
    return None


async def _take_each(told: AsyncIterable[object], take: Take) -> None:
    async for wish in told:
        take(wish)


async def _take_awaited(told: Awaitable[object], take: Take) -> None:
    following = take_all(await told, take)
    if following is not None:
        await following


def drive(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end on the spot, without an event loop: what a backtest does, whose time is not the world's.

    ``asyncio.sleep(0)`` is passed over. Where it waits for anything else, BotRefused BOT_AWAITS_THE_WORLD is raised inside it.
    """
    waits_for: object = None
    while True:
        try:
            if waits_for is None:
                waits_for = coroutine.send(None)
            else:
                told = "A bot in a backtest cannot wait for the world's clock or network."
                waits_for = coroutine.throw(BotRefused("BOT_AWAITS_THE_WORLD", told))
        except StopIteration:
            return


class Caller:
    """Calls methods of one bot and keeps its exceptions: they are counted and logged, and told to whoever wanted the call."""

    def __init__(self, bot_id: str, logger: Any, after_each: Callable[[], None]) -> None:  # noqa: ANN401 - any logger
        self.exceptions = 0
        self.last_error = ""
        self._bot_id, self._logger, self._after_each = bot_id, logger, after_each

    def call(self, method: Callable[..., object], argument: object, take: Take, then: Then = None) -> Rest:
        """Call ``method(argument)`` (without, when it is None); what goes on asynchronously is returned and must be awaited or driven.

        ``then`` is told the exception or None; what the bot wanted before it is sent nevertheless.
        """
        failure: BaseException | None = None
        try:
            told = method() if argument is None else method(argument)
            rest = take_all(told, take) if told is not None else None
            if rest is not None:
                return self._go_on(rest, method, then)
        except FAULTS as error:
            failure = error
            self._failed(method, error)
        if then is not None:
            then(failure)
        self._after_each()
        return None

    async def _go_on(self, rest: Coroutine[Any, Any, None], method: Callable[..., object], then: Then) -> None:
        failure: BaseException | None = None
        try:
            await rest
        except FAULTS as error:
            failure = error
            self._failed(method, error)
        if then is not None:
            then(failure)
        self._after_each()

    def _failed(self, method: Callable[..., object], failure: BaseException) -> None:
        self.exceptions += 1
        name = getattr(method, "__name__", "call")
        self.last_error = f"{name}: {failure if isinstance(failure, TradepitError) else repr(failure)}"[:300]
        # A bot that raises now and then would fill the log: the first ones are shown, all are counted.
        level = "ERROR" if self.exceptions <= _SHOWN else "DEBUG"
        self._logger.opt(exception=failure).log(level, "bot {}: {} raised", self._bot_id, name)
