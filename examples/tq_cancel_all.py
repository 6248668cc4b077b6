"""The emergency brake beside the broker connect: a cancel for every order of the portfolio that is not finished, until none is left.

    python examples/tq_cancel_all.py config.yaml [SECONDS]

The canceller must run (``tq_order_canceller``, or the one process of the flat shape). Ends with 1 when orders are left.
"""

import asyncio
import sys
from pathlib import Path

from tradepit.bots.engine import TqBrokerClient
from tradepit.compose.contracts import contract_of
from tradepit.compose.wiring import Wiring
from tradepit.config_tq import load_tq
from tradepit.runtime.ids import new_id


async def main(config: Path, seconds: int) -> int:
    """How many orders are left."""
    connect = load_tq(config)
    settings = connect.settings()
    wiring = Wiring(settings, process="brake", secrets=connect.secrets())
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
        for _ in range(seconds):
            left = await rows.orders(connect.portfolio_id, unfinished=True)
            print(f"{len(left)} left", *(order.order_id for order in left), flush=True)
            if not left:
                return 0
            for order in left:
                # A cancel told twice is one; an order that has finished meanwhile stays as it is.
                await client.cancel(order.order_id)
            await asyncio.sleep(1)
        return len(await rows.orders(connect.portfolio_id, unfinished=True))
    finally:
        for link in (rows, cache, bus):
            await link.close()


if __name__ == "__main__":
    path, *rest = sys.argv[1:]
    sys.exit(1 if asyncio.run(main(Path(path), int(rest[0]) if rest else 30)) else 0)
