"""``tradepit order``, ``cancel`` and ``algo``: a trader's hands on a running house."""

import math
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Literal

from tradepit.cli.loop import run
from tradepit.cli.output import fail, print_fields, print_json
from tradepit.compose.wiring import Wiring
from tradepit.config import Settings
from tradepit.runtime.ids import new_id
from tradepit.runtime.logs import set_up
from tradepit.runtime.order_client import OrderClient, Refused
from tradepit.trading.model.errors import BadRequest, TradepitError

Reply = Mapping[str, object]


def order(
    settings: Settings,
    side: Literal["buy", "sell"],
    symbol: str,
    price: str,
    volume: int,
    *,
    account: str,
    offset: str,
    order_type: str,
    client_order_id: str,
    json: bool,
) -> int:
    """Send one order and print what became of it."""
    try:
        limit = None if price == "market" else price_of(price)
    except BadRequest as error:
        return fail(error, json=json)

    async def work(client: OrderClient) -> Reply:
        return await client.submit(
            side=side.upper(),
            symbol=symbol,
            price=limit,
            volume=volume,
            account=account,
            offset=offset,
            order_type=order_type,
            client_order_id=client_order_id or new_id("CLI"),
        )

    return _perform(settings, "order", work, json=json)


def cancel(settings: Settings, order_id: str, *, account: str, json: bool) -> int:
    """Cancel by the exchange's order id or by the client order id, whichever ``order_id`` is."""

    async def work(client: OrderClient) -> Reply:
        try:
            return await client.cancel(account=account, orderid=order_id)
        except Refused as error:
            if error.reason_code != "ORDER_NOT_FOUND":
                raise
            return await client.cancel(account=account, client_order_id=order_id)

    return _perform(settings, "cancel", work, json=json)


def algo_request(
    action: str,
    *,
    kind: str,
    symbol: str,
    side: Literal["buy", "sell"],
    volume: int,
    price: str | None,
    duration: float | None,
    interval: float | None,
    account: str,
    algo_id: str,
) -> dict[str, object]:
    """The request for an algorithm order. What is not given is left out: an amendment leaves it as it is. Raises BadRequest."""
    times = {"duration": duration, "interval": interval}
    given = {name: seconds for name, seconds in times.items() if seconds is not None}
    if not all(0 < seconds < math.inf for seconds in given.values()):
        raise BadRequest("duration and interval must be above 0")
    body: dict[str, object] = {"action": action, "algo": kind, "symbol": symbol, "volume": volume, "account": account}
    body |= {"direction": "LONG" if side == "buy" else "SHORT", "algo_id": algo_id, **given}
    return body if price is None else {**body, "price": price_of(price)}


def algo(settings: Settings, body: Mapping[str, object], *, json: bool) -> int:
    """Start or control an algorithm order."""

    async def work(client: OrderClient) -> Reply:
        return await client.call("algo_order", body)

    return _perform(settings, "algo", work, json=json)


def _perform(settings: Settings, title: str, work: Callable[[OrderClient], Awaitable[Reply]], *, json: bool) -> int:
    async def connected() -> Reply:
        wiring = Wiring(settings, process=f"cli-{title}")
        bus = wiring.bus()
        await bus.connect()
        try:
            return await work(wiring.client(bus))
        finally:
            await bus.close()

    set_up(f"cli-{title}", level="ERROR", folder=None)
    try:
        reply = run(connected())
    except TradepitError as error:
        return fail(error, json=json)
    if json:
        print_json(reply)
    else:
        print_fields(title, reply)
    return 0


def price_of(text: str) -> Decimal:
    """A price as typed. Raises BadRequest: not a number above 0 must never arrive as "no limit"."""
    try:
        price = Decimal(text)
    except InvalidOperation as error:
        raise BadRequest("price must be a number", price=text[:40]) from error
    if not price.is_finite() or price <= 0:
        raise BadRequest("price must be above 0", price=text[:40])
    return price
