"""The door: what is out of range gets a code, whatever it is, and the gateway goes on."""

import json
import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tradepit.services.gateway_door import check_command, check_tick
from tradepit.trading.matching.commands import ListInstrument, OpenAccount, SubmitOrder
from tradepit.trading.model.errors import BadRequest, IdNotValid, PriceNotValid, VolumeNotValid

if TYPE_CHECKING:
    from tests.unit.services.conftest import House

TEN = 1_736_128_800_000_000_000  # 2025-01-06 10:00 in China


def test_an_order_out_of_every_range_is_refused_by_its_own_code(house: "House") -> None:
    good = house.order(1)
    check_command(SubmitOrder(intent=good, session="oms", epoch=1))
    for change, error in (
        ({"client_order_id": "a b"}, IdNotValid),
        ({"symbol": ""}, IdNotValid),
        ({"volume_lots": 0}, VolumeNotValid),
        ({"volume_lots": 10**30}, VolumeNotValid),
        ({"price_ticks": -1}, PriceNotValid),
        ({"reference": "x" * 257}, BadRequest),
        ({"created_ns": 2**63}, BadRequest),
    ):
        with pytest.raises(error):
            check_command(SubmitOrder(intent=msgspec.structs.replace(good, **change)))
    with pytest.raises(BadRequest):
        check_command(SubmitOrder(intent=good, epoch=-1))


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "1e400", "1e-400", "1." + "1" * 40])
def test_money_must_be_a_number_in_range(amount: str) -> None:
    with pytest.raises(BadRequest):
        check_command(OpenAccount(account="C", deposit=Decimal(amount)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tick_size", "0"),
        ("tick_size", "1e-15"),
        ("limit_pct", "1"),
        ("margin_ratio", "sNaN"),
        ("multiplier", 0),
        ("max_limit_lots", 0),
    ],
)
def test_a_listing_that_would_break_arithmetic_is_refused(house: "House", field: str, value: str | int) -> None:
    listing = house.opening()[0]
    assert isinstance(listing, ListInstrument)
    check_command(listing)
    content = msgspec.to_builtins(listing)
    content["instrument"]["product"][field] = value
    with pytest.raises(BadRequest):
        check_command(msgspec.convert(content, ListInstrument))


def test_a_tick_with_absurd_numbers_is_refused(house: "House") -> None:
    good = house.tick(TEN)
    check_tick(good)
    changes: list[dict[str, Any]] = [
        {"volume_lots": 10**40},
        {"turnover": Decimal("sNaN")},
        {"pre_settlement": Decimal("1e999999")},
        {"bids": good.bids * 101},
        {"time_ns": -1},
    ]
    for change in changes:
        with pytest.raises(BadRequest):
            check_tick(msgspec.structs.replace(good, **change))


NASTY: list[Any] = [
    None,
    True,
    -1,
    0,
    2**63,
    10**30,
    1.5,
    "NaN",
    float("1e308"),
    "",
    "x" * 5000,
    "a.b*>",
    "\u0000",
    "\ud800",
    [],
    {},
    [[]],
    "IF9999",
]
METHODS = (
    "send_order",
    "send_orders",
    "cancel_order",
    "reduce_order",
    "resolve_order",
    "open_session",
    "open_account",
    "transfer",
    "list_instrument",
    "update_prices",
    "query_order",
    "orders",
    "account",
    "positions",
    "statement",
    "reports",
    "depth",
    "faults",
    "advance_time",
)


def good_bodies(house: "House") -> dict[str, Any]:
    return {
        "send_order": house.body(house.order(1)),
        "send_orders": {"orders": [house.body(house.order(3)), house.body(house.order(4))]},
        "cancel_order": {"account": "A", "client_order_id": "c1", "session": "oms", "epoch": 1},
        "reduce_order": {"account": "A", "client_order_id": "c1", "by_lots": 1, "reduce_id": "r", "session": "oms", "epoch": 1},
        "resolve_order": house.body(house.order(2)),
        "open_session": {"session": "other", "epoch": 1},
        "open_account": {"account": "C", "deposit": "5", "currency": "CNY"},
        "transfer": {"transfer_id": "t", "account": "A", "amount": "5"},
        "list_instrument": msgspec.to_builtins(house.opening()[0]),
        "update_prices": {"ticks": [msgspec.to_builtins(house.tick(TEN))]},
        "query_order": {"account": "A", "client_order_id": "c1"},
        "orders": {"account": "A", "active": True, "offset": 0, "limit": 10},
        "account": {"account": "A"},
        "positions": {"account": "A"},
        "statement": {"account": "A"},
        "reports": {"after": 0, "limit": 10},
        "depth": {"symbol": "IF2501", "levels": 5},
        "faults": {},
        "advance_time": {"now_ns": TEN},
    }


def spoil(value: object, chance: random.Random) -> object:
    """One leaf or branch of ``value`` replaced by something nasty, or left out."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(sorted(value))
        if chance.random() < 0.1:
            return {other: inner for other, inner in value.items() if other != key}
        return {**value, key: spoil(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.85:
        return [spoil(value[0], chance), *value[1:]]
    return chance.choice(NASTY)


def nasty_payload(good: dict[str, Any], chance: random.Random) -> bytes:
    payload = json.dumps(spoil(good, chance)).encode()
    kind = chance.random()
    if kind < 0.05:
        return payload[: len(payload) // 2]
    if kind < 0.1:
        return payload[:5] + bytes([0xFF, 0xFE, 0x80]) + payload[5:]
    if kind < 0.12:
        return b"[" * 20_000
    if kind < 0.14:
        return b'{"x":"' + b"y" * 2_000_000 + b'"}'
    return payload


async def test_bad_requests_get_codes_and_never_stop_the_gateway(house: "House") -> None:
    gateway = await house.start()
    chance = random.Random(20250106)
    bodies = good_bodies(house)
    assert set(bodies) == set(METHODS)
    codes: dict[str, int] = {}
    for number in range(10_000):
        method = METHODS[number % len(METHODS)]
        answer = await house.ask(method, nasty_payload(bodies[method], chance))
        if "error" in answer:
            codes[answer["error"]] = codes.get(answer["error"], 0) + 1
            assert "Traceback" not in answer["message"]
    assert "INTERNAL_ERROR" not in codes
    assert codes["INVALID_REQUEST"] > 2_000
    assert gateway.failure is None
    before = await house.digest()
    await house.kill(gateway)
    await house.start()
    assert await house.digest() == before


async def test_orders_sent_together_are_each_judged_for_themselves(house: "House") -> None:
    await house.start()
    good, other = ({"intent": house.order(number), "session": "oms", "epoch": 1} for number in (1, 2))
    answer = await house.ask("send_orders", {"orders": [good, {"intent": 7}, other, good]})
    first, bad, second, again = answer["replies"]
    assert first["order"]["intent"]["client_order_id"] == house.order(1).client_order_id
    assert second["order"]["intent"]["client_order_id"] == house.order(2).client_order_id
    assert bad["error"] == "INVALID_REQUEST"
    assert again == first
    assert (await house.ask("send_orders", {"orders": []}))["replies"] == []
    assert (await house.ask("send_orders", {"orders": [good] * 129}))["error"] == "INVALID_REQUEST"
