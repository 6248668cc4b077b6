"""What of a message is kept when nobody can use it."""

from collections.abc import Mapping

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.ports.bus import Message
from tradepit.services.dead_letters import DeadLetters
from tradepit.trading.model.errors import BadRequest, PayloadTooLarge
from tradepit.wire import tq

CONTRACT = tq.contract("p1")


class _SmallBus(MemoryBus):
    """Takes a hundred thousand bytes, no more."""

    async def publish(
        self, subject: str, payload: bytes, *, message_id: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        if len(payload) > 100_000:
            raise PayloadTooLarge(bytes=len(payload))
        await super().publish(subject, payload, message_id=message_id, headers=headers)


async def letters_of(*payloads: bytes) -> list[Message]:
    hub, found = MemoryHub(), list[Message]()
    bus = _SmallBus(hub, channels=CONTRACT.channels)
    await bus.connect()
    dead = DeadLetters(bus, CONTRACT.dead_letters)
    for payload in payloads:
        message = Message(subject="s", payload=payload, headers={}, sequence=0, redelivered=False)
        await dead.bury(message, BadRequest("two\nlines, and 漢字"), "the_queue")

    async def keep(letter: Message) -> None:
        found.append(letter)

    subscription = await bus.subscribe(CONTRACT.dead_letters.channel, keep, group="look")
    await subscription.stop()
    await bus.close()
    assert dead.buried == {"INVALID_REQUEST": len(payloads)}
    return found


async def test_a_letter_is_the_message_with_its_reason() -> None:
    [letter] = await letters_of(b"\xff")
    assert letter.payload == b"\xff"
    detail = "INVALID_REQUEST: two lines, and ??"
    assert letter.headers == {"x-reason": "INVALID_REQUEST", "x-detail": detail, "x-queue": "the_queue"}


async def test_of_what_the_bus_does_not_take_the_beginning_is_kept_and_its_size() -> None:
    [letter] = await letters_of(b"ab" * 60_000)
    assert letter.payload == b"ab" * 32_768
    assert letter.headers[tq.SIZE_HEADER] == "120000"
