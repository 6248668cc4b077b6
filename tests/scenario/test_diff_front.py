"""An unmodified TqSDK trades on the house's exchange: one story for each thing a strategy does, each TqApi in a process of its own."""

import asyncio
from pathlib import Path

import pytest
from tests.diff_house import MARKET, TRADING, DiffHouse, diff_settings
from tests.tq_program import Said


def _check_identities(account: Said) -> None:
    """The sums between an account's fields that every client relies on."""
    assert account["static_balance"] == pytest.approx(account["pre_balance"] + account["deposit"] - account["withdraw"])
    profit = account["close_profit"] + account["position_profit"] - account["commission"]
    assert account["balance"] == pytest.approx(account["static_balance"] + profit)
    held = account["margin"] + account["frozen_margin"] + account["frozen_commission"]
    assert account["available"] == pytest.approx(account["balance"] - held)
    assert account["risk_ratio"] == pytest.approx(account["margin"] / account["balance"])


ORDERS = """
api = kq()
acc, pos = api.get_account(), api.get_position("CFFEX.IF2501")
o = api.insert_order("CFFEX.IF2501", "BUY", "OPEN", 5, limit_price=4500)
wait(api, lambda: o.volume_left == 2, "a partial fill")
say(order=dict(o), pos=dict(pos), acc=dict(acc))
api.cancel_order(o)
wait(api, lambda: o.status == "FINISHED", "the cancel")
say(order=dict(o), price=o.trade_price, acc=dict(acc), trades=[dict(t) for t in o.trade_records.values()])
o = api.insert_order("SHFE.rb2505", "BUY", "OPEN", 3, limit_price=3300)
wait(api, lambda: o.status == "FINISHED", "the metal")
say(order=dict(o), pos=dict(api.get_position("SHFE.rb2505")))
for offset, price, advanced in (("CLOSE", 3290, None), ("CLOSETODAY", 9999, None), ("CLOSETODAY", 3290.5, None), ("OPEN", None, None)):
    try:
        o = api.insert_order("SHFE.rb2505", "SELL", offset, 1, limit_price=price, advanced=advanced)
        wait(api, lambda: o.status == "FINISHED", "a refusal")
        say(order=dict(o), error=o.is_error, msg=o.last_msg)
    except Exception as error:
        say(order=None, error=True, msg=str(error))
o = api.insert_order("SHFE.rb2505", "SELL", "CLOSETODAY", 1, limit_price=3299)
wait(api, lambda: o.status == "FINISHED", "the close of today's")
say(order=dict(o), pos=dict(api.get_position("SHFE.rb2505")))
o = api.insert_order("CFFEX.IF2501", "BUY", "OPEN", 3, limit_price=4499, advanced="FOK")
wait(api, lambda: o.status == "FINISHED", "the FOK")
say(order=dict(o))
o = api.insert_order("CFFEX.IF2501", "SELL", "CLOSE", 2, limit_price=4490, advanced="FAK")
wait(api, lambda: o.status == "FINISHED", "the FAK")
say(order=dict(o))
o = api.insert_order("CFFEX.IF2501", "SELL", "CLOSE", 1, limit_price="BEST")
wait(api, lambda: o.status == "FINISHED", "the BEST")
say(order=dict(o), pos=dict(pos))
o = api.insert_order("CFFEX.IF2501", "BUY", "OPEN", 1, limit_price=4400, order_id="my own: id.№ 7")
wait(api, lambda: o.exchange_order_id != "", "a free id")
say(order=dict(o))
api.cancel_order(o)
wait(api, lambda: o.status == "FINISHED", "its cancel")
again = api.insert_order("CFFEX.IF2501", "BUY", "OPEN", 9, limit_price=4444, order_id="my own: id.№ 7")
wait(api, lambda: again.status == "FINISHED" and again.volume_orign == 1, "the true record")
say(order=dict(again))
api.cancel_order("nobody's")
wait(api, lambda: any(n["code"] == 417 for n in api._data["notify"].values()), "the notice")
api.close()
"""


