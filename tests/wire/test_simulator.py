"""The simulator's contract, byte for byte in both directions: golden files hold what the document's names look like on the wire."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.order_path import Office, instrument

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.ports.bus import Message
from tradepit.runtime.clock import ManualClock
from tradepit.runtime.order_client import OrderClient
from tradepit.services.order_rpc import OrderDoors
from tradepit.trading.model.errors import NotActive
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, SessionPhase, Side
from tradepit.trading.model.tick import Level, Tick
from tradepit.trading.model.trade import Trade
from tradepit.wire.registry import ServiceInstance, heartbeat_topic, registry_key
from tradepit.wire.simulator import (
    AlgoOrder,
    CancelRequest,
    OrderData,
    OrderRequest,
    PhaseData,
    TickData,
    TradeData,
    algo_topic,
    instance_subject,
    rpc_subject,
    tick_topic,
)
from tradepit.wire.simulator_codec import decode, encode, encode_error, order_data, tick_data, tick_of, trade_data

GOLDEN = Path(__file__).parent / "golden"
TEN_NS = 1_736_128_800_000_000_000  # 2025-01-06 10:00 in China


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes().rstrip(b"\n")


def intent(number: int, **more: object) -> OrderIntent:
    told = OrderIntent(
        client_order_id=f"c{number}",
        account="A1",
        symbol="IF2501",
        exchange=Exchange.CFFEX,
        side=Side.BUY,
        offset=Offset.OPEN,
        order_type=OrderType.LIMIT,
        price_ticks=22_500,
        volume_lots=10,
    )
    return msgspec.structs.replace(told, **more)


TICK = Tick(
    symbol="IF2501",
    exchange=Exchange.CFFEX,
    time_ns=TEN_NS + 500_000_000,
    trading_day=20250106,
    last_ticks=22_501,
    volume_lots=1200,
    turnover=Decimal("1620072000.00"),
    open_interest=98_765,
    open_ticks=22_450,
    high_ticks=22_553,
    low_ticks=22_444,
    upper_limit_ticks=24_750,
    lower_limit_ticks=20_250,
    pre_close_ticks=22_477,
    pre_settlement=Decimal(4500),
    bids=(Level(22_500, 3),),
    asks=(Level(22_502, 7),),
)
AUCTION = msgspec.structs.replace(
    TICK,
    time_ns=TEN_NS - 1_830_000_000_000,
    last_ticks=0,
    volume_lots=0,
    turnover=Decimal(0),
    open_interest=0,
    open_ticks=0,
    high_ticks=0,
    low_ticks=0,
    pre_close_ticks=0,
    pre_settlement=Decimal("4500.2"),
    bids=tuple(Level(22_500 - number, number + 1) for number in range(5)),
    asks=(),
    phase=SessionPhase.AUCTION_ORDERING,
)


@pytest.mark.parametrize(("name", "tick"), [("tick", TICK), ("tick_levels", AUCTION)])
def test_ticks(name: str, tick: Tick) -> None:
    assert encode(tick_data(tick, instrument())) == golden(name)
    told = decode(golden(name), TickData)
    assert tick_of(told, instrument()) == tick
    assert encode(told) == golden(name)


@pytest.mark.parametrize(
    ("name", "order", "seq"),
    [
        (
            "order_new",
            Order(intent=intent(1), status=OrderStatus.OPEN, order_id="IF2501-20250106-1", updated_ns=TEN_NS + 1_000),
            1,
        ),
        (
            "order_filled",
            Order(
                intent=intent(1, reference="bot-7"),
                status=OrderStatus.FILLED,
                order_id="IF2501-20250106-1",
                traded_lots=10,
                updated_ns=TEN_NS + 250_000_000,
            ),
            3,
        ),
        (
            "order_cancelled",
            Order(
                intent=intent(2, side=Side.SELL, offset=Offset.CLOSE, order_type=OrderType.FAK, price_ticks=22_499),
                status=OrderStatus.CANCELLED,
                order_id="IF2501-20250106-2",
                traded_lots=4,
                updated_ns=TEN_NS + 1_000_000_000,
            ),
            5,
        ),
        (
            "order_rejected",
            Order(
                intent=intent(3, price_ticks=24_751, volume_lots=1),
                status=OrderStatus.REJECTED,
                reason="PRICE_OVER_LIMIT",
                updated_ns=TEN_NS + 2_000_000_000,
            ),
            6,
        ),
    ],
)
def test_orders(name: str, order: Order, seq: int) -> None:
    told = order_data(order, instrument(), seq=seq, trading_day=20250106)
    assert encode(told) == golden(name)
    assert decode(golden(name), OrderData) == told


def test_trades() -> None:
    trade = Trade(
        trade_id="IF2501-20250106-T1",
        order_id="IF2501-20250106-1",
        client_order_id="c1",
        account="A1",
        symbol="IF2501",
        exchange=Exchange.CFFEX,
        side=Side.BUY,
        offset=Offset.OPEN,
        price_ticks=22_500,
        volume_lots=10,
        time_ns=TEN_NS + 250_000_000,
        trading_day=20250106,
        fee="310.50",
    )
    told = trade_data(trade, instrument(), seq=2)
    assert encode(told) == golden("trade")
    assert decode(golden("trade"), TradeData) == told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("phase", PhaseData(symbol="IF2501", phase="BREAK", time_ns=1_736_134_200_000_000_000, trading_day=20250106)),
        (
            "heartbeat",
            ServiceInstance(
                service_name="order-management",
                instance_id="order-management-1",
                version="0.1.0",
                status="ACTIVE",
                last_heartbeat="2025-01-06T10:00:00.000000+08:00",
                sticky_active_group="default",
                sticky_active_status="ACTIVE",
                metadata={"ready": True, "reason": "", "epoch": 3, "order_p99_us": 812.5},
            ),
        ),
    ],
)
def test_what_is_written_as_it_stands(name: str, value: msgspec.Struct) -> None:
    assert encode(value) == golden(name)
    assert decode(golden(name), type(value)) == value


@pytest.mark.parametrize(
    ("name", "body", "read"),
    [
        (
            "buy_request",
            {"side": "BUY", "price": Decimal(4500), "volume": 10, "client_order_id": "c1"},
            OrderRequest(symbol="IF2501", price=Decimal(4500), volume=10, account="A1", client_order_id="c1"),
        ),
        (
            "sell_request",
            {
                "side": "SELL", "price": Decimal("4500.2"), "volume": 10, "client_order_id": "c2", "offset": "CLOSETODAY",
                "order_type": "FOK", "reference": "bot-7", "timestamp_ns": TEN_NS,
            },
            OrderRequest(
                symbol="IF2501", price=Decimal("4500.2"), volume=10, account="A1", client_order_id="c2", offset="CLOSETODAY",
                type="FOK", reference="bot-7", timestamp=TEN_NS,
            ),
        ),
        (
            "market_request",
            {"side": "BUY", "price": None, "volume": 1, "client_order_id": "c4", "order_type": "MARKET"},
            OrderRequest(symbol="IF2501", volume=1, account="A1", client_order_id="c4", type="MARKET"),
        ),
    ],
)  # fmt: skip
async def test_order_requests(name: str, body: dict[str, object], read: OrderRequest) -> None:
    bus, heard = MemoryBus(MemoryHub()), list[Message]()
    await bus.connect()

    async def answer(message: Message) -> bytes:
        heard.append(message)
        return golden("buy_reply")

    await bus.serve("rpc.order-management.*", answer)
    told = await OrderClient(bus, ManualClock()).submit(symbol="IF2501", account="A1", **body)  # type: ignore[arg-type]  # a table
    assert heard[0].payload == golden(name)
    assert heard[0].subject == f"rpc.order-management.{str(body['side']).lower()}"
    assert decode(golden(name), OrderRequest) == read
    assert decode(b'{"params":' + golden(name) + b"}", OrderRequest) == read
    assert told["status"] == "submitted"


async def test_replies() -> None:
    office = Office()
    leader = await office.leader()
    doors = OrderDoors(lambda: leader, lambda: None, office.broker, dict, office.clock, default_account="A1")  # type: ignore[arg-type, return-value]  # no algorithms here
    buy = golden("buy_request").replace(b"4500", b"3900").replace(b":10,", b":5,")
    assert await doors.answer(Message(subject="rpc.order-management.buy", payload=buy)) == golden("buy_reply")
    assert await doors.answer(Message(subject="rpc.order-management.cancel", payload=golden("cancel_request"))) == golden(
        "cancel_reply"
    )
    assert decode(golden("cancel_request"), CancelRequest) == CancelRequest(account="A1", orderid="V1")
    assert encode_error(NotActive(leader="order-management-2", epoch=3)) == golden("not_active_reply")
    await leader.stop()


def test_algorithm_orders() -> None:
    told = decode(golden("algo_order"), AlgoOrder)
    assert (told.algo, told.symbol, told.volume, told.direction, told.price) == ("TWAP", "IF2501", 1000, "LONG", Decimal(4510))
    assert (told.duration, told.interval, told.algo_id, told.account, told.action) == (600.0, 3.0, "twap-1", "A1", "start")
    assert decode(encode(told), AlgoOrder) == told


def test_topics_and_subjects() -> None:
    assert tick_topic("IF2501") == "market.tick.IF2501"
    assert (algo_topic("TWAP"), algo_topic("VWAP")) == ("orders.algo.twap", "orders.algo.vwap")
    assert rpc_subject("order-management", "buy") == "rpc.order-management.buy"
    assert (
        instance_subject("order-management", "order-management-1", "status")
        == "service.order-management.order-management-1.status"
    )
    assert heartbeat_topic("order-management") == "internal.heartbeat.order-management"
    assert registry_key("order-management", "om-1") == "service-instances__order-management__om-1"


def test_every_golden_file_is_used() -> None:
    mine = Path(__file__).read_text(encoding="utf-8")
    assert [
        path.name
        for path in GOLDEN.glob("*.json")
        if f'"{path.stem}"' not in mine and not path.stem.startswith(("gateway", "tq_", "platform_", "powerscreen_"))
    ] == []
