"""An order over bare NATS and JSON, as a client in any language sends it: asked again with the same id until it is settled.

    python examples/raw_nats_order.py [nats://127.0.0.1:PORT]

Without a URL it looks where the demo of this folder listens (.tradepit/running.yaml).
"""

import asyncio
import json
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

import nats
import nats.errors
from nats.aio.client import Client

SETTLES_NOTHING = {
    "NOT_ACTIVE",
    "OUTCOME_UNKNOWN",
    "SERVICE_UNAVAILABLE",
    "TIMEOUT",
    "INTERNAL_ERROR",
    "STALE_EPOCH",
    "JOURNAL_CONFLICT",
    "JOURNAL_CLOSED",
}


def demo_url() -> str:
    """The bus of the demo that runs in this folder."""
    lines = Path(".tradepit/running.yaml").read_text(encoding="utf-8").splitlines()
    return next(line.removeprefix("bus: ") for line in lines if line.startswith("bus: "))


async def ask(client: Client, method: str, body: Mapping[str, object]) -> dict[str, object]:
    """One request to order management, repeated while the answer settles nothing. The id in ``body`` makes that harmless."""
    for _ in range(50):
        try:
            answer = await client.request(f"rpc.order-management.{method}", json.dumps(body).encode(), timeout=0.5)
        except (nats.errors.TimeoutError, nats.errors.NoRespondersError):
            reply: dict[str, object] = {"error": "TIMEOUT"}
        else:
            reply = json.loads(answer.data)
        if reply.get("error") not in SETTLES_NOTHING:
            return reply
        await asyncio.sleep(0.1)
    raise SystemExit("no settled answer in time: ask again later with the same id")


async def main(url: str) -> None:
    """Buy two lots of IF2501 at 4500 or better, look at the order, and cancel what rests."""
    client = await nats.connect(url)
    try:
        name = f"raw-{secrets.token_hex(6)}"
        order = {"symbol": "IF2501", "price": 4500, "volume": 2, "account": "A1", "offset": "OPEN", "client_order_id": name}
        for method, body in (
            ("buy", order),
            ("buy", order),  # The same id again is the same order: the answer is repeated, nothing is doubled.
            ("orders", {"client_order_id": name, "account": "A1"}),
            ("cancel", {"client_order_id": name, "account": "A1"}),
        ):
            sys.stdout.write(f"{method:<7} {json.dumps(await ask(client, method, body))}\n")
    finally:
        await client.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else demo_url()))
