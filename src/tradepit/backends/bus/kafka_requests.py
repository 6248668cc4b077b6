"""Requests and answers on Kafka: one topic on which responders say what they answer, and questions and answers find their way.

Kafka does not tell whether anybody listens. So a responder says what it serves, when it begins and when it is asked who does;
a question goes to responders that are known by name, and is certainly not acted on where none has made itself known.
"""

import asyncio
import itertools
import random
from collections.abc import Mapping, Sequence

import msgspec
from loguru import logger

from tradepit.backends.bus.kafka_link import KafkaLink, check_topic, pattern_of
from tradepit.backends.bus.kafka_publisher import KafkaPublisher
from tradepit.backends.bus.kafka_reader import KafkaReader
from tradepit.backends.bus.kafka_topics import TopicWatch
from tradepit.ports.bus import Message, Responder
from tradepit.ports.clock import Clock
from tradepit.runtime.eager import Started
from tradepit.runtime.ids import new_id
from tradepit.trading.model.errors import InternalError, TimedOut, TradepitError, Unavailable

_KIND, _SUBJECT, _TO, _NUMBER, _ERROR, _GROUP, _FROM = "kind", "subject", "to", "number", "error", "group", "from"
_WHO, _HERE, _GONE, _ASK, _ANSWER, _NOBODY = "who", "here", "gone", "ask", "answer", "nobody"
# Answers are of no use to anybody who was not there to hear them.
SETTINGS = {"retention.ms": "600000", "segment.ms": "600000"}
_LOOK_AROUND_S, _SEND_S = 1.0, 2.0


class _Known(msgspec.Struct, frozen=True):
    """A responder somewhere that made itself known."""

    subject: str
    group: str


class _Question(msgspec.Struct):
    """A question under way, and who may still answer it."""

    answer: "asyncio.Future[bytes]"
    asked: set[str]


