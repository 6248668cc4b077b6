"""Orders that a former life of the front was about to send and has no answer to: they must not stay alive in a client for ever."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from tradepit.web.diff.orders import InsertOrder

_MARK = "diff"


class _Line(msgspec.Struct, frozen=True):
    event: str
    client_order_id: str
    request: dict[str, Any] = {}


_LINE = msgspec.json.Decoder(_Line)


def intent_of(request: InsertOrder, account: str, client_order_id: str) -> dict[str, Any]:
    """What an intent log keeps of an order: the order as the house is asked for it, and as the client asked."""
    return {
        "symbol": request.instrument_id,
        "side": request.direction,
        "volume": request.volume,
        "price": request.limit_price,
        "account": account,
        "client_order_id": client_order_id,
        _MARK: msgspec.to_builtins(request),
    }


def read_unsettled(logs: Iterable[Path]) -> dict[str, list[InsertOrder]]:
    """Per account, what was asked in these logs and never answered. Lines that cannot be read (a torn last one) are passed over."""
    open_orders: dict[tuple[str, str], InsertOrder] = {}
    for log in logs:
        accounts: dict[str, str] = {}
        for raw in log.read_bytes().splitlines():
            try:
                line = _LINE.decode(raw)
                if line.event == "asked":
                    account = accounts[line.client_order_id] = str(line.request["account"])
                    open_orders[account, line.client_order_id] = msgspec.convert(line.request[_MARK], InsertOrder)
                else:
                    open_orders.pop((accounts.get(line.client_order_id, ""), line.client_order_id), None)
            except (msgspec.MsgspecError, KeyError):
                continue
    found: dict[str, list[InsertOrder]] = {}
    for (account, _), request in open_orders.items():
        found.setdefault(account, []).append(request)
    return found
