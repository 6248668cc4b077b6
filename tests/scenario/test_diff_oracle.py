"""TqSDK's own simulation and its back-tester judge the exchange's market: the same orders to both, and a day lived through again."""

from decimal import Decimal
from pathlib import Path

import msgspec
from tests.diff_house import TRADING, DiffHouse, diff_settings
from tests.recorded_past import record_past

from tradepit.config import Settings
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.ledger.rules import LedgerRules, MarginPrice

ORACLE = """
SYMBOL = "SHFE.rb2505"
ACCOUNT = ("static_balance", "balance", "available", "float_profit", "position_profit", "close_profit", "margin", "frozen_margin",
           "commission", "risk_ratio", "frozen_commission", "market_value")
POSITION = [name + "_" + side for side in ("long", "short") for name in ("volume", "open_price", "open_cost", "position_price",
            "position_cost", "float_profit", "position_profit", "margin")]
POSITION += ["pos", "pos_long_today", "pos_short_today", "pos_long_his", "pos_short_his", "float_profit", "position_profit", "margin"]
ours, theirs = TqKq(), TqSim(10000000)
api = TqApi(TqMultiAccount([ours, theirs]), auth=TqAuth("alice", "pw"), disable_print=True, debug=False)
q = api.get_quote(SYMBOL)
theirs.set_margin(SYMBOL, q.margin)

def differences():
    pairs = [(api.get_account(account=ours), api.get_account(account=theirs), ACCOUNT),
             (api.get_position(SYMBOL, account=ours), api.get_position(SYMBOL, account=theirs), POSITION)]
    return [(name, a[name], b[name]) for a, b, names in pairs for name in names
            if not (a[name] != a[name] and b[name] != b[name]) and not abs(a[name] - b[name]) < 1e-6 * max(1, abs(b[name]))]

for side, offset, volume, price in STEPS:
    wait(api, lambda: (q.ask_price1 if side == "BUY" else q.bid_price1) == price, f"the quote {price}")
    theirs.set_commission(SYMBOL, price * q.volume_multiple * RATE)
    for account in (theirs, ours):
        o = api.insert_order(SYMBOL, side, offset, volume, limit_price=price, account=account)
        wait(api, lambda: o.status == "FINISHED", "the fill")
        assert o.volume_left == 0, dict(o)
    deadline = time.time() + 10
    while differences() and time.time() < deadline:
        api.wait_update(deadline=time.time() + 1)
    say(step=[side, offset, volume, price], differences=differences(), compared=len(ACCOUNT) + len(POSITION))
api.close()
"""
# The exchange closes lots first in, first out, TqSim at their average price: lots of several prices are closed together here.
STEPS = [
    ("BUY", "OPEN", 2, 3301),
    ("SELL", "CLOSETODAY", 1, 3299),
    ("BUY", "OPEN", 1, 3303),
    ("SELL", "CLOSETODAY", 2, 3297),
    ("SELL", "OPEN", 2, 3296),
    ("BUY", "CLOSETODAY", 2, 3304),
]


def _with_flat_margin(settings: Settings) -> Settings:
    """TqSim margins every lot alike, as a broker does who takes the previous settlement price."""
    venue = msgspec.structs.replace(settings.exchange.gateway.venue, ledger=LedgerRules(margin_price=MarginPrice.PRE_SETTLEMENT))
    gateway = msgspec.structs.replace(settings.exchange.gateway, venue=venue)
    return msgspec.structs.replace(settings, exchange=msgspec.structs.replace(settings.exchange, gateway=gateway))


async def test_tqsim_on_our_quotes_comes_to_the_same_account(tmp_path: Path) -> None:
    fees = load_catalog().product("rb").fees
    assert fees.open == fees.close_today
    async with DiffHouse(tmp_path, _with_flat_margin(diff_settings()), TRADING) as house:
        await house.leader()
        await house.order("sell", 3300, 1, symbol="rb2505")
        await house.order("buy", 3300, 1, symbol="rb2505", account="B1")
        for side, _, volume, price in STEPS:
            await house.order("sell" if side == "BUY" else "buy", price, volume, symbol="rb2505")
        said = await house.told(f"STEPS, RATE = {STEPS!r}, {float(fees.open.by_money)!r}\n" + ORACLE)
    assert [each["step"] for each in said] == [list(step) for step in STEPS]
    assert [each["differences"] for each in said] == [[]] * len(STEPS)
    assert said[0]["compared"] == 36


BACKTEST = """
test = TqBacktest(start_dt=date(2025, 1, 2), end_dt=date(2025, 1, 3))
api = TqApi(TqSim(10000000), backtest=test, auth=TqAuth("bob", "pw"), disable_print=True, debug=False)
q, k = api.get_quote("CFFEX.IF2501"), api.get_kline_serial("CFFEX.IF2501", 60)
day = api.get_kline_serial("CFFEX.IF2501", 86400)
closes, order, rises = [], None, 0
try:
    while True:
        api.wait_update()
        if api.is_changing(k.iloc[-1], "datetime"):
            closes.append((k.iloc[-2].datetime, k.iloc[-2].close, k.iloc[-2].volume))
            if order is None and len(closes) == 30:
                order = api.insert_order("CFFEX.IF2501", "BUY", "OPEN", 1, limit_price=q.ask_price1)
except BacktestFinished:
    say(bars=len(closes), last=closes[-1], order=order.last_msg, pos=api.get_position("CFFEX.IF2501").pos,
        days=[float(close) for close in day.close.tolist() if close == close])
"""


async def test_a_backtest_lives_through_the_recorded_days(tmp_path: Path) -> None:
    ends = record_past(tmp_path / "past.parquet")
    async with DiffHouse(tmp_path, diff_settings(history=str(tmp_path / "past.parquet")), TRADING) as house:
        await house.leader()
        (said,) = await house.told(BACKTEST, 150)
    assert len(ends) == 480
    # The first bar has none before it, the last is never followed.
    assert said["bars"] in (479, 480)
    assert said["last"][1] in ends[-2:]
    assert said["last"][2] == 60
    assert (said["order"], said["pos"]) == ("全部成交", 1)
    assert Decimal(str(said["days"][-1])) == Decimal(str(ends[-1]))
