"""The vendor's JavaScript client, unmodified from npm, trades on the house's exchange: the front suits more than the Python TqSDK."""

import asyncio
from pathlib import Path

import pytest
from tests.diff_house import MARKET, TRADING, DiffHouse, diff_settings


async def test_it_sees_the_market(tmp_path: Path) -> None:
    async with DiffHouse(tmp_path, diff_settings(), MARKET) as house:
        await house.leader()
        program = await house.begin_node("market.js")
        market, charts = await asyncio.to_thread(program.said)
    quote = market["quote"]
    assert quote["datetime"].startswith("2025-01-06 09:4")
    assert (quote["price_tick"], quote["volume_multiple"], quote["upper_limit"]) == (0.2, 300, 4950)
    assert market["found"] == [["SHFE.rb2505"], ["CFFEX.IC2501", "CFFEX.IF2501"]]
    assert all(bar["low"] <= bar["open"] <= bar["high"] for bar in charts["bars"])
    assert charts["bars"][1]["datetime"] > charts["bars"][0]["datetime"]
    assert charts["ticks"][1]["datetime"] > charts["ticks"][0]["datetime"]
    assert charts["newest"] == [charts["newest"][1], charts["newest"][1], "bars"]


async def test_it_trades(tmp_path: Path) -> None:
    async with DiffHouse(tmp_path, diff_settings(), TRADING) as house:
        await house.leader()
        await house.order("sell", 4500, 3)
        await house.order("buy", 4490, 1)
        await house.order("sell", 3300, 3, symbol="rb2505")
        await house.order("buy", 3299, 1, symbol="rb2505")
        program = await house.begin_node("trade.js")
        said = iter(await asyncio.to_thread(program.said))

        entered = next(said)
        assert entered["brokers"] == ["simnow", "快期模拟"]
        assert (entered["account"]["balance"], entered["orders"]) == (10_000_000, {})
        assert entered["notices"] == [["INFO", 401, "alice"]]
        partial = next(said)
        assert (partial["order"]["status"], partial["order"]["last_msg"]) == ("ALIVE", "部分成交")
        assert (partial["position"]["pos_long_today"], partial["position"]["open_price_long"]) == (3, 4500)
        assert partial["account"]["frozen_margin"] > 0
        cancelled = next(said)
        assert (cancelled["order"]["last_msg"], cancelled["order"]["volume_left"]) == ("已撤单", 2)
        assert sum(trade["volume"] for trade in cancelled["trades"].values()) == 3

        rest = next(said)
        assert (rest["refused"]["last_msg"], rest["refused"]["exchange_order_id"]) == ("CTP:平昨仓位不足", "")
        # The client itself splits a close by day on this exchange.
        assert (rest["closing"]["offset"], rest["closing"]["volume_left"]) == ("CLOSETODAY", 0)
        assert (rest["market"]["price_type"], rest["market"]["volume_left"]) == ("ANY", 0)
        assert rest["orders"] == 5
        assert [trade["volume"] for trade in rest["trades"] if trade["offset"] == "CLOSETODAY"] == [1]
        proof = await house.prove()
        assert proof.clean, proof.findings


async def test_it_outlives_its_front_and_may_log_in_late(tmp_path: Path) -> None:
    async with DiffHouse(tmp_path, diff_settings(), TRADING) as house:
        await house.leader()
        program = await house.begin_node("outage.js")
        late, sent = await house.heard(program, 2)
        # Nobody is told to come again for being slow to type a password.
        assert late == {"lost": 0}
        house.kill("diff-front-1")
        await house.order("sell", 4500, 2)
        assert (await house.orders("cancel", {"account": "alice", "client_order_id": sent["order_id"]}))["success"]
        house.house.revive()
        said = await asyncio.to_thread(program.said, 120)
    order, following = said[2]["order"], said[2]["next"]
    assert (order["volume_left"], order["last_msg"]) == (3, "已撤单")
    assert [(trade["price"], trade["volume"]) for trade in said[2]["trades"]] == [(pytest.approx(4500), 2)]
    assert (following["status"], following["last_msg"]) == ("ALIVE", "未成交")
