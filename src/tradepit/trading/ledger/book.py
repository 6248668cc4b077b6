"""One account's two sides in one contract, valued lazily from their sums."""

from decimal import Decimal

from tradepit.trading.ledger.closing import frozen_by_day
from tradepit.trading.ledger.contract import Contract
from tradepit.trading.ledger.lots import Lots
from tradepit.trading.ledger.rules import MarginPrice
from tradepit.trading.model.position import Position
from tradepit.trading.model.terms import Side


class Book:
    """Long and short lots, and (for venues without offsets) the lots of working orders.

    ``net_lots`` is long minus short. ``long_margin`` and ``short_margin`` are what the product's margin was last told.
    ``working_*``, ``frozen_margin`` and ``frozen_fee`` are used by venues without offsets only: there it depends on all
    working orders together how many of their lots would open.
    """

    __slots__ = (
        "contract",
        "frozen_fee",
        "frozen_margin",
        "long",
        "long_margin",
        "net_lots",
        "short",
        "short_margin",
        "working_buy",
        "working_sell",
    )

    def __init__(self, contract: Contract, long: Lots | None = None, short: Lots | None = None) -> None:
        self.contract = contract
        self.long = long or Lots(1)
        self.short = short or Lots(-1)
        self.net_lots = self.long.total - self.short.total
        self.long_margin = Decimal(0)
        self.short_margin = Decimal(0)
        self.working_buy = 0
        self.working_sell = 0
        self.frozen_margin = Decimal(0)
        self.frozen_fee = Decimal(0)

    @property
    def flat(self) -> bool:
        """True when there are no lots on either side."""
        return not (self.long.total or self.short.total)

    def opened_by(self, side: Side) -> Lots:
        """The lots an opening order of ``side`` adds to."""
        return self.long if side is Side.BUY else self.short

    def closed_by(self, side: Side) -> Lots:
        """The lots a closing order of ``side`` takes from."""
        return self.short if side is Side.BUY else self.long

    def basis(self) -> Decimal:
        """Long minus short value at the day's basis: open price for today's lots, previous settlement for history."""
        ticks = self.long.today_ticks - self.short.today_ticks
        history = self.long.history_lots - self.short.history_lots
        return ticks * self.contract.tick_value + history * self.contract.pre_value

    def position_profit(self, lots: Lots) -> Decimal:
        """Unrealised profit of one side against the day's basis."""
        contract = self.contract
        basis = lots.today_ticks * contract.tick_value + lots.history_lots * contract.pre_value
        return lots.sign * (lots.total * contract.mark_value - basis)

    def float_profit(self, lots: Lots) -> Decimal:
        """Unrealised profit of one side against the open prices."""
        cost = (lots.today_ticks + lots.history_ticks) * self.contract.tick_value
        return lots.sign * (lots.total * self.contract.mark_value - cost)

    def margin(self, lots: Lots, price: MarginPrice) -> Decimal:
        """Margin of one side before relief: history at the previous settlement, today's lots at ``price``."""
        contract = self.contract
        if price is MarginPrice.OPEN:
            today = lots.today_ticks * contract.tick_value
        else:
            today = lots.today_lots * (contract.pre_value if price is MarginPrice.PRE_SETTLEMENT else contract.mark_value)
        return (lots.history_lots * contract.pre_value + today) * contract.ratio

    def position(self, account: str, lots: Lots, price: MarginPrice) -> Position:
        """One side as others see it."""
        contract = self.contract
        frozen_today, frozen_history = frozen_by_day(lots, contract.close_rule)
        return Position(
            account=account,
            symbol=contract.symbol,
            exchange=contract.product.exchange,
            side=Side.BUY if lots.sign > 0 else Side.SELL,
            today_lots=lots.today_lots,
            yesterday_lots=lots.history_lots,
            frozen_today_lots=frozen_today,
            frozen_yesterday_lots=frozen_history,
            open_cost=(lots.today_ticks + lots.history_ticks) * contract.tick_value,
            margin=self.margin(lots, price),
            float_profit=self.float_profit(lots),
            position_profit=self.position_profit(lots),
        )
