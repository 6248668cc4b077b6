"""A bare TqApi in a process of its own, as a strategy has one: told how many orders to send how fast, it tells how long each took."""

import json
import sys

import tqsdk

from tradepit.runtime.clock import SystemClock

_PATIENCE_NS = 20_000_000_000
_PAGE_NS = 1_000_000_000


def serve(account: str, symbol: str) -> None:
    """Reads lines ``{"per_s": …, "count": …, "price": …}``, answers each with the milliseconds from calling ``insert_order`` until
    the order has the exchange's number; -1 for one that never got it. Ends with its input.
    """
    clock = SystemClock()
    api = tqsdk.TqApi(tqsdk.TqAccount("simnow", account, "pw"), auth=tqsdk.TqAuth("bench", "pw"), debug=False, disable_print=True)
    api.get_quote(symbol)
    _say("ready")
    for line in sys.stdin:
        asked = json.loads(line)
        _say(json.dumps(_round(api, symbol, clock, asked["per_s"], asked["count"], asked["price"])))


def _round(api: tqsdk.TqApi, symbol: str, clock: SystemClock, per_s: float, count: int, price: float) -> list[float]:
    interval_ns = int(1e9 / per_s)
    started_ns = clock.monotonic_ns() + interval_ns
    waiting: dict[int, tuple[int, tqsdk.objs.Order]] = {}
    times = [-1.0] * count
    sent = 0
    while sent < count or waiting:
        now_ns = clock.monotonic_ns()
        if sent < count and now_ns >= started_ns + sent * interval_ns:
            order = api.insert_order(symbol, direction="BUY", offset="OPEN", volume=1, limit_price=price)
            waiting[sent] = (now_ns, order)
            sent += 1
            continue
        if now_ns > started_ns + count * interval_ns + _PATIENCE_NS:
            break
        due_ns = started_ns + sent * interval_ns if sent < count else now_ns + _PAGE_NS
        api.wait_update(deadline=(clock.now_ns() + due_ns - now_ns) / 1e9)
        now_ns = clock.monotonic_ns()
        for number, (since_ns, order) in list(waiting.items()):
            if order.exchange_order_id:
                times[number] = (now_ns - since_ns) / 1e6
                del waiting[number]
    return times


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2])
