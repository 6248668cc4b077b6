"""Circuit breaker: after many refusals of the exchange, orders without an answer, or without market data, no risk is added."""

from typing import Annotated, ClassVar

from msgspec import Meta

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import SessionPhase
from tradepit.trading.risk.book import LATELY, Lately
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule

_MS = 1_000_000
Few = Annotated[int, Meta(ge=1, le=LATELY)]
Millis = Annotated[int, Meta(ge=1)]


class Circuit(Rule, frozen=True, kw_only=True):
    """Open for an account once ``max_rejects`` orders were refused by the exchange, or ``max_errors`` got no answer, within
    ``window_ms``; it closes by itself ``cooldown_ms`` after the last of them. None: not looked at.

    Open for a contract in continuous trading whose last price is older than ``max_tick_age_ms``.
    """

    name: ClassVar[str] = "circuit"

    max_rejects: Few | None = 50
    max_errors: Few | None = None
    window_ms: Millis = 10_000
    cooldown_ms: Millis = 10_000
    max_tick_age_ms: Millis | None = None

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:
        book = exposure.books[intent.account]
        if book.rejects.instants and self._open(book.rejects, self.max_rejects, now_ns):
            return self._too_many("refusals", self.max_rejects, book.rejects)
        if book.errors.instants and self._open(book.errors, self.max_errors, now_ns):
            return self._too_many("lost answers", self.max_errors, book.errors)
        market = exposure.markets[intent.symbol]
        if self.max_tick_age_ms is None or market.phase is not SessionPhase.CONTINUOUS:
            return None
        age_ms = (now_ns - market.seen_ns) // _MS if market.seen_ns else None
        if age_ms is not None and age_ms <= self.max_tick_age_ms:
            return None
        value = "never" if age_ms is None else f"{age_ms} ms"
        message = f"no fresh market data of {intent.symbol}"
        return self.refuse("CIRCUIT_OPEN", limit=f"{self.max_tick_age_ms} ms", value=value, message=message)

    def _too_many(self, what: str, most: int | None, seen: Lately) -> Refused:
        limit, message = f"{most} in {self.window_ms} ms", f"too many {what} of the broker"
        return self.refuse("CIRCUIT_OPEN", limit=limit, value=len(seen.instants), message=message)

    def _open(self, seen: Lately, most: int | None, now_ns: int) -> bool:
        return most is not None and seen.tripped(most, self.window_ms * _MS, self.cooldown_ms * _MS, now_ns)