async def test_every_kind_of_order(tmp_path: Path) -> None:
    async with DiffHouse(tmp_path, diff_settings(), TRADING) as house:
        await house.leader()
        await house.order("sell", 4500, 3)
        await house.order("sell", 3300, 3, symbol="rb2505")
        await house.order("buy", 3299, 1, symbol="rb2505")
        await house.order("buy", 4490, 1)
        await house.order("buy", 4489, 1)
        said = iter(await house.told(ORDERS))

        partial = next(said)
        order, position = partial["order"], partial["pos"]
        assert (order["status"], order["last_msg"], order["volume_left"]) == ("ALIVE", "部分成交", 2)
        assert order["frozen_margin"] > 0
        assert (position["pos_long_today"], position["pos"], position["open_price_long"]) == (3, 3, 4500)
        assert partial["acc"]["frozen_margin"] == pytest.approx(order["frozen_margin"])
        _check_identities(partial["acc"])

        cancelled = next(said)
        assert (cancelled["order"]["status"], cancelled["order"]["last_msg"]) == ("FINISHED", "已撤单")
        assert cancelled["order"]["exchange_order_id"]
        assert (cancelled["price"], sum(trade["volume"] for trade in cancelled["trades"])) == (4500, 3)
        assert cancelled["acc"]["frozen_margin"] == 0
        _check_identities(cancelled["acc"])

        metal = next(said)
        assert (metal["order"]["volume_left"], metal["order"]["last_msg"]) == (0, "全部成交")
        assert (metal["pos"]["pos_long_today"], metal["pos"]["pos_long_his"]) == (3, 0)
        refusals = [next(said) for _ in range(4)]
        assert [refusal["error"] for refusal in refusals] == [True] * 4
        assert [refusal["msg"] for refusal in refusals[:3]] == [
            "CTP:平昨仓位不足", "CTP:报单价格超出涨跌停板", "CTP:报单价格不是最小单位的倍数",
        ]  # fmt: skip
        for refusal in refusals[:3]:
            refused = refusal["order"]
            assert (refused["exchange_order_id"], refused["volume_left"]) == ("", refused["volume_orign"])

        closed = next(said)
        assert (closed["order"]["offset"], closed["pos"]["pos_long_today"]) == ("CLOSETODAY", 2)
        killed, taken, best = next(said), next(said), next(said)
        assert (killed["order"]["volume_condition"], killed["order"]["volume_left"]) == ("ALL", 3)
        assert (taken["order"]["time_condition"], taken["order"]["volume_left"]) == ("IOC", 1)
        assert (best["order"]["price_type"], best["order"]["volume_left"], best["order"]["trade_price"]) == ("BEST", 0, 4489)
        assert best["pos"]["pos"] == 1

        free, again = next(said)["order"], next(said)["order"]
        assert free["order_id"] == again["order_id"] == "my own: id.№ 7"
        assert (again["volume_orign"], again["limit_price"], again["last_msg"]) == (1, 4400, "已撤单")
        assert again["exchange_order_id"] == free["exchange_order_id"]
        proof = await house.prove()
        assert proof.clean, proof.findings


TWO = """
one, two = account("A7", "H海通期货"), account("A7")
a = one.insert_order("CFFEX.IF2501", "BUY", "OPEN", 1, limit_price=4400)
wait(one, lambda: a.exchange_order_id != "", "the order")
b = two.get_order(a.order_id)
wait(two, lambda: b.status == "ALIVE", "the other's order")
two.cancel_order(b)
wait(two, lambda: b.status == "FINISHED", "the cancel")
wait(one, lambda: a.status == "FINISHED", "the other's cancel")
say(msg=a.last_msg)
one.close(), two.close()
many = TqMultiAccount([TqAccount("simnow", "A8", "pw"), TqAccount("simnow", "A9", "pw"), TqSim(), TqKq()])
api = TqApi(many, auth=TqAuth("carol", "pw"), disable_print=True, debug=False)
say(balances=[api.get_account(each).balance for each in many._account_list])
o = api.insert_order("CFFEX.IF2501", "BUY", "OPEN", 1, limit_price=4400, account=many._account_list[1])
wait(api, lambda: o.exchange_order_id != "", "the second account's order")
say(orders=[len(api.get_order(account=each)) for each in many._account_list])
api.close()
quick = kq("dave", _stock=False)
say(tick=quick.get_quote("SHFE.rb2505").price_tick)
try:
    quick.get_quote("SHFE.rb9999")
except Exception as error:
    say(unknown=str(error))
quick.close()
"""


async def test_several_clients_and_accounts_at_once(tmp_path: Path) -> None:
    async with DiffHouse(tmp_path, diff_settings(), TRADING) as house:
        await house.leader()
        said = await house.told(TWO)
    assert said[0] == {"msg": "已撤单"}
    assert said[1] == {"balances": [10_000_000] * 4}
    assert said[2] == {"orders": [0, 1, 0, 0]}
    assert said[3] == {"tick": 1}
    assert "不存在" in said[4]["unknown"]


