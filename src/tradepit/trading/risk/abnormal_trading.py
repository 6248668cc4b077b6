"""Abnormal trading: what the exchanges count against a client in a contract in a day, stopped before it comes to their threshold."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, ClassVar

import msgspec

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Offset, OrderType
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.holding import Holding
from tradepit.trading.risk.market import Market
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule

Count = Annotated[int, msgspec.Meta(ge=1)]


class Thresholds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From how many on an exchange calls it abnormal, per client, contract and trading day.

    A cancel is large from ``large_lots`` on, or from ``large_share`` of the most lots a limit order may have. ``immediate``: the
    cancelled rest of FAK and FOK orders counts as well.
    """

    self_trades: Count = 5
    cancels: Count = 500
    large_cancels: Count = 50
    large_lots: Count | None = None
    large_share: Decimal | None = None
    immediate: bool = False

    def large_from(self, market: Market) -> int:
        """From how many lots on a cancel is a large one; more than any order has where none is."""
        if self.large_lots is not None:
            return self.large_lots
        most = market.instrument.product.max_limit_lots
        return most + 1 if self.large_share is None else max(1, int(most * self.large_share))


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How an account stands in a contract by one measure: ``value`` of ``limit``, which must not be reached."""

    code: str
    what: str
    value: int
    limit: int


_SHARE = Decimal("0.8")
_DEFAULTS = {
    "SHFE": Thresholds(large_lots=300),
    "INE": Thresholds(large_lots=300),
    "DCE": Thresholds(large_cancels=400, large_share=_SHARE),
    "GFEX": Thresholds(large_cancels=400, large_share=_SHARE),
    "CZCE": Thresholds(large_lots=800),
    "CFFEX": Thresholds(cancels=400, large_cancels=100, large_share=_SHARE, immediate=True),
}


class AbnormalTrading(Rule, frozen=True, kw_only=True):
    """Counted always, stopped where ``enforce`` says so: an order is refused if its cancel, and those of all that rest, would
    bring a count to the exchange's threshold. A market maker with the exchange's leave is in ``exempt`` (accounts).

    ``groups`` are accounts under one control, counted together; trades between two of them are what ``self_trade`` is for and not
    counted here. ``soft_share`` of a threshold is where a warning is due. ``max_opened_lots`` is the exchanges' cap on lots opened
    in a day, by contract. Exchanges not in ``by_exchange`` count nothing.
    """

    name: ClassVar[str] = "abnormal_trading"

    enforce: bool = False
    soft_share: Decimal = _SHARE
    by_exchange: dict[str, Thresholds] = msgspec.field(default_factory=lambda: dict(_DEFAULTS))
    max_opened_lots: dict[str, Annotated[int, msgspec.Meta(ge=0)]] = msgspec.field(default_factory=dict)
    groups: dict[str, list[str]] = msgspec.field(default_factory=dict)
    exempt: list[str] = msgspec.field(default_factory=list)

    def __post_init__(self) -> None:
        if not (self.soft_share.is_finite() and 0 < self.soft_share <= 1):
            raise ValueError("soft_share must be above 0 and at most 1")

    @property
    def idle(self) -> bool:
        """True where counts stop nothing and no contract has a cap."""
        return not self.enforce and not self.max_opened_lots

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - the day is the exposure's
        cap = self.max_opened_lots.get(intent.symbol)
        if cap is None and not self.enforce:
            return None
        market = exposure.markets[intent.symbol]
        holdings = self._holdings(intent.account, intent.symbol, exposure)
        if cap is not None and intent.offset is Offset.OPEN:
            opened = intent.volume_lots + sum(each.day.opened_lots + each.long.opening + each.short.opening for each in holdings)
            if opened > cap:
                return self.refuse(
                    "OPEN_COUNT", limit=cap, value=opened, message="lots opened today if every working order fills"
                )
        thresholds = self.by_exchange.get(market.instrument.product.exchange)
        if not self.enforce or thresholds is None or intent.account in self.exempt:
            return None
        one = int(intent.order_type is OrderType.LIMIT or (thresholds.immediate and intent.order_type.priced))
        large = one and int(intent.volume_lots >= thresholds.large_from(market))
        for each in _count(holdings, thresholds, market, working=True):
            more = {"self-trades": 1, "cancels": one, "large cancels": large}[each.what]
            if more and each.value + more >= each.limit:
                message = f"the exchange counts {each.what} in {intent.symbol} today"
                return self.refuse(each.code, limit=f"< {each.limit}", value=each.value + more, message=message)
        return None

    def standings(self, account: str, symbol: str, exposure: Exposure) -> list[Standing]:
        """What has come to ``soft_share`` of its threshold or beyond: cause for a warning."""
        market = exposure.markets.get(symbol)
        thresholds = self.by_exchange.get(market.instrument.product.exchange) if market is not None else None
        if market is None or thresholds is None or account in self.exempt:
            return []
        counted = _count(self._holdings(account, symbol, exposure), thresholds, market, working=False)
        return [each for each in counted if each.value >= self.soft_share * each.limit]

    def _holdings(self, account: str, symbol: str, exposure: Exposure) -> list[Holding]:
        members = [account]
        if self.groups:
            members = sorted({name for group in self.groups.values() if account in group for name in group} | {account})
        found = (exposure.holding(name, symbol) for name in members)
        return [holding for holding in found if holding is not None]


def _count(holdings: list[Holding], thresholds: Thresholds, market: Market, *, working: bool) -> Iterator[Standing]:
    """Every measure of the day; ``working``: as if all that rests were cancelled."""
    large_from = thresholds.large_from(market)
    cancels = large = self_trades = 0
    for holding in holdings:
        day = holding.day
        self_trades += day.self_trades
        cancels += day.resting.count
        large += day.resting.of_at_least(large_from)
        if thresholds.immediate:
            cancels += day.immediate.count
            large += day.immediate.of_at_least(large_from)
        if working:
            for each in holding.working.values():
                cancels += 1
                large += each.intent.volume_lots >= large_from
    yield Standing(code="SELF_TRADE_COUNT", what="self-trades", value=self_trades, limit=thresholds.self_trades)
    yield Standing(code="CANCEL_COUNT", what="cancels", value=cancels, limit=thresholds.cancels)
    yield Standing(code="CANCEL_COUNT", what="large cancels", value=large, limit=thresholds.large_cancels)
