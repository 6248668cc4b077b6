"""The matching workload: a seeded stream of orders and cancels around a drifting target price, the same bytes every time.

Kinds of flow: passive limit orders, heavy-tailed behind the touch; cancels, half of them of recent orders; limit orders that
cross; a few market, IOC and FOK orders. The number of live orders is held near a target: the book neither dries up nor swells.
"""

import os
import random
import struct
import tempfile
from array import array
from bisect import bisect_left
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from tradepit.trading.matching.kernel import CANCEL, FOK, IOC, LIMIT, MARKET
from tradepit.trading.matching.order_book import OrderBook
from tradepit.trading.model.terms import OrderType, Side

TICKS = 4096  # the daily band, ticks 0..4095
TYPES = {LIMIT: OrderType.LIMIT, MARKET: OrderType.MARKET, IOC: OrderType.FAK, FOK: OrderType.FOK}


class Workload(NamedTuple):
    """A published stream: its parameters, the SHA-256 of its bytes, and the digest any right engine reaches at its end."""

    symbols: int
    events: int
    live_per_symbol: int
    seed: int
    sha256: str
    digest: str


WORKLOADS = {
    "w1": Workload(
        1,
        2_000_000,
        10_000,
        42,
        "fb39190938ad879fbe9e03a032bb2770e6d87c395ca42def3a22559286926f08",
        "387522:66832c97e82b93b5:9919:09ee5ac8472d062e",
    ),
    "w50": Workload(
        50,
        2_000_000,
        2_000,
        43,
        "cf252ecf88b58bdf1976a3c7ede842bc65a8c26b87829504ccee9f180bc6449c",
        "386126:99243da176b93afc:98930:74d2641fd3b594b1",
    ),
}


class _Symbol:
    """One symbol while the stream is made: its book, the live orders by age, and the price it is drawn to."""

    def __init__(self, target: float) -> None:
        self.book = OrderBook(1, TICKS)
        self.live: list[int] = []
        self.target = target

    def drift(self, chance: float) -> None:
        self.target = min(max(self.target + (chance - 0.5) * 0.5, TICKS * 0.2), TICKS * 0.8)

    def touch(self) -> tuple[int, int]:
        """Best bid and best ask in ticks from 0; -1 and TICKS when there is none."""
        return self.book.best(Side.BUY) - 1, (self.book.best(Side.SELL) or TICKS + 1) - 1


