"""``tradepit order``, ``cancel`` and ``algo``: a trader's hands on a running house."""

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Literal

from tradepit.cli.loop import run
from tradepit.cli.output import fail, print_fields, print_json
from tradepit.compose import Wiring
from tradepit.config import Settings
from tradepit.runtime.ids import new_id
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

    async def work(client: OrderClient) -> Reply:
        return await client.submit(
            side=side.upper(),
            symbol=symbol,
            price=None if price == "market" else _decimal(price),
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

    try:
        reply = run(connected())
    except TradepitError as error:
        return fail(error, json=json)
    if json:
        print_json(reply)
    else:
        print_fields(title, reply)
    return 0


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise BadRequest("price must be a number or the word market", price=text[:40]) from error
