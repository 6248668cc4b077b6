"""Ten thousand bad requests at order management's door and as many at the exchange's: a stable code each, and all goes on."""

import asyncio
import json
import random
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from loguru import logger
from tests.bad_requests import nonsense
from tests.house_under_test import SYMBOL, HouseUnderTest, in_calm_office, settings_of
from tests.patience import PATIENCE_S

from tradepit.compose.roles import instances_of, make_service
from tradepit.compose.wiring import Wiring
from tradepit.config import Settings
from tradepit.ports.bus import Bus
from tradepit.runtime.service import Service

_REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
# Codes a client may count on are those the documents name.
KNOWN = {
    code
    for page in ("errors.md", "risk-rules.md")
    for code in re.findall(r"`([A-Z][A-Z_]{3,})`", (_REFERENCE / page).read_text())
}
_REFUSALS = 10_000
_ORDER = {
    "symbol": SYMBOL, "price": 4500, "volume": 1, "account": "A1", "offset": "OPEN", "type": "LIMIT", "exchange": "CFFEX",
    "client_order_id": "seen", "reference": "r", "timestamp": 0,
}  # fmt: skip
_DOORS: dict[str, dict[str, object]] = {
    "buy": _ORDER,
    "sell": _ORDER,
    "cancel": {"orderid": "", "client_order_id": "seen", "account": "A1"},
    "algo_order": {
        "algo": "TWAP", "symbol": SYMBOL, "volume": 10, "direction": "LONG", "offset": "OPEN", "price": 4500, "duration": 60,
        "interval": 3, "algo_id": "algo", "account": "A1", "exchange": "CFFEX", "style": "aggressive", "passive": 2,
        "participation": 0.1, "curve": [1, 2], "randomise": 0.1, "jitter": 0.1, "seed": 1, "end_policy": "CANCEL_REMAINDER",
        "action": "start", "page": 0, "epoch": 0,
    },
    "orders": {"account": "A1", "client_order_id": "seen", "reference": "r", "active": False},
    "positions": {"account": "A1"},
    "account": {"account": "A1"},
    "set_state": {"scope": "account:Z9", "state": "ACTIVE", "who": "me", "reason": "test"},
    "no_such_method": {"symbol": SYMBOL},
}  # fmt: skip
_INTENT = {
    "client_order_id": "direct", "account": "A1", "symbol": SYMBOL, "exchange": "CFFEX", "side": "BUY", "offset": "OPEN",
    "order_type": "LIMIT", "price_ticks": 22_500, "volume_lots": 1, "created_ns": 0, "reference": "",
}  # fmt: skip
# Not in the leader's own session: a higher epoch there is a newer leader's word, and rightly fences the present one.
_EXCHANGE_DOORS: dict[str, dict[str, object]] = {
    "send_order": {"intent": _INTENT, "session": "stranger", "epoch": 0},
    "send_orders": {"orders": [{"intent": _INTENT, "session": "stranger", "epoch": 0}]},
    "resolve_order": {"intent": _INTENT, "session": "stranger", "epoch": 0},
    "cancel_order": {"account": "A1", "client_order_id": "seen", "session": "stranger", "epoch": 0},
    "reduce_order": {"reduce_id": "r", "account": "A1", "client_order_id": "seen", "by_lots": 1, "session": "", "epoch": 0},
    "open_session": {"session": "stranger", "epoch": -1},
    "open_account": {"account": "A1", "deposit": "x", "currency": "CNY"},
    "transfer": {"transfer_id": "t", "account": "nobody", "amount": "1"},
    "list_instrument": {"instrument": {"symbol": "X"}, "reference": "1"},
    "update_prices": {"ticks": 1},
    "advance_time": {"now_ns": 1},
    "query_order": {"account": "nobody", "client_order_id": "seen"},
    "orders": {"account": "nobody", "active": False, "offset": 0, "limit": 10},
    "account": {"account": "nobody"},
    "positions": {"account": "nobody"},
    "statement": {"account": "nobody"},
    "reports": {"after": 0, "limit": 0},
    "instruments": {"offset": 0, "limit": 0},
    "depth": {"symbol": "nothing", "levels": 5},
    "faults": {"plan": {"lose_ack": 1}},
}


class _OneProcess:
    """A house in this process, on buses and journals in memory."""

    def __init__(self, settings: Settings, folder: Path, *roles: str) -> None:
        in_memory = {"bus": "memory://", "journal": "memory", "lease": "memory", "cache": "memory", "data_dir": str(folder)}
        self.wiring = Wiring(msgspec.structs.replace(settings, **in_memory), process="test")
        self.bus: Bus = self.wiring.bus()
        self.services: list[Service] = [
            make_service(self.wiring, name, lambda _: None) for name in instances_of(self.wiring.settings, roles)
        ]

    async def ask(self, subject: str, body: bytes) -> dict[str, Any]:
        # An answer that waits for nothing comes without a turn of the loop: leases would never be renewed.
        await asyncio.sleep(0)
        reply: dict[str, Any] = json.loads(await self.bus.request(subject, body, timeout_s=PATIENCE_S))
        return reply

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            await self.wiring.clock.sleep(0.005)

    async def good_order(self, name: str, side: str = "buy") -> dict[str, Any]:
        body = {**_ORDER, "client_order_id": name}
        return await self.ask(f"rpc.order-management.{side}", json.dumps(body).encode())


