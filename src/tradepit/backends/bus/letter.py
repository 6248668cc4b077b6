"""A message that a bus was asked to keep, until it is known whether it is kept."""

import asyncio
from collections import OrderedDict

from tradepit.trading.model.errors import TimedOut, TradepitError, Unavailable

_REMEMBERED = 65_536


class Letter:
    """``done`` is settled once; ``sent`` says whether it may have reached the server."""

    __slots__ = ("done", "sent", "subject")

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sent = False

    def expired(self) -> Unavailable:
        """What became of it when its time is over: it may be kept, or it is not."""
        return TimedOut(subject=self.subject) if self.sent else Unavailable(subject=self.subject)

    def settle(self, error: TradepitError | None = None) -> None:
        """It is kept, or it failed."""
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)
            self.done.exception()  # nobody may be waiting any more

    @property
    def failed(self) -> bool:
        """Whether it is certain, or must be feared, that it was not kept."""
        return self.done.done() and (self.done.cancelled() or self.done.exception() is not None)


class LettersById:
    """The newest 65,536 letters that have an id: one that is kept, or on its way, is not published again."""

    def __init__(self) -> None:
        self._letters: OrderedDict[str, Letter] = OrderedDict()

    def again(self, message_id: str) -> "asyncio.Future[None] | None":
        """The fate of the letter of this id, None when there is none or it failed. Whoever gives up waiting does not end the letter."""
        known = self._letters.get(message_id) if message_id else None
        if known is None or known.failed:
            return None
        fate = asyncio.shield(known.done)
        fate.add_done_callback(lambda future: future.cancelled() or future.exception())  # nobody may be waiting any more
        return fate

    def remember(self, message_id: str, letter: Letter) -> None:
        """Keep it in mind, if it has an id."""
        if message_id:
            self._letters[message_id] = letter
            if len(self._letters) > _REMEMBERED:
                self._letters.popitem(last=False)
