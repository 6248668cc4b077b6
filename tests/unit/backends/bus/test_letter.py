"""A letter to a bus: settled once, published once, and nobody who gives up waiting ends it for the others."""

import asyncio

import pytest

from tradepit.backends.bus.letter import Letter, LettersById
from tradepit.trading.model.errors import BadRequest, TimedOut, Unavailable


async def test_it_is_settled_once() -> None:
    letter = Letter("orders.new")
    letter.settle()
    letter.settle(BadRequest("too late"))
    await letter.done
    assert not letter.failed


async def test_what_may_have_arrived_is_told_from_what_has_not() -> None:
    letter = Letter("orders.new")
    assert type(letter.expired()) is Unavailable
    letter.sent = True
    assert isinstance(letter.expired(), TimedOut)


async def test_an_id_is_published_again_only_when_it_failed() -> None:
    letters, letter = LettersById(), Letter("orders.new")
    assert letters.again("one") is None
    letters.remember("one", letter)
    first, second = letters.again("one"), letters.again("one")
    assert first is not None
    assert second is not None
    first.cancel()
    letter.settle()
    await second
    assert not letter.done.cancelled()
    failed = Letter("orders.new")
    failed.settle(Unavailable("gone"))
    letters.remember("one", failed)
    assert letters.again("one") is None
    with pytest.raises(Unavailable):
        await failed.done


async def test_what_has_no_id_is_not_remembered() -> None:
    letters = LettersById()
    letters.remember("", Letter("orders.new"))
    assert letters.again("") is None
    await asyncio.sleep(0)
