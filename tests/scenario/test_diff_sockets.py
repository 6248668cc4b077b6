"""The DIFF front's sockets as a client sees them that does what TqSDK does only in bad moments."""

import asyncio
import json
import signal
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.diff_house import TRADING, DiffHouse, diff_settings
from tests.patience import PATIENCE_S
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tradepit.config import LogSettings
from tradepit.web.diff.access import Access
from tradepit.web.diff.outlet import merge

Packet = dict[str, Any]
ORDER: Packet = {
    "aid": "insert_order", "user_id": "alice", "exchange_id": "CFFEX", "instrument_id": "IF2501", "direction": "BUY",
    "offset": "OPEN", "volume": 1, "price_type": "LIMIT", "limit_price": 4400.0, "time_condition": "GFD", "volume_condition": "ANY",
}  # fmt: skip


class Client:
    """A websocket and the document its patches make."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.greeting: Packet = {}
        self.document: Packet = {}
        self.answers: list[Packet] = []

    async def say(self, **packet: object) -> None:
        """One packet."""
        await self.socket.send(json.dumps(packet))

    async def peek(self, timeout_s: float = PATIENCE_S) -> Packet:
        """Ask for news and merge them."""
        await self.say(aid="peek_message")
        answer: Packet = json.loads(await asyncio.wait_for(self.socket.recv(), timeout_s))
        assert answer["aid"] == "rtn_data"
        self.answers.append(answer)
        for patch in answer["data"]:
            merge(self.document, patch)
        return answer

    async def until(self, holds: Callable[[Packet], object]) -> None:
        """Peek until the document is as it should be."""
        while True:
            try:
                if holds(self.document):
                    return
            except KeyError:
                pass
            await self.peek()

    async def login(self, user: str = "alice", password: str = "alice") -> None:
        """Log in and read the snapshot."""
        await self.say(aid="req_login", bid="simnow", user_name=user, password=password)
        await self.until(lambda document: document["trade"][user]["trade_more_data"] is False)


@asynccontextmanager
async def _client(house: DiffHouse, path: str, token: str = "", **handshake: Any) -> AsyncIterator[Client]:
    url = f"ws://127.0.0.1:{house.house.settings.diff.port}{path}"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with connect(url, additional_headers=headers, proxy=None, max_size=None, **handshake) as socket:
        client = Client(socket)
        # The first words come unasked.
        client.greeting = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S))
        yield client


async def test_orders_from_before_the_login_are_told_finished_and_never_sent(tmp_path: Path) -> None:
    async with DiffHouse(tmp_path, diff_settings(), TRADING) as house:
        await house.leader()
        await house.open_door()
        async with _client(house, "/td") as client:
            await client.say(**ORDER, order_id="early")
            await client.login()
            early = client.document["trade"]["alice"]["orders"]["early"]
            assert (early["status"], early["exchange_order_id"], early["volume_left"]) == ("FINISHED", "", 1)
            await client.say(**ORDER, order_id="good")
            await client.until(lambda document: document["trade"]["alice"]["orders"]["good"]["exchange_order_id"])
        # A true order that waited through an outage is told as it truly is.
        async with _client(house, "/td") as client:
            await client.say(**ORDER | {"volume": 7}, order_id="good")
            await client.login()
            good = client.document["trade"]["alice"]["orders"]["good"]
            assert (good["status"], good["volume_orign"]) == ("ALIVE", 1)
        # What cannot be read hurts nobody, and what makes no sense is refused for good.
        async with _client(house, "/td") as client:
            for noise in ("", "no json", "[]", '{"aid":7}', '{"aid":"insert_order"}', '{"aid":"req_login"}', "\x00漢字"):
                await client.socket.send(noise)
            await client.login()
            nonsense: list[Packet] = [{"direction": "UP"}, {"volume": 0.5}, {"price_type": "MAGIC"}, {"instrument_id": "../x"}]
            for number, bad in enumerate(nonsense):
                await client.say(**{**ORDER, **bad}, order_id=f"bad{number}")
            await client.until(
                lambda document: set(document["trade"]["alice"]["orders"]) >= {f"bad{number}" for number in range(4)}
            )
            orders = client.document["trade"]["alice"]["orders"]
            assert {orders[f"bad{number}"]["exchange_order_id"] for number in range(4)} == {""}
            assert {orders[f"bad{number}"]["status"] for number in range(4)} == {"FINISHED"}
        assert len((await house.rpc("rpc.trading-gateway.orders", {"account": "alice"}))["orders"]) == 1


async def test_a_slow_client_is_told_the_newest_and_nothing_piles_up(tmp_path: Path) -> None:
    async with DiffHouse(tmp_path, diff_settings(), TRADING) as house:
        await house.leader()
        await house.open_door()
        async with _client(house, "/md") as market, _client(house, "/td") as trade:
            await trade.login()
            await market.peek()
            await market.say(aid="subscribe_quote", ins_list="CFFEX.IF2501,CFFEX.XX9999")
            await market.until(lambda document: document["ins_list"] == "CFFEX.IF2501,CFFEX.XX9999")
            assert list(market.document["quotes"]) == ["CFFEX.IF2501"]
            for number in range(40):
                await house.order("sell", 4500, 1)
                await trade.say(**ORDER | {"limit_price": 4500.0}, order_id=f"o{number}")
                await asyncio.sleep(0.02)
            await house.until(lambda: _holds(house, 40), "every order to trade")
            await asyncio.sleep(1.5)
            before = len(trade.answers)
            await trade.until(lambda document: document["trade"]["alice"]["positions"]["CFFEX.IF2501"]["pos_long_today"] == 40)
            # All forty orders came in the very next answers, not in forty.
            assert len(trade.answers) - before <= 8
            assert len(trade.document["trade"]["alice"]["trades"]) == 40
            await market.until(lambda document: document["quotes"]["CFFEX.IF2501"]["volume"] == 40)
            assert len(market.answers) <= 5


async def _holds(house: DiffHouse, lots: int) -> bool:
    return sum(row[3] for row in await house.venue_positions("alice")) == lots


async def test_a_stop_says_come_again_and_a_silent_login_is_reminded(tmp_path: Path) -> None:
    async with DiffHouse(tmp_path, diff_settings(), TRADING) as house:
        await house.leader()
        await house.open_door()
        async with _client(house, "/td", user_agent_header="tqsdk-python 3.10.4") as client:
            assert client.greeting == {"aid": "rtn_brokers", "brokers": ["simnow", "快期模拟"]}
            await client.say(aid="peek_message")
            await asyncio.wait_for(client.socket.wait_closed(), PATIENCE_S)
            assert client.socket.close_code == 1012
        async with _client(house, "/td") as trade, _client(house, "/md") as market:
            await trade.login()
            house.house.members["diff"].expected = False
            house.house.send("diff", signal.SIGTERM)
            for client in (trade, market):
                await asyncio.wait_for(client.socket.wait_closed(), PATIENCE_S)
                assert client.socket.close_code == 1012


async def test_with_users_only_they_come_in(tmp_path: Path) -> None:
    users = {"alice": "secret", "bob": "other"}
    async with DiffHouse(tmp_path, diff_settings(users=users, open_with=None), TRADING) as house:
        await house.leader()
        token = Access(users).token("alice")

        async def refused() -> bool:
            try:
                async with _client(house, "/td"):
                    return False
            except InvalidStatus:
                return True
            except OSError:
                return False

        await house.until(refused, "the door to be shut")
        async with _client(house, "/td", token) as client:
            for user, password in (("bob", "alice"), ("bob", "secret"), ("alice", "wrong"), ("alice", "secret")):
                await client.say(aid="req_login", bid="simnow", user_name=user, password=password)
                await client.peek()
            notices = client.document["notify"].values()
            # The last is let in by its password, and has no account here.
            assert [each["level"] for each in notices] == ["ERROR"] * 4
            assert "trade" not in client.document
            assert "no such account" in list(notices)[-1]["content"]
        # A browser cannot set headers: its token is in the address, and lets its owner in whatever the password.
        async with _client(house, f"/td?access_token={token}") as client:
            await client.say(aid="req_login", bid="simnow", user_name="alice", password="wrong")
            await client.peek()
            assert "no such account" in next(iter(client.document["notify"].values()))["content"]


async def test_a_page_of_another_site_does_not_get_in(tmp_path: Path) -> None:
    async with DiffHouse(tmp_path, diff_settings(), TRADING) as house:
        await house.open_door()
        for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example", "http://localhost@evil.example"):
            with pytest.raises(InvalidStatus):
                async with _client(house, "/td", origin=origin):
                    pass
        for origin in ("http://localhost:8080", "http://127.0.0.1"):
            async with _client(house, "/md", origin=origin) as client:
                assert client.greeting["aid"] == "rsp_login"
        pages = {}
        for origin in ("http://localhost:8080", "https://evil.example"):
            request = urllib.request.Request(
                f"http://127.0.0.1:{house.house.settings.diff.port}/broker-list.json", headers={"Origin": origin}
            )
            with await asyncio.to_thread(urllib.request.urlopen, request) as answer:
                pages[origin] = answer.headers.get("Access-Control-Allow-Origin")
                brokers = json.load(answer)
        assert pages == {"http://localhost:8080": "http://localhost:8080", "https://evil.example": None}
        assert {broker["url"] for broker in brokers.values()} == {f"ws://127.0.0.1:{house.house.settings.diff.port}/td"}


async def test_a_notice_has_a_patch_of_its_own(tmp_path: Path) -> None:
    async with DiffHouse(tmp_path, diff_settings(), TRADING) as house:
        await house.leader()
        await house.open_door()
        async with _client(house, "/td") as client:
            await client.login()
            # The vendor's JavaScript client takes a patch with ``notify`` for nothing else.
            patches = [patch for answer in client.answers for patch in answer["data"]]
            assert [sorted(patch) for patch in patches if "notify" in patch] == [["notify"]]


def _all_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_what_it_does_not_know_ends_nothing_and_secrets_are_kept_nowhere(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(diff_settings(), log=LogSettings(level="DEBUG"))
    async with DiffHouse(tmp_path, settings, TRADING) as house:
        await house.leader()
        await house.open_door()
        async with _client(house, "/td") as client, _client(house, "/md") as market:
            for each in (client, market):
                await each.say(aid="qry_settlement_info", trading_day=20250106)
                await each.socket.send(b"\x00\xff")
            await client.say(
                aid="req_login", bid="simnow", user_name="alice", password="s3cr3t-word", client_system_info="s3cr3t-machine"
            )
            await client.until(lambda document: document["trade"]["alice"]["trade_more_data"] is False)
            await client.say(**ORDER, order_id="dated")
            await client.until(lambda document: document["trade"]["alice"]["orders"]["dated"]["exchange_order_id"])
            dated = client.document["trade"]["alice"]["orders"]["dated"]["insert_date_time"]
            # The exchange's time, not this machine's.
            assert datetime.fromtimestamp(dated / 1e9, UTC).strftime("%Y-%m-%d %H") == "2025-01-06 01"
            # What TqScenario asks for: the margin of an order that is not sent, eight in a hundred of 4,500 points at 300 each.
            probe = {"aid": "pre_insert_order", "order_id": "probe", "exchange_id": "CFFEX", "direction": "BUY", "volume": 1}
            await client.say(**probe, instrument_id="IF2501")
            await client.until(lambda document: document["trade"]["alice"]["pre_insert_orders"]["probe"])
            told = client.document["trade"]["alice"]["pre_insert_orders"]["probe"]
            margin = {"exchange_id": "CFFEX", "instrument_id": "IF2501", "direction": "BUY", "pre_margin": 108_000.0}
            assert told == margin
            await client.say(**probe, instrument_id="")
            await client.until(lambda document: document["trade"]["alice"]["pre_insert_orders"]["probe"] is None)
            await market.peek()
            assert market.document["mdhis_more_data"] is False
        logs = await asyncio.to_thread(_all_bytes, tmp_path)
        assert b"alice logged in" in logs
        assert b"qry_settlement_info" in logs
        assert b"s3cr3t" not in logs
