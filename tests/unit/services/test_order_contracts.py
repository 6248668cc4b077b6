"""Contracts are looked for when an order names them: known ones at once, unknown ones not again and again, none is guessed."""

import pytest
from tests.order_path import Office, away
from tests.waiting import until

from tradepit.trading.model.errors import InstrumentNotFound, Unavailable


async def test_a_contract_is_asked_for_once() -> None:
    office = Office()
    leader = await office.leader()
    await until(lambda: bool(leader.desk.register.instruments))
    (symbol,) = [listing.instrument.symbol for listing in office.broker.listings][:1]
    assert (await leader.instrument(symbol)).symbol == symbol
    with pytest.raises(InstrumentNotFound):
        await leader.instrument("IF9912")
    # Within the same second nobody is asked: the broker's absence does not show.
    office.broker.mishaps["find"] = away()
    with pytest.raises(InstrumentNotFound):
        await leader.instrument("IF9912")
    # Another unknown one is asked for; a broker that is away is no answer, and is asked again.
    with pytest.raises(Unavailable):
        await leader.instrument("IF9909")
    with pytest.raises(InstrumentNotFound):
        await leader.instrument("IF9909")
    await leader.stop()