@pytest.fixture(autouse=True)
def _quietly() -> Iterator[None]:
    logger.disable("tradepit")
    yield
    logger.enable("tradepit")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[_OneProcess]:
    made = _OneProcess(settings_of("A1", "B1"), tmp_path, "trading-gateway", "order-management-1")
    await made.bus.connect()
    for service in made.services:
        await service.start()
    await made.until(lambda: made.services[1].health().status == "ACTIVE", "a leader")
    assert (await made.good_order("seen"))["success"]
    yield made
    for service in reversed(made.services):
        await service.stop()
    await made.bus.close()


@pytest.mark.parametrize(("service", "doors"), [("order-management", _DOORS), ("trading-gateway", _EXCHANGE_DOORS)])
async def test_every_bad_request_gets_a_code(house: _OneProcess, service: str, doors: dict[str, dict[str, object]]) -> None:
    chance = random.Random(7)
    codes: Counter[str] = Counter()
    names = sorted(doors)
    while codes.total() < _REFUSALS:
        method = chance.choice(names)
        body = nonsense(chance, doors[method])
        if service == "order-management" and b'"scope": "global"' in body:
            continue
        try:
            reply = await house.ask(f"rpc.{service}.{method}", body)
        except Exception as error:
            if method == "no_such_method" and getattr(error, "reason_code", "") == "SERVICE_UNAVAILABLE":
                continue
            raise AssertionError((method, body[:300])) from error
        code = reply.get("error")
        if code:
            assert code in KNOWN, (method, body[:300], reply)
            assert code != "INTERNAL_ERROR", (method, body[:300], reply)
            assert reply["message"], reply
            codes[code] += 1
    assert len(codes) >= 8, codes
    assert [each.health().status for each in house.services] == ["ACTIVE", "ACTIVE"], [each.health() for each in house.services]
    good = await house.good_order("good")
    assert good["success"], good
    sold = await house.ask("rpc.order-management.sell", json.dumps({**_ORDER, "account": "B1", "client_order_id": "s"}).encode())
    assert (sold["order_status"], sold["traded"]) == ("FILLED", 1)


async def test_duplicates_stale_times_and_closed_sessions(tmp_path: Path, house: _OneProcess) -> None:
    async def code_of(**change: object) -> str:
        reply = await house.ask("rpc.order-management.buy", json.dumps({**_ORDER, **change}).encode())
        return str(reply.get("error", ""))

    now_ns = house.wiring.clock.now_ns()
    assert await code_of(volume=2) == "DUPLICATE_ID"
    assert await code_of(client_order_id="old", timestamp=now_ns - 60_000_000_000) == "STALE_INTENT"
    assert await code_of(client_order_id="early", timestamp=now_ns + 60_000_000_000) == "STALE_INTENT"
    settings = settings_of("A1")
    lunch = msgspec.structs.replace(settings.exchange, starts_at="2025-01-06T12:00:00+08:00")
    closed = _OneProcess(msgspec.structs.replace(settings, exchange=lunch), tmp_path, "trading-gateway", "order-management-1")
    await closed.bus.connect()
    for service in closed.services:
        await service.start()
    await closed.until(lambda: closed.services[1].health().status == "ACTIVE", "a leader")
    reply = await closed.good_order("lunch")
    assert reply["error"] in KNOWN & {"NOT_TRADING_PERIOD", "INSTRUMENT_NOT_TRADING", "MARKET_CLOSED"}
    for service in reversed(closed.services):
        await service.stop()
    await closed.bus.close()


async def test_the_same_over_the_real_server(tmp_path: Path) -> None:
    chance = random.Random(11)
    codes: Counter[str] = Counter()
    settings = in_calm_office(settings_of("A1", "B1"))
    async with HouseUnderTest(tmp_path, settings, only=("trading-gateway", "order-management")) as house:
        await house.ready()
        await house.order("buy", 4400, 1, client_order_id="seen")
        while codes.total() < 400:
            method = chance.choice(sorted(_DOORS))
            body = nonsense(chance, _DOORS[method])
            if b"global" in body:
                continue
            reply = await house.rpc(f"rpc.order-management.{method}", body, timeout_s=PATIENCE_S)
            if reply.get("error"):
                assert reply["error"] in KNOWN - {"INTERNAL_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE"}, (method, body[:300], reply)
                codes[reply["error"]] += 1
        assert len(codes) >= 5
        # Some bad cancel may well have named the resting order.
        await house.order("buy", 4500, 1)
        assert (await house.order("sell", 4500, 1, account="B1"))["traded"] == 1
        await house.one_leads()
        proof = await house.prove()
        assert proof.clean, proof.findings
