"""What the records promise while their server dies: all is kept once, bars and progress with it, and they serve again by themselves."""

import asyncio

from tests.patience import PATIENCE_S, at_last, until
from tests.record_story import a_story, batches, told_up_to
from tests.record_world import RecordWorld
from tests.servers.postgres import PostgresServer
from tests.tick_records import TEN_NS, a_tick

from tradepit.backends.store.market import SqlMarketRecords
from tradepit.backends.store.trading import SqlTradingRecords
from tradepit.ports.market_records import StreamPlace
from tradepit.ports.trading_records import Choice
from tradepit.trading.model.errors import Unavailable


async def test_a_killed_server_loses_and_doubles_nothing(own_postgres_server: PostgresServer) -> None:
    own_postgres_server.start()
    world = RecordWorld(await own_postgres_server.create_database())
    market, trading = await world.join(), SqlTradingRecords(world.url, timeout_s=PATIENCE_S)
    await trading.connect()
    ended = asyncio.Event()
    entries = a_story().entries

    told = 0

    async def write_ticks(records: SqlMarketRecords) -> None:
        nonlocal told
        while not ended.is_set():
            number = told
            ticks = [a_tick((number + step) * 100, traded=number + step) for step in range(7)]
            await records.keep(ticks, {"IF2501": StreamPlace("r", number + 7, ticks[-1].time_ns)})
            told += 7

    async def write_orders() -> None:
        for news in batches(entries, 1):
            await trading.keep(news, told_up_to(news))
            await asyncio.sleep(0.1)

    writers = [asyncio.create_task(write_ticks(market)), asyncio.create_task(write_orders())]
    for down_s in (0.0, 0.5):
        before = told
        await until(lambda before=before: told > before + 20)  # type: ignore[misc]  # bound where it is made
        await asyncio.to_thread(own_postgres_server.kill)
        await asyncio.sleep(down_s)
        await asyncio.to_thread(own_postgres_server.start)
    await writers[1]
    ended.set()
    await writers[0]
    ticks = await market.ticks("IF2501", TEN_NS, TEN_NS + 10**15)
    assert [tick.day_volume for tick in ticks] == list(range(told))
    assert sum(bar.count for bar in await market.bars("IF2501", "1s", TEN_NS, TEN_NS + 10**15)) == told
    assert sum(bar.volume for bar in await market.bars("IF2501", "1m", TEN_NS - 10**12, TEN_NS + 10**15)) == told - 1
    assert (await market.places())["IF2501"].sequence == told
    assert (len(await trading.orders(Choice())), len(await trading.executions(Choice()))) == (5, 5)
    assert (await trading.told()).entry == len(entries)
    await market.close()
    await trading.close()


async def test_a_dead_server_is_unavailable_and_nothing_is_half_kept(own_postgres_server: PostgresServer) -> None:
    own_postgres_server.start()
    url = await own_postgres_server.create_database()
    records = SqlMarketRecords(url, timeout_s=0.4)
    trading = SqlTradingRecords(url, timeout_s=0.4)
    await at_last(records.connect)
    await at_last(trading.connect)
    [news] = batches(a_story().entries, 100)
    await asyncio.to_thread(own_postgres_server.kill)
    refused = await asyncio.gather(records.keep([a_tick()]), trading.keep(news, told_up_to(news)), return_exceptions=True)
    assert {isinstance(error, Unavailable) for error in refused} == {True}
    await asyncio.to_thread(own_postgres_server.start)
    assert await at_last(lambda: records.latest("IF2501")) is None
    await at_last(lambda: trading.keep(news, told_up_to(news)))
    await at_last(lambda: records.keep([a_tick()]))
    assert await at_last(lambda: records.latest("IF2501")) is not None
    await records.close()
    await trading.close()