class _Stream:
    """The events in the making. The order in which chance is asked is part of the workload's definition."""

    def __init__(self, symbols: int, live_per_symbol: int, seed: int) -> None:
        self.random = random.Random(seed)
        self.symbols = [_Symbol(TICKS * (0.3 + 0.4 * self.random.random())) for _ in range(symbols)]
        self.weights = list(accumulate(1.0 / (number + 1) ** 0.7 for number in range(symbols)))
        self.live_per_symbol = live_per_symbol
        self.next_id = 0
        self.rows = array("i")

    def step(self) -> None:
        """One more event."""
        draw = self.random.random
        number = 0 if len(self.symbols) == 1 else bisect_left(self.weights, draw() * self.weights[-1])
        symbol = self.symbols[number]
        symbol.drift(draw())
        chance = draw()
        if chance >= 0.90:
            self._cross(number, symbol, chance)
        elif self._wants_more(symbol):
            self._add(number, symbol)
        else:
            self._cancel(number, symbol)
        if len(symbol.live) > 4 * self.live_per_symbol + 100:
            symbol.live[:] = [order_id for order_id in symbol.live if order_id + 1 in symbol.book]

    def _wants_more(self, symbol: _Symbol) -> bool:
        live, target = len(symbol.book), self.live_per_symbol
        share = 0.5 if live >= target else 0.5 + 0.5 * min(1.0, (target - live) / (0.1 * target))
        return self.random.random() < share or live < 10

    def _write(self, kind: int, side: int, symbol: int, lots: int, tick: int, order_id: int) -> None:
        self.rows.extend((kind | side << 8 | symbol << 16, lots, tick, order_id))

    def _order(self, kind: int, side: int, number: int, lots: int, tick: int) -> None:
        book, order_id = self.symbols[number].book, self.next_id
        self._write(kind, side, number, lots, tick, order_id)
        book.add(order_id + 1, Side.SELL if side else Side.BUY, tick + 1, lots, TYPES[kind])
        self.next_id += 1

    def _cancel(self, number: int, symbol: _Symbol) -> None:
        draw, live = self.random.random, symbol.live
        order_id = -1
        while order_id + 1 not in symbol.book:
            age = int(self.random.expovariate(1 / 100)) if draw() < 0.5 else int(draw() * len(live))
            place = len(live) - 1 - min(age, len(live) - 1)
            order_id = live[place]
            if place > len(live) - 2000:
                del live[place]
            else:
                live[place] = live[-2000]
                del live[-2000]
        self._write(CANCEL, 0, number, 0, 0, order_id)
        symbol.book.cancel(order_id + 1)

    def _add(self, number: int, symbol: _Symbol) -> None:
        draw = self.random.random
        side = 0 if draw() < 0.5 else 1
        behind = int(1.0 / (1e-3 + draw()) ** 0.8) - 1
        bid, ask = symbol.touch()
        if side == 0:
            tick = (ask if ask < TICKS else int(symbol.target) + 1) - 1 - behind
        else:
            tick = (bid if bid >= 0 else int(symbol.target) - 1) + 1 + behind
        symbol.live.append(self.next_id)
        self._order(LIMIT, side, number, 1 + int(draw() * 15), min(max(tick, 0), TICKS - 1))

    def _cross(self, number: int, symbol: _Symbol, chance: float) -> None:
        draw = self.random.random
        bid, ask = symbol.touch()
        middle = (bid + ask) / 2 if bid >= 0 and ask < TICKS else symbol.target
        side = 0 if draw() < 0.5 + max(-0.35, min(0.35, (symbol.target - middle) * 0.05)) else 1
        lots = 1 + int(self.random.expovariate(1 / 7.0))
        beyond = int(draw() * 4)
        tick = min(ask + beyond, TICKS - 1) if side == 0 else max(bid - beyond, 0)
        kind = FOK
        if chance < 0.98:
            kind = LIMIT
        elif chance < 0.988:
            kind, tick = MARKET, 0
        elif chance < 0.996:
            kind = IOC
        else:
            lots *= 4
        self._order(kind, side, number, lots, tick)
        if self.next_id in symbol.book:
            symbol.live.append(self.next_id - 1)


def generate(symbols: int, events: int, live_per_symbol: int, seed: int) -> "array[int]":
    """A stream of ``events`` events, four 32-bit integers each: kind | side << 8 | symbol << 16, lots, tick, order id."""
    stream = _Stream(symbols, live_per_symbol, seed)
    for _ in range(events):
        stream.step()
    return stream.rows


def load(name: str) -> memoryview:
    """A published workload as an (events, 4) view of 32-bit integers, made once and kept in the temporary folder.

    What is found there is used only when it has the right SHA-256. Raises ValueError when what was made has not.
    """
    workload = WORKLOADS[name]
    path = Path(tempfile.gettempdir()) / f"tradepit-workload-{name}-{workload.sha256[:12]}.bin"
    content = path.read_bytes() if path.exists() else b""
    if sha256(content).hexdigest() != workload.sha256:
        rows = generate(*workload[:4])
        content = struct.pack(f"<{len(rows)}i", *rows)
        if sha256(content).hexdigest() != workload.sha256:
            raise ValueError(f"the generator of workload {name} has changed")
        handle, fresh = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(fresh).replace(path)
    return memoryview(content).cast("i").cast("B").cast("i", (workload.events, 4))