class KafkaDesk:
    """The one place of a bus where questions are asked and answered."""

    def __init__(self, link: KafkaLink, watch: TopicWatch, clock: Clock, *, topic: str) -> None:
        self._link, self._topic = link, topic
        # What is asked, answered or announced is worth little later, and must not hold up the end.
        self._publisher = KafkaPublisher(link, clock, timeout_s=_SEND_S)
        self._me = new_id("K")
        self._numbers = itertools.count(1)
        self._reader = KafkaReader(link, watch, topic, self._on_message)
        self._servings: dict[str, KafkaServing] = {}
        self._known: dict[str, _Known] = {}
        self._questions: dict[str, _Question] = {}
        self._news = asyncio.Event()
        self._chance = random.Random()  # noqa: S311 - spreads questions, guards nothing

    async def start(self) -> None:
        """Be ready to ask and to answer. Raises Unavailable, ConfigError."""
        await self._link.ensure(self._topic, SETTINGS)
        self._publisher.start()
        await self._reader.start()

    async def stop(self) -> None:
        """Send what is to be sent, end. Idempotent."""
        await self._publisher.stop()
        await self._reader.stop()

    async def ask(self, subject: str, payload: bytes, *, timeout_s: float) -> bytes:
        """As the port's ``request``."""
        check_topic(subject)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while chosen := await self._responders(subject, min(deadline, loop.time() + _LOOK_AROUND_S)):
            try:
                return await self._put(subject, payload, chosen, deadline, timeout_s)
            except _Nobody:
                continue
        raise Unavailable("nobody answers on this subject", subject=subject)

    async def serve(self, subject: str, responder: Responder, group: str) -> "KafkaServing":
        """As the port's ``serve``."""
        serving = KafkaServing(self, f"{self._me}-{next(self._numbers)}", subject, responder, group)
        self._servings[serving.name] = serving
        try:
            await self._here(serving)
        except Unavailable as error:
            # Whoever asks who answers will hear it.
            logger.debug("it cannot be told yet who answers on {}: {}", subject, error)
        return serving

    async def withdraw(self, serving: "KafkaServing") -> None:
        """Say that a responder answers no more."""
        if self._servings.pop(serving.name, None) is not None:
            try:
                await self._post({_KIND: _GONE, _FROM: serving.name})
            except TradepitError as error:
                logger.debug("it cannot be told that nobody answers on {}: {}", serving.subject, error)

    def answer(self, to: str, number: str, payload: bytes, *, error: str = "") -> None:
        """Send an answer; whoever asked gives up by himself where it does not arrive."""
        headers = {_KIND: _ANSWER, _TO: to, _NUMBER: number} | ({_ERROR: error} if error else {})
        try:
            self._post(headers, payload)
        except TradepitError as problem:
            logger.warning("an answer cannot be sent: {}", problem)

    # Asking

    async def _responders(self, subject: str, deadline: float) -> set[str]:
        """Whom to ask: every responder without a group, and one of each group; empty where nobody is known in time."""
        loop, asked = asyncio.get_running_loop(), False
        while True:
            self._news.clear()
            if chosen := self._choose(subject):
                return chosen
            left_s = deadline - loop.time()
            if left_s <= 0:
                return set()
            if not asked:
                asked = True
                self._post({_KIND: _WHO, _SUBJECT: subject})
            try:
                async with asyncio.timeout(left_s):
                    await self._news.wait()
            except TimeoutError:
                continue

    def _choose(self, subject: str) -> set[str]:
        groups: dict[str, list[str]] = {}
        for name, known in self._known.items():
            if pattern_of(known.subject).fullmatch(subject):
                groups.setdefault(known.group or name, []).append(name)
        return {self._chance.choice(names) for names in groups.values()}

    async def _put(self, subject: str, payload: bytes, chosen: set[str], deadline: float, timeout_s: float) -> bytes:
        loop, number = asyncio.get_running_loop(), str(next(self._numbers))
        question = self._questions[number] = _Question(loop.create_future(), set(chosen))
        try:
            async with asyncio.timeout_at(deadline):
                await self._post({_KIND: _ASK, _SUBJECT: subject, _TO: ",".join(chosen), _NUMBER: number}, payload)
                return await question.answer
        except TimeoutError as error:
            # Whoever did not answer may be gone without a word: it makes itself known again if it is not.
            for name in question.asked:
                self._known.pop(name, None)
            raise TimedOut(subject=subject, timeout_s=timeout_s) from error
        finally:
            del self._questions[number]
            question.answer.cancel()

    # What is said on the topic

    async def _on_message(self, message: Message) -> None:
        told = message.headers
        kind, to, sender = told.get(_KIND, ""), told.get(_TO, ""), told.get(_FROM, "")
        if kind == _HERE:
            self._known[sender] = _Known(told.get(_SUBJECT, ""), told.get(_GROUP, ""))
            self._news.set()
        elif kind == _GONE:
            self._known.pop(sender, None)
        elif kind == _WHO:
            self._answer_who(told.get(_SUBJECT, ""))
        elif kind == _ASK:
            self._take_question(to.split(","), message)
        elif to == self._me and kind in (_ANSWER, _NOBODY):
            self._take_answer(told, message.payload, nobody=kind == _NOBODY)

    def _answer_who(self, subject: str) -> None:
        for serving in self._servings.values():
            if serving.pattern.fullmatch(subject):
                self._here(serving)

    def _take_question(self, names: Sequence[str], message: Message) -> None:
        sender, number = message.headers.get(_FROM, ""), message.headers.get(_NUMBER, "")
        for name in names:
            serving = self._servings.get(name)
            if serving is not None:
                serving.take(msgspec.structs.replace(message, subject=message.headers.get(_SUBJECT, "")), sender, number)
            elif name.startswith(f"{self._me}-"):
                self._post({_KIND: _NOBODY, _FROM: name, _TO: sender, _NUMBER: number})

    def _take_answer(self, told: Mapping[str, str], payload: bytes, *, nobody: bool) -> None:
        question = self._questions.get(told.get(_NUMBER, ""))
        if question is None or question.answer.done():
            return
        if nobody:
            self._known.pop(told.get(_FROM, ""), None)
            question.asked.discard(told.get(_FROM, ""))
            if not question.asked:
                question.answer.set_exception(_Nobody())
        elif _ERROR in told:
            question.answer.set_exception(InternalError(told[_ERROR]))
        else:
            question.answer.set_result(payload)

    def _here(self, serving: "KafkaServing") -> "asyncio.Future[None]":
        return self._post({_KIND: _HERE, _FROM: serving.name, _SUBJECT: serving.subject, _GROUP: serving.group})

    def _post(self, headers: Mapping[str, str], payload: bytes = b"") -> "asyncio.Future[None]":
        """Say something; what cannot be said in two seconds is not said (the future then fails, whether or not somebody waits)."""
        return self._publisher.begin(self._topic, payload, headers={_FROM: self._me, **headers})


class _Nobody(Unavailable):
    """The one who was asked is gone."""


class KafkaServing:
    """Answers questions on a subject, each in a task of its own, begun in the order of arrival."""

    def __init__(self, desk: KafkaDesk, name: str, subject: str, responder: Responder, group: str) -> None:
        self._desk, self._responder = desk, responder
        self.name, self.subject, self.group, self.pattern = name, subject, group, pattern_of(subject)
        self._running: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """Take no more, finish what was begun. Idempotent."""
        await self._desk.withdraw(self)
        mine = asyncio.current_task()
        await asyncio.gather(*(task for task in self._running if task is not mine), return_exceptions=True)

    def take(self, message: Message, sender: str, number: str) -> None:
        """Begin to answer."""
        started = Started(self._answer(message, sender, number))
        if not started.finished:
            self._running.add(started.task)
            started.task.add_done_callback(self._running.discard)

    async def _answer(self, message: Message, sender: str, number: str) -> None:
        try:
            answer = await self._responder(message)
        except Exception as error:  # noqa: BLE001 - whatever a responder does, its client gets an answer, not silence
            logger.opt(exception=error).error("answering {} failed", message.subject)
            code = error.reason_code if isinstance(error, TradepitError) else InternalError.code
            self._desk.answer(sender, number, b"", error=code)
        else:
            self._desk.answer(sender, number, answer)
