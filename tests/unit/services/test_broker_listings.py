"""The broker's contracts as the gateway knows them: asked again and again, unknown ones not all the time, phases told as they change."""

import asyncio
from contextlib import suppress

import pytest
from tests.order_path import START_NS, FakeBroker, Venue, away
from tests.step_clock import StepClock

from tradepit.services.broker_listings import BrokerListings
from tradepit.trading.model.errors import Unavailable
from tradepit.trading.model.terms import SessionPhase


class Scene:
    """Listings over a broker, and the phases that were told."""

    def __init__(self) -> None:
        self.broker, self.clock = FakeBroker(Venue()), StepClock(START_NS)
        self.phases: list[tuple[str, SessionPhase]] = []
        self.listings = BrokerListings(self.broker, self.clock, lambda symbol, phase: self.phases.append((symbol, phase)))

    async def run(self, *, seconds: float) -> None:
        """Ask for a while."""
        asking = asyncio.ensure_future(self.listings.run())
        await self.clock.advance(seconds)
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking


async def test_an_unknown_contract_is_asked_for_once_a_second_and_a_known_one_never() -> None:
    scene = Scene()
    assert await scene.listings.find("IF9912") is None
    assert await scene.listings.find("IF9912") is None
    assert scene.broker.count("find") == 1
    await scene.clock.advance(1.0)
    assert await scene.listings.find("IF9912") is None
    assert scene.broker.count("find") == 2
    for _ in range(3):
        assert (await scene.listings.find("IF2501")) is scene.broker.listings[0]
    assert scene.broker.count("find") == 3
    assert scene.phases == [("IF2501", SessionPhase.CONTINUOUS)]


async def test_a_broker_that_is_away_leaves_what_was_known_and_its_age_tells() -> None:
    scene = Scene()
    assert scene.listings.age_s == -1.0
    await scene.run(seconds=0.5)
    assert len(scene.listings.all()) == 1
    scene.broker.mishaps["instruments"] = away(3)
    await scene.run(seconds=2.5)
    assert len(scene.listings.all()) == 1
    assert "nobody listens" in scene.listings.problem
    assert scene.listings.age_s > 2
    await scene.run(seconds=0.5)
    assert (scene.listings.problem, scene.listings.age_s) == ("", 0.5)


async def test_a_contract_that_is_listed_no_more_is_gone_and_its_phase_is_told_when_it_comes_back() -> None:
    scene = Scene()
    await scene.run(seconds=0.5)
    listed, scene.broker.listings = scene.broker.listings, []
    await scene.run(seconds=0.5)
    assert scene.listings.all() == []
    scene.broker.listings = [scene.broker.listing(listed[0].instrument, SessionPhase.CLOSED)]
    await scene.run(seconds=0.5)
    assert scene.phases == [("IF2501", SessionPhase.CONTINUOUS), ("IF2501", SessionPhase.CLOSED)]


async def test_a_question_that_cannot_be_asked_is_no_answer() -> None:
    scene = Scene()
    scene.broker.mishaps["find"] = away()
    with pytest.raises(Unavailable):
        await scene.listings.find("IF2501")
    assert await scene.listings.find("IF2501") is not None
