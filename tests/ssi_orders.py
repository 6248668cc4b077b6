"""Orders sent through SSI, and what the house was told of them."""

import contextlib

from tests.patience import until
from tests.ssi_world import SYMBOL, SsiWorld

from tradepit.ports.broker import Broker
from tradepit.trading.model.errors import OutcomeUnknown, Unavailable
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import Report, TradeReport
from tradepit.trading.model.terms import Exchange, Offset, OrderType, Side
from tradepit.trading.risk import review

BUY, SELL = Side.BUY, Side.SELL
PRICE = 13_400


def order(
    name: str, side: Side = BUY, lots: int = 2, account: str = "A", price: int = PRICE, kind: OrderType = OrderType.LIMIT
) -> review.Approved:
    intent = OrderIntent(
        client_order_id=name,
        account=account,
        symbol=SYMBOL,
        exchange=Exchange.HNX,
        side=side,
        offset=Offset.NET,
        order_type=kind,
        price_ticks=price if kind.priced else 0,
        volume_lots=lots,
    )
    return review.Approved(intent, review._SEAL)


async def told(world: SsiWorld) -> list[Report]:
    """Every report so far."""
    found: list[Report] = []
    async for report in world.link.follow(0):
        found.append(report)
        if len(found) == world.link.book.last_report:
            break
    assert [report.sequence for report in found] == list(range(1, len(found) + 1))
    return found


def trades(reports: list[Report], name: str) -> list[tuple[int, int]]:
    return [
        (each.trade.price_ticks, each.trade.volume_lots)
        for each in reports
        if isinstance(each, TradeReport) and each.trade.client_order_id == name
    ]


async def resolved(broker: Broker, approved: review.Approved) -> Order:
    """What became of an order, asked for until it can be said."""
    found: list[Order] = []

    async def known() -> bool:
        with contextlib.suppress(OutcomeUnknown, Unavailable):
            found.append(await broker.resolve(approved.intent, epoch=1))
        return bool(found)

    await until(known)
    return found[0]