OUTAGE = """
api = kq()
o = api.insert_order("CFFEX.IF2501", "BUY", "OPEN", 5, limit_price=4500)
p = api.insert_order("CFFEX.IF2501", "BUY", "OPEN", 1, limit_price=4400)
r = api.insert_order("SHFE.rb2505", "SELL", "CLOSE", 1, limit_price=3300)
wait(api, lambda: o.exchange_order_id != "" and p.exchange_order_id != "" and r.status == "FINISHED", "the orders")
say(order_id=o.order_id)
wait(api, lambda: o.status == "FINISHED", "the cancel from outside")
pos = api.get_position("CFFEX.IF2501")
say(left=o.volume_left, msg=o.last_msg, pos=pos.pos, trades=len(o.trade_records), other=p.status, refused=r.last_msg)
n = api.insert_order("CFFEX.IF2501", "BUY", "OPEN", 1, limit_price=4399)
wait(api, lambda: n.exchange_order_id != "", "an order after the outage")
say(orders=len(api.get_order()), msgs=sorted(x.last_msg for x in api.get_order().values()))
api.close()
"""


async def test_orders_outlive_the_front_and_the_exchange(tmp_path: Path) -> None:
    async with DiffHouse(tmp_path, diff_settings(), TRADING) as house:
        await house.leader()
        program = house.begin(OUTAGE)
        order_id = (await house.heard(program, 1))[0]["order_id"]
        house.kill("diff-front-1")
        # What happens while nobody is there to tell.
        await house.order("sell", 4500, 2)
        assert (await house.orders("cancel", {"account": "alice", "client_order_id": order_id}))["success"]
        house.kill("trading-gateway-1")
        await asyncio.sleep(1)
        house.house.revive()
        said = await asyncio.to_thread(program.said)
    assert said[1] == {"left": 3, "msg": "已撤单", "pos": 2, "trades": 1, "other": "ALIVE", "refused": "CTP:平仓量超过持仓量"}
    assert said[2]["orders"] == 4
    assert said[2]["msgs"] == ["CTP:平仓量超过持仓量", "已撤单", "未成交", "未成交"]


WATCH = """
api = kq()
q = api.get_quote("CFFEX.IF2501")
k = api.get_kline_serial("CFFEX.IF2501", 1, data_length=30)
both = api.get_kline_serial(["CFFEX.IF2501", "SHFE.rb2505"], 1, data_length=10)
ticks = api.get_tick_serial("CFFEX.IF2501", data_length=30)
n, m = k.iloc[-1].id, ticks.iloc[-1].id
wait(api, lambda: k.iloc[-1].id > n + 1 and ticks.iloc[-1].id > m + 2, "bars and ticks")
bars = k[k.id >= n].to_dict("records")
say(quote=dict(q), bars=bars, ticks=ticks[ticks.id >= m].to_dict("records"), both=both.tail(1).to_dict("records"))
main = api.get_quote("KQ.m@CFFEX.IF")
say(main=main.underlying_symbol, last=main.last_price == main.last_price, futures=api.query_quotes(ins_class="FUTURE"),
    conts=api.query_cont_quotes(exchange_id="SHFE"), info=api.query_symbol_info("SHFE.rb2505").to_dict("records"),
    days=int(api.get_trading_calendar(date(2025, 1, 1), date(2025, 1, 7)).trading.sum()))
task, position = TargetPosTask(api, "SHFE.rb2505"), api.get_position("SHFE.rb2505")
for target in (5, 2, -3, 0):
    task.set_target_volume(target)
    wait(api, lambda: position.pos == target, f"position {target}")
say(offsets=sorted({o.offset for o in api.get_order().values()}), left=position.pos)
api.close()
"""


async def test_quotes_charts_and_a_target_position(tmp_path: Path) -> None:
    async with DiffHouse(tmp_path, diff_settings(), MARKET) as house:
        await house.leader()
        watched, asked, traded = await house.told(WATCH)
    quote, bars = watched["quote"], watched["bars"]
    assert quote["datetime"].startswith("2025-01-06 09:4")
    assert (quote["price_tick"], quote["volume_multiple"], quote["upper_limit"], quote["pre_settlement"]) == (
        0.2,
        300,
        4950,
        4500,
    )
    assert 0 < quote["bid_price1"] < quote["ask_price1"]
    assert quote["bid_price5"] < quote["bid_price1"]
    assert [bar["id"] for bar in bars] == [bars[0]["id"] + number for number in range(len(bars))]
    assert all(bar["low"] <= bar["open"] <= bar["high"] and bar["low"] <= bar["close"] <= bar["high"] for bar in bars)
    assert watched["both"][0]["close1"] > 0
    times = [tick["datetime"] for tick in watched["ticks"]]
    assert times == sorted(times)
    assert (asked["main"], asked["last"], asked["conts"], asked["days"]) == ("CFFEX.IF2501", True, ["SHFE.rb2505"], 4)
    assert sorted(asked["futures"]) == ["CFFEX.IC2501", "CFFEX.IF2501", "SHFE.rb2505"]
    assert asked["info"][0]["trading_time_night"] == [["21:00:00", "23:00:00"]]
    # Today's lots of a metal are closed by name.
    assert traded == {"offsets": ["CLOSETODAY", "OPEN"], "left": 0}
