"""TqSDK's live objects read into frames: its spellings, its "no value", its optimistic orders."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any

from tradepit.backends.broker.tqsdk.frames import ToldAccount, ToldOrder, ToldPosition, ToldQuote, ToldTick, ToldTrade

_CHINA = timezone(timedelta(hours=8))
_EVENING_H = 18
_SATURDAY = 5
_WITHDRAWN = "撤"
_SIDES = (("BUY", "long"), ("SELL", "short"))
_LEVELS = 5
_NO_FIGURE = 1e18


def items(entity: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """What a collection holds, without TqSDK's own entries."""
    return [(key, value) for key, value in entity.items() if not key.startswith("_")]


def entries(entity: Any) -> dict[str, Any]:  # noqa: ANN401 - TqSDK's own type
    """A collection as the dictionary it is, TqSDK's own entries in it: going through TqSDK copies it for every question."""
    held: dict[str, Any] = vars(entity)
    return held


def added_since(entity: Any, count: int) -> list[tuple[str, Any]]:  # noqa: ANN401 - TqSDK's own type
    """What has come to a collection since it had ``count`` entries, in the order in which it came; all, when something has gone."""
    held = entries(entity)
    fresh = len(held) - count if len(held) >= count else len(held)
    newest = list(islice(reversed(held.items()), fresh))
    return [(key, value) for key, value in reversed(newest) if not key.startswith("_")]


def number(value: Any) -> float:  # noqa: ANN401 - whatever stands in a field
    """A number, 0 for every way of saying that there is none: CTP's is the largest float."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) and abs(value) < _NO_FIGURE else 0.0


def is_acknowledged(order: Any) -> bool:  # noqa: ANN401 - TqSDK's own type
    """True once the broker has answered: TqSDK itself calls an order ALIVE the moment it is asked to send it."""
    return bool(order.exchange_order_id) or order.status == "FINISHED"


def read_order(account: str, order: Any, price_tick: float, *, local: bool = False) -> ToldOrder:  # noqa: ANN401 - TqSDK's own type
    """An order. ``local``: one of TqSim, which gives even a refused order an exchange's number."""
    refused = (
        local and order.status == "FINISHED" and order.volume_left == order.volume_orign and _WITHDRAWN not in order.last_msg
    )
    return ToldOrder(
        account=account,
        order_id=order.order_id,
        exchange_id=order.exchange_id,
        instrument_id=order.instrument_id,
        direction=order.direction,
        offset=order.offset,
        volume_orign=int(number(order.volume_orign)),
        volume_left=int(number(order.volume_left)),
        status=order.status,
        exchange_order_id="" if refused else order.exchange_order_id,
        last_msg=order.last_msg,
        limit_price=number(order.limit_price),
        price_type=order.price_type,
        time_condition=order.time_condition,
        volume_condition=order.volume_condition,
        insert_ns=int(number(order.insert_date_time)),
        price_tick=price_tick,
    )


def read_trade(account: str, trade_id: str, trade: Any, price_tick: float) -> ToldTrade:  # noqa: ANN401 - TqSDK's own type
    """A fill."""
    return ToldTrade(
        account=account,
        trade_id=trade_id,
        order_id=trade.order_id,
        exchange_trade_id=trade.exchange_trade_id,
        exchange_id=trade.exchange_id,
        instrument_id=trade.instrument_id,
        direction=trade.direction,
        offset=trade.offset,
        price=number(trade.price),
        volume=int(number(trade.volume)),
        time_ns=int(number(trade.trade_date_time)),
        commission=number(trade.commission),
        price_tick=price_tick,
    )


def read_quote(symbol: str, quote: Any) -> ToldQuote:  # noqa: ANN401 - TqSDK's own type
    """A contract."""
    return ToldQuote(
        symbol=symbol,
        price_tick=number(quote.price_tick),
        multiplier=int(number(quote.volume_multiple)),
        expire_s=number(quote.expire_datetime),
        lower_limit=number(quote.lower_limit),
        upper_limit=number(quote.upper_limit),
        pre_settlement=number(quote.pre_settlement),
        max_limit_lots=int(number(quote.max_limit_order_volume)),
        trading_day=_day_of(quote.datetime),
    )


