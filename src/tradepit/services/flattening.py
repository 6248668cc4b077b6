"""Flattening: every position of a halted scope is closed by orders of the house, as far as the exchange takes them now."""

import asyncio
from collections.abc import Iterator
from itertools import chain

from tradepit.runtime.ids import new_id
from tradepit.services.order_leader import OrderLeader
from tradepit.trading.model.errors import TradepitError
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.product import CloseRule
from tradepit.trading.model.terms import Offset, OrderType, SessionPhase, Side
from tradepit.trading.risk.holding import Holding, Leg
from tradepit.trading.risk.market import Market

Held = tuple[str, str, int, int]
REFERENCE = "flatten"


class Flattening:
    """Orders go out at the market where the exchange takes market orders, else at the day's limit price.

    Lots that are promised to working close orders are left to those. Asked for again, what is left is closed.
    """

    def __init__(self, leader: OrderLeader, scope: str) -> None:
        self._leader = leader
        self._kind, _, self._name = scope.partition(":")
        self._keys: list[tuple[str, str]] = []
        self.refused: list[str] = []

    @property
    def sent(self) -> int:
        """How many closing orders were sent."""
        return len(self._keys)

    @property
    def done(self) -> bool:
        """True when none of the closing orders works any more."""
        return not any(key in self._leader.desk.register.working for key in self._keys)

    def positions(self) -> list[Held]:
        """Lots in the scope: account, contract, long, short."""
        held = ((account, symbol, each.long.lots, each.short.lots) for account, symbol, each in self._holdings())
        return [each for each in held if each[2] or each[3]]

    async def begin(self) -> None:
        """Send the closing orders, all at once. What is refused is told in ``refused``; nothing is raised."""
        intents = list(chain.from_iterable(self._closes(*found) for found in self._holdings()))
        await asyncio.gather(*(self._send(intent) for intent in intents))

    async def _send(self, intent: OrderIntent) -> None:
        try:
            await self._leader.submit(intent, flattens=True)
        except TradepitError as error:
            self.refused.append(f"{intent.account} {intent.symbol}: {error.reason_code}")
            if (intent.account, intent.client_order_id) not in self._leader.desk.register.working:
                return
        self._keys.append((intent.account, intent.client_order_id))

    def _holdings(self) -> Iterator[tuple[str, str, Holding]]:
        for account, book in list(self._leader.desk.exposure.books.items()):
            for symbol, holding in list(book.holdings.items()):
                if self._kind == "global" or self._name == (account if self._kind == "account" else symbol):
                    yield account, symbol, holding

    def _closes(self, account: str, symbol: str, holding: Holding) -> Iterator[OrderIntent]:
        market = self._leader.desk.exposure.markets[symbol]
        if holding.close_rule is CloseRule.NET:
            lots = holding.net
            side, working = (Side.SELL, holding.net_selling) if lots > 0 else (Side.BUY, holding.net_buying)
            yield from self._orders(account, market, side, Offset.NET, abs(lots) - working)
            return
        for leg, side in ((holding.long, Side.SELL), (holding.short, Side.BUY)):
            for offset, lots in _free(leg, named=holding.close_rule is CloseRule.NAMED):
                yield from self._orders(account, market, side, offset, lots)

    @staticmethod
    def _orders(account: str, market: Market, side: Side, offset: Offset, lots: int) -> Iterator[OrderIntent]:
        product = market.instrument.product
        at_market = OrderType.MARKET in product.order_types and market.phase is SessionPhase.CONTINUOUS
        most = product.max_market_lots if at_market else product.max_limit_lots
        limit = market.lower_ticks if side is Side.SELL else market.upper_ticks
        while lots > 0:
            yield OrderIntent(
                client_order_id=new_id("F"),
                account=account,
                symbol=market.instrument.symbol,
                exchange=product.exchange,
                side=side,
                offset=offset,
                order_type=OrderType.MARKET if at_market else OrderType.LIMIT,
                price_ticks=0 if at_market else limit,
                volume_lots=min(lots, most),
                reference=REFERENCE,
            )
            lots -= most


def _free(leg: Leg, *, named: bool) -> Iterator[tuple[Offset, int]]:
    """Lots that no working order closes already, by the offset that closes them."""
    if named:
        yield Offset.CLOSETODAY, leg.today - leg.closing_today
        yield Offset.CLOSE, leg.yesterday - leg.closing_other
    else:
        yield Offset.CLOSE, leg.lots - leg.closing
