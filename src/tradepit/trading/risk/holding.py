"""One account's lots and working orders in one contract, and what both can become if the working orders fill."""

from decimal import Decimal

import msgspec

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.product import CloseRule
from tradepit.trading.model.terms import Offset, OrderType, Side
from tradepit.trading.model.trade import Trade
from tradepit.trading.risk.day_counts import DayCounts
from tradepit.trading.risk.resting import RestingPrices

# Named for each order: see ``at_hand``.
_BUY, _SELL = Side.BUY, Side.SELL
_OPEN, _NET, _LIMIT = Offset.OPEN, Offset.NET, OrderType.LIMIT


class Leg(msgspec.Struct):
    """Lots held on one side, and the lots of working orders that would add to it (``opening``) or take from it (``closing_*``).

    ``closing_today`` are closes that name today's lots where the exchange tells buckets apart; all others are ``closing_other``.
    """

    today: int = 0
    yesterday: int = 0
    opening: int = 0
    closing_today: int = 0
    closing_other: int = 0

    @property
    def lots(self) -> int:
        """Today's and history lots together."""
        return self.today + self.yesterday

    @property
    def closing(self) -> int:
        """Lots that working close orders would take."""
        return self.closing_today + self.closing_other

    def reduce(self, lots: int, *, today_first: bool) -> int:
        """Take up to ``lots`` out of the named bucket first, then the other; what could not be taken is returned."""
        first = min(lots, self.today if today_first else self.yesterday)
        second = min(lots - first, self.yesterday if today_first else self.today)
        self.today -= first if today_first else second
        self.yesterday -= second if today_first else first
        return lots - first - second


class Working(msgspec.Struct, gc=False):
    """An accepted order that may still trade ``left`` lots. ``filled`` counts trades seen, ``done``: its end was told."""

    intent: OrderIntent
    left: int
    filled: int = 0
    done: bool = False
    rests: bool = True


class BotLegs(msgspec.Struct):
    """What one bot's trades have opened and not closed, by side; below zero where it closed lots of others."""

    long: int = 0
    short: int = 0


