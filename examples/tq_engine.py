"""An engine's first order through the broker connect: publish it, watch what becomes of it, cancel what is left, look at the account.

    python examples/tq_engine.py config.yaml SHFE.rb2505 BUY OPEN 1 3300 [SECONDS]

``config.yaml`` is the broker connect's own; what the environment says of it (``TRADEPIT_RABBITMQ__URL``, …) holds here too.
"""

import asyncio
import sys
from decimal import Decimal
from pathlib import Path

from tradepit.bots.engine import TqBrokerClient
from tradepit.compose.contracts import contract_of
from tradepit.compose.wiring import Wiring
from tradepit.config_tq import load_tq
from tradepit.runtime.ids import new_id

FINISHED = {"COMPLETE_FILL", "CANCELLED", "REJECTED"}


async def main(config: Path, symbol: str, direction: str, offset: str, volume: int, price: Decimal, seconds: float) -> None:
    """One order, from its id to the account after it."""
    connect = load_tq(config)
    settings = connect.settings()
    wiring = Wiring(settings, process="engine", secrets=connect.secrets())
    bus, cache, rows = wiring.bus(), wiring.cache(), wiring.store()
    for link in (bus, cache, rows):
        await link.connect()
    client = TqBrokerClient(
        bus,
        cache,
        rows,
        wiring.clock,
        contract=contract_of(settings),
        portfolio_id=connect.portfolio_id,
        new_id=lambda: new_id("E"),
    )
    try:
        # Written down before it is published: in doubt the same id may be published again and trades once.
        order_id = new_id("E")
        print("order", order_id, flush=True)
        await client.submit(symbol, direction, offset, volume, price, order_id=order_id)
        seen = await tell(client, order_id, seconds)
        if not FINISHED & set(seen):
            print("cancelling", order_id, flush=True)
            await client.cancel(order_id)
            await tell(client, order_id, seconds, seen)
        print("position", await client.position(symbol))
        print("account", await client.account())
    finally:
        for link in (rows, cache, bus):
            await link.close()


async def tell(client: TqBrokerClient, order_id: str, seconds: float, seen: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Print what becomes of an order, after what was ``seen``, until it is finished or so many seconds are over; all seen."""
    for _ in range(int(seconds * 5)):
        events = await client.events(order_id)
        for event in events[len(seen) :]:
            print(event.kind, event.body.decode(), flush=True)
        seen = tuple(event.kind for event in events)
        if FINISHED & set(seen):
            break
        await asyncio.sleep(0.2)
    return seen


if __name__ == "__main__":
    path, symbol, direction, offset, volume, price, *rest = sys.argv[1:]
    asyncio.run(main(Path(path), symbol, direction, offset, int(volume), Decimal(price), float(rest[0]) if rest else 10.0))