def read_tick(symbol: str, quote: Any) -> ToldTick | None:  # noqa: ANN401 - TqSDK's own type
    """A contract's market; None before it has one."""
    time_ns = _time_ns(quote.datetime)
    if not time_ns:
        return None
    return ToldTick(
        symbol=symbol,
        price_tick=number(quote.price_tick),
        time_ns=time_ns,
        trading_day=_day_of(quote.datetime),
        last=number(quote.last_price),
        volume=int(number(quote.volume)),
        turnover=number(quote.amount),
        open_interest=int(number(quote.open_interest)),
        open=number(quote.open),
        high=number(quote.highest),
        low=number(quote.lowest),
        upper_limit=number(quote.upper_limit),
        lower_limit=number(quote.lower_limit),
        pre_close=number(quote.pre_close),
        pre_settlement=number(quote.pre_settlement),
        bids=_levels(quote, "bid"),
        asks=_levels(quote, "ask"),
    )


def _levels(quote: Any, side: str) -> list[tuple[float, int]]:  # noqa: ANN401 - TqSDK's own type
    found = []
    for place in range(1, _LEVELS + 1):
        price, lots = number(getattr(quote, f"{side}_price{place}")), int(number(getattr(quote, f"{side}_volume{place}")))
        if not price or lots <= 0:
            break
        found.append((price, lots))
    return found


def read_account(account: Any) -> ToldAccount:  # noqa: ANN401 - TqSDK's own type
    """An account's money."""
    return ToldAccount(
        currency=account.currency or "CNY",
        pre_balance=number(account.pre_balance),
        deposit=number(account.deposit),
        withdraw=number(account.withdraw),
        close_profit=number(account.close_profit),
        position_profit=number(account.position_profit),
        float_profit=number(account.float_profit),
        commission=number(account.commission),
        margin=number(account.margin),
        frozen_margin=number(account.frozen_margin),
        frozen_commission=number(account.frozen_commission),
        balance=number(account.balance),
        available=number(account.available),
    )


def read_sides(position: Any) -> list[ToldPosition]:  # noqa: ANN401 - TqSDK's own type
    """The sides of a position that hold something."""
    sides = [_side(position, direction, word) for direction, word in _SIDES]
    return [side for side in sides if side.today or side.history]


def _side(position: Any, direction: str, word: str) -> ToldPosition:  # noqa: ANN401 - TqSDK's own type
    def field(name: str) -> float:
        return number(getattr(position, name.format(word)))

    return ToldPosition(
        exchange_id=position.exchange_id,
        instrument_id=position.instrument_id,
        direction=direction,
        today=int(field("pos_{}_today")),
        history=int(field("pos_{}_his")),
        frozen_today=int(field("volume_{}_frozen_today")),
        frozen_history=int(field("volume_{}_frozen_his")),
        open_cost=field("open_cost_{}"),
        margin=field("margin_{}"),
        float_profit=field("float_profit_{}"),
        position_profit=field("position_profit_{}"),
    )


def weekday_evening(now_ns: int) -> int:
    """The trading day (YYYYMMDD) of an instant (UTC ns) when nobody tells it: after 18:00 in China it is the next weekday's."""
    return _evening_day(datetime.fromtimestamp(now_ns // 1_000_000_000, _CHINA))


def quote_day(quote: Any) -> int:  # noqa: ANN401 - TqSDK's own type
    """The trading day of a quote, 0 for none."""
    return _day_of(quote.datetime)


def _time_ns(text: str) -> int:
    """UTC nanoseconds of a quote's time, which is China's; 0 for none."""
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=_CHINA)
    except ValueError:
        return 0
    return int(moment.replace(microsecond=0).timestamp()) * 1_000_000_000 + moment.microsecond * 1000


def _day_of(text: str) -> int:
    """The trading day of a quote's time, which is China's; 0 for none."""
    try:
        return _evening_day(datetime.fromisoformat(text))
    except ValueError:
        return 0


def _evening_day(moment: datetime) -> int:
    day = moment.date() + timedelta(days=moment.hour >= _EVENING_H)
    while day.weekday() >= _SATURDAY:
        day += timedelta(days=1)
    return day.year * 10_000 + day.month * 100 + day.day