class Holding(msgspec.Struct):
    """Lots, working orders and the last price used for profit, of one account in one contract. ``bots`` are the legs of each bot.

    ``mark`` is in quoted units (a settlement price need not lie on the tick grid); ``marked`` is False before the first price.
    """

    close_rule: CloseRule
    long: Leg = msgspec.field(default_factory=Leg)
    short: Leg = msgspec.field(default_factory=Leg)
    net_buying: int = 0
    net_selling: int = 0
    working: dict[str, Working] = {}
    unknown: list[str] = []
    bids: RestingPrices = msgspec.field(default_factory=lambda: RestingPrices(bids=True))
    asks: RestingPrices = msgspec.field(default_factory=lambda: RestingPrices(bids=False))
    mark: Decimal = Decimal(0)
    marked: bool = False
    day: DayCounts = msgspec.field(default_factory=DayCounts)
    bots: dict[str, BotLegs] = {}

    @property
    def net(self) -> int:
        """Long lots less short lots."""
        long, short = self.long, self.short
        return long.today + long.yesterday - short.today - short.yesterday

    @property
    def buying(self) -> int:
        """Lots all working buy orders may still trade."""
        return self.long.opening + self.short.closing_today + self.short.closing_other + self.net_buying

    @property
    def selling(self) -> int:
        """Lots all working sell orders may still trade."""
        return self.short.opening + self.long.closing_today + self.long.closing_other + self.net_selling

    def worst_after(self, side: Side, offset: Offset, lots: int) -> int:
        """The most lots there can be on an order's own side if it and all working orders fill.

        Lots that take from the other side but find nothing left there open on their own side.
        """
        if side is _BUY:
            own, other, taking = self.long, self.short, self.net_buying
        else:
            own, other, taking = self.short, self.long, self.net_selling
        most = own.today + own.yesterday + own.opening
        taking += other.closing_today + other.closing_other
        if offset is _OPEN:
            most += lots
        else:
            taking += lots
        beyond = taking - other.today - other.yesterday
        return most + beyond if beyond > 0 else most

    def worst_lots(self) -> tuple[int, int]:
        """The most long and the most short lots there can be if all working orders fill; ``worst_after`` of no order, for both sides.

        Asked for every contract of an account for each of its orders, and therefore written out.
        """
        long, short = self.long, self.short
        held, owed = long.today + long.yesterday, short.today + short.yesterday
        bought = short.closing_today + short.closing_other + self.net_buying - owed
        sold = long.closing_today + long.closing_other + self.net_selling - held
        most_long, most_short = held + long.opening, owed + short.opening
        return most_long + bought if bought > 0 else most_long, most_short + sold if sold > 0 else most_short

    def reduces(self, side: Side, offset: Offset, lots: int) -> bool:
        """True when every fill of such an order brings the net position nearer to zero, whichever working orders fill before it.

        An opening order never reduces: it adds lots, even where it hedges.
        """
        if offset is _OPEN or lots <= 0:
            return False
        if side is _SELL:
            return self.net - self.selling - lots >= 0
        return self.net + self.buying + lots <= 0

    def change_working(self, intent: OrderIntent, lots: int) -> None:
        """Count ``lots`` more (or, negative, fewer) of a working order of this kind."""
        buys = intent.side is _BUY
        if intent.offset is _NET:
            if buys:
                self.net_buying += lots
            else:
                self.net_selling += lots
        elif intent.offset is _OPEN:
            leg = self.long if buys else self.short
            leg.opening += lots
        else:
            leg = self.short if buys else self.long
            if intent.offset is Offset.CLOSETODAY and self.close_rule is CloseRule.NAMED:
                leg.closing_today += lots
            else:
                leg.closing_other += lots

    def change_resting(self, intent: OrderIntent, *, rests: bool) -> None:
        """A limit order came to rest, or rests no longer; other order types never rest."""
        if intent.order_type is not _LIMIT:
            return
        prices = self.bids if intent.side is _BUY else self.asks
        if rests:
            prices.add(intent.price_ticks)
        else:
            prices.remove(intent.price_ticks)

    def doubt(self, client_order_id: str, *, unknown: bool) -> None:
        """The outcome of a working order is not known any more, or known again."""
        if unknown and client_order_id not in self.unknown:
            self.unknown.append(client_order_id)
        elif not unknown and client_order_id in self.unknown:
            self.unknown.remove(client_order_id)

    def own_lots(self, bot: str, *, long: bool) -> int:
        """Lots of a bot on one side that its working close orders will not take; below zero where it closed more than its own."""
        legs = self.bots.get(bot)
        held = 0 if legs is None else legs.long if long else legs.short
        side = _SELL if long else _BUY
        intents = ((each.intent, each.left) for each in self.working.values())
        return held - sum(left for each, left in intents if each.bot == bot and each.side is side and each.offset.closes)

    def move(self, trade: Trade, bot: str = "") -> None:
        """Apply a fill to the lots. A close beyond what is held opens the trade's own side, so the net position stays true."""
        if bot:
            self._move_bot(trade, bot)
        lots = trade.volume_lots
        buys = trade.side is _BUY
        if trade.offset is not _OPEN:
            today_first = trade.offset is Offset.CLOSETODAY and self.close_rule is CloseRule.NAMED
            lots = (self.short if buys else self.long).reduce(lots, today_first=today_first)
        leg = self.long if buys else self.short
        leg.today += lots

    def _move_bot(self, trade: Trade, bot: str) -> None:
        legs = self.bots.get(bot)
        if legs is None:
            legs = self.bots[bot] = BotLegs()
        opens = trade.offset is _OPEN
        lots = trade.volume_lots if opens else -trade.volume_lots
        if (trade.side is _BUY) is opens:
            legs.long += lots
        else:
            legs.short += lots

    def roll(self) -> None:
        """A new trading day: today's lots are history lots now."""
        for leg in (self.long, self.short):
            leg.yesterday, leg.today = leg.lots, 0
        self.day = DayCounts()
