"""An account's money, with the identities every Chinese futures statement obeys."""

from decimal import Decimal

import msgspec

UNCOVERED = Decimal(1_000_000)
"""The risk ratio of margin that no equity covers: above every limit, and still a number that can be written as JSON."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Money of one account in one currency, all amounts Decimal.

    balance = pre_balance + deposit - withdraw + close_profit + position_profit - fee
    available = balance - margin - frozen_margin - frozen_fee
    """

    account: str
    currency: str = "CNY"
    pre_balance: Decimal = Decimal(0)
    deposit: Decimal = Decimal(0)
    withdraw: Decimal = Decimal(0)
    close_profit: Decimal = Decimal(0)
    position_profit: Decimal = Decimal(0)
    float_profit: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    margin: Decimal = Decimal(0)
    frozen_margin: Decimal = Decimal(0)
    frozen_fee: Decimal = Decimal(0)

    @property
    def static_balance(self) -> Decimal:
        """What was there at the start of the trading day, with today's deposits and withdrawals."""
        return self.pre_balance + self.deposit - self.withdraw

    @property
    def balance(self) -> Decimal:
        """Equity now."""
        return self.static_balance + self.close_profit + self.position_profit - self.fee

    @property
    def available(self) -> Decimal:
        """What new orders may still use."""
        return self.balance - self.margin - self.frozen_margin - self.frozen_fee

    @property
    def risk_ratio(self) -> Decimal:
        """Margin over equity, 0 without margin. Margin without equity, or with less than none, is ``UNCOVERED``."""
        if not self.margin:
            return Decimal(0)
        return min(UNCOVERED, self.margin / self.balance) if self.balance > 0 else UNCOVERED
