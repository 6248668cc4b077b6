"""An order's way from the journal to the broker and back: sent once it is durable, its answer learned, all who wait for it told."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from tradepit.ports.broker import Broker
from tradepit.ports.clock import Clock
from tradepit.runtime.eager import Started
from tradepit.runtime.journal_writer import JournalWriter
from tradepit.services.leading_term import Key, Term, key_of
from tradepit.trading.model.errors import NotActive, OutcomeUnknown, StaleEpoch, TradepitError, Unavailable
from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import OrderStatus
from tradepit.trading.orders import events as facts
from tradepit.trading.risk.review import Approved

Written = asyncio.Future[int]


class OrderSender:
    """Orders on their way to the broker, by key. A caller that goes away does not end one; ``stop`` does.

    Callbacks carry an order, not a task of its own: at a thousand orders a second their tasks cost as much as the orders, and each
    turn of the event loop they wait for puts off an answer.
    """

    def __init__(self, term: Term, broker: Broker, writer: JournalWriter, clock: Clock, on_fenced: Callable[[], None]) -> None:
        self._term, self._broker, self._writer, self._clock = term, broker, writer, clock
        self._on_fenced = on_fenced
        self._gathers, self._at_broker = broker.capabilities.gathers, 0
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[Key, list[asyncio.Future[Order]]] = {}
        self._asking: set[asyncio.Task[Order]] = set()

    def __contains__(self, key: object) -> bool:
        return key in self._waiting

    def __len__(self) -> int:
        return len(self._waiting)

    def send(self, approved: Approved, written: Written) -> "asyncio.Future[Order]":
        """Send an order once ``written`` is done; the order as it is known after the answer, or OutcomeUnknown, NotActive."""
        answer = self._loop.create_future()
        self._waiting[key_of(approved.intent)] = [answer]
        if written.done():
            self._leave(approved, written)
        else:
            written.add_done_callback(partial(self._leave, approved))
        return answer

    def of(self, key: Key) -> "asyncio.Future[Order]":
        """The answer to the order under way; the future is the caller's own. Raises KeyError when there is none."""
        answer = self._loop.create_future()
        self._waiting[key].append(answer)
        return answer

    async def join(self, key: Key) -> None:
        """Wait until the order is no longer under way, however that ends; at once when there is none."""
        if key in self._waiting:
            await asyncio.wait({self.of(key)})

    async def drain(self, timeout_s: float) -> None:
        """Give what is under way so many seconds to be answered."""
        if self._waiting:
            await asyncio.wait({self.of(key) for key in self._waiting}, timeout=timeout_s)

    async def stop(self) -> None:
        """Send nothing any more; what became of those under way is unknown to whoever waits."""
        waiting, self._waiting = self._waiting, {}
        for (_, client_order_id), answers in waiting.items():
            _tell(answers, OutcomeUnknown(client_order_id=client_order_id))
        asking = tuple(self._asking)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    def _leave(self, approved: Approved, written: Written) -> None:
        if key_of(approved.intent) not in self._waiting:
            return
        error = written.exception()
        if error is not None:
            self._end(approved, NotActive() if isinstance(error, StaleEpoch) else error)
            return
        self._at_broker += 1
        if self._gathers:
            self._writer.hold()
        asked = self._broker.submit(approved, epoch=self._term.epoch)
        if isinstance(asked, asyncio.Future):
            asked.add_done_callback(partial(self._answered, approved))
            return
        begun = Started(_outcome(asked))
        if begun.finished:
            self._answered(approved, begun)
        else:
            self._asking.add(begun.task)
            begun.task.add_done_callback(self._asking.discard)
            begun.task.add_done_callback(partial(self._answered, approved))

    def _answered(self, approved: Approved, answer: "asyncio.Future[Order] | Started[Order]") -> None:
        self._at_broker -= 1
        if not self._at_broker:
            # Behind those who wait for these answers.
            self._loop.call_soon(self._writer.release)
        if key_of(approved.intent) not in self._waiting:
            _read(answer)
            return
        try:
            self._end(approved, self._term.learn_order(answer.result()))
        except StaleEpoch:
            self._on_fenced()
            self._end(approved, NotActive())
        except (OutcomeUnknown, Unavailable) as error:
            self._doubt(approved, error)
        except Exception as error:  # noqa: BLE001 - whoever waits must be told, whatever it is
            self._end(approved, error)

    def _doubt(self, approved: Approved, error: TradepitError) -> None:
        account, client_order_id = key = key_of(approved.intent)
        told = self._term.desk.register.orders[key]
        if told.status is not OrderStatus.SENDING:
            # The broker's reports were faster than its answer.
            self._end(approved, told)
            return
        doubt = facts.OrderUnknown(
            time_ns=self._clock.now_ns(), account=account, client_order_id=client_order_id, reason=error.reason_code
        )
        unknown = OutcomeUnknown(client_order_id=client_order_id)
        unknown.__cause__ = error
        try:
            written = self._term.record(doubt)
        except NotActive as fenced:
            self._end(approved, fenced)
            return
        written.add_done_callback(lambda kept: self._end(approved, NotActive() if kept.exception() else unknown))

    def _end(self, approved: Approved, outcome: Order | BaseException) -> None:
        _tell(self._waiting.pop(key_of(approved.intent), ()), outcome)


async def _outcome(asked: Awaitable[Order]) -> Order:
    return await asked


def _tell(answers: "list[asyncio.Future[Order]] | tuple[()]", outcome: Order | BaseException) -> None:
    for answer in answers:
        if answer.done():
            continue  # a caller that went away
        if isinstance(outcome, Order):
            answer.set_result(outcome)
        else:
            answer.set_exception(outcome)
            answer.exception()  # who waits reads it; nobody may be left


def _read(answer: Any) -> None:  # noqa: ANN401 - a future or its stand-in
    """An answer that comes when nobody waits must not make the loop complain about an exception nobody reads."""
    if isinstance(answer, asyncio.Future) and not answer.cancelled():
        answer.exception()
