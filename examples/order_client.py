"""A client with the package's own OrderClient: reads the market, sends an order near it, and hears what becomes of it.

    python examples/order_client.py [SETTINGS.yaml]

Without settings it uses those of the demo that runs in this folder (.tradepit/running.yaml).
"""

import asyncio
import sys
from pathlib import Path

import msgspec

from tradepit.compose.wiring import Wiring
from tradepit.config import load
from tradepit.ports.bus import Message
from tradepit.runtime.ids import new_id
from tradepit.runtime.order_client import Refused
from tradepit.trading.model.errors import OutcomeUnknown
from tradepit.wire.simulator import MARKET_TICK, TRADES_EXECUTED, TickData, TradeData

ACCOUNT, SYMBOL = "A1", "IF2501"


def say(text: object) -> None:
    """One line for whoever runs this."""
    sys.stdout.write(f"{text}\n")


async def main(settings: Path) -> None:
    """Buy one lot at the best ask, wait for its trade, and cancel it if none comes within two seconds."""
    wiring = Wiring(load(settings), process="example")
    bus = wiring.bus()
    await bus.connect()
    client = wiring.client(bus)
    client_order_id = new_id("EX")
    quoted: asyncio.Future[TickData] = asyncio.get_running_loop().create_future()
    traded = asyncio.Event()

    async def on_tick(message: Message) -> None:
        tick = msgspec.json.decode(message.payload, type=TickData)
        if tick.symbol == SYMBOL and tick.ask_volume_1 and not quoted.done():
            quoted.set_result(tick)

    async def on_trade(message: Message) -> None:
        trade = msgspec.json.decode(message.payload, type=TradeData)
        if trade.client_order_id == client_order_id:
            say(f"trade {trade.tradeid}: {trade.volume} at {trade.price}, fee {trade.fee}")
            traded.set()

    await bus.subscribe(MARKET_TICK, on_tick)
    await bus.subscribe(TRADES_EXECUTED, on_trade)
    try:
        tick = await asyncio.wait_for(quoted, timeout=10)
        say(f"market {tick.bid_price_1} / {tick.ask_price_1} at {tick.datetime}")
        # Retries inside carry the same id: whatever dies meanwhile, this is one order.
        reply = await client.submit(
            side="BUY", symbol=SYMBOL, price=tick.ask_price_1, volume=1, account=ACCOUNT, client_order_id=client_order_id
        )
        say(f"order {reply['orderid']}: {reply['order_status']}, {reply['traded']} traded")
        try:
            await asyncio.wait_for(traded.wait(), timeout=2)
        except TimeoutError:
            say(f"cancel: {await client.cancel(account=ACCOUNT, client_order_id=client_order_id)}")
    except Refused as refusal:
        say(f"refused for good: {refusal} {refusal.reply.get('details')}")
    except OutcomeUnknown as doubt:
        say(f"not settled in time, ask again later with the id {client_order_id}: {doubt}")
    finally:
        await bus.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".tradepit/running.yaml")))
