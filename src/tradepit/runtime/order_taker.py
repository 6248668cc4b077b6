"""Where clients of the house send orders, as they see it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol


class OrderTaker(Protocol):
    """Retries inside always carry the same id. Raises RequestRefused (final) and OutcomeUnknown."""

    async def submit(
        self,
        *,
        side: str,
        symbol: str,
        price: Decimal | None,
        volume: int,
        account: str,
        offset: str = "OPEN",
        order_type: str = "LIMIT",
        client_order_id: str = "",
        reference: str = "",
        timestamp_ns: int = 0,
    ) -> dict[str, object]:
        """Send one order."""

    async def cancel(self, *, account: str, client_order_id: str = "", orderid: str = "") -> dict[str, object]:
        """Cancel one order."""

    async def call(self, method: str, body: Mapping[str, object]) -> dict[str, object]:
        """Any other method of order management."""
