"""The newest quote is the exchange's own book's while it is told, else the market's."""

from collections.abc import Awaitable, Callable

from tradepit.backends.bus.memory import MemoryBus
from tradepit.runtime.clock import ManualClock
from tradepit.runtime.quote_board import QuoteBoard


def payload(bid: str) -> bytes:
    return (
        '{"symbol":"IF2501","last_price":3900,"limit_up":4290,"limit_down":3510,'
        f'"bid_price_1":{bid},"bid_volume_1":1,"ask_price_1":3901,"ask_volume_1":2}}'
    ).encode()


async def test_the_book_counts_while_it_is_fresh(bus: MemoryBus, turns: Callable[[], Awaitable[None]]) -> None:
    clock = ManualClock(1)
    board = QuoteBoard(bus, clock)
    await board.start()
    seen = []
    for seconds, topic, bid in ((1, "tick", "3900.0"), (2, "depth", "3900.2"), (3, "tick", "3900.4"), (5, "tick", "3900.6")):
        clock.advance_to(seconds * 10**9)
        await bus.publish(f"market.{topic}.IF2501", payload(bid))
        await turns()
        newest = board.newest("IF2501")
        assert newest is not None
        seen.append(str(newest[0].bid_price_1))
    assert seen == ["3900.0", "3900.2", "3900.2", "3900.6"]
    await bus.publish("market.tick.IF2501", b"junk")
    await turns()
    assert board.refused == 1
    assert board.newest("IC2501") is None
    await board.stop()
