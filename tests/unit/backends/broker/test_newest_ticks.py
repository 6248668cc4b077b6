"""Readers of ticks: one of each contract waits, the newest, however slow the reader is."""

import asyncio

from tradepit.backends.broker.newest_ticks import NewestTicks
from tradepit.backends.broker.tqsdk.frames import ToldTick


def tick(symbol: str, last: float) -> ToldTick:
    return ToldTick(symbol=symbol, price_tick=1.0, time_ns=1, trading_day=20250106, last=last)


async def test_a_slow_reader_gets_the_newest_of_each() -> None:
    newest = NewestTicks[ToldTick]()
    assert not newest.read
    with newest.reader() as slow, newest.reader() as quick:
        assert newest.read
        newest.put([tick("SHFE.rb2505", 1.0), tick("SHFE.hc2505", 2.0)])
        assert len(await quick.take()) == 2
        for price in range(3, 1000):
            newest.put([tick("SHFE.rb2505", float(price))])
        assert [told.last for told in await quick.take()] == [999.0]
        assert sorted((told.symbol, told.last) for told in await slow.take()) == [("SHFE.hc2505", 2.0), ("SHFE.rb2505", 999.0)]
        waiting = asyncio.ensure_future(slow.take())
        await asyncio.sleep(0)
        assert not waiting.done()
        newest.put([tick("SHFE.hc2505", 5.0)])
        assert [told.last for told in await waiting] == [5.0]
    assert not newest.read
    newest.put([tick("SHFE.rb2505", 1.0)])
