"""The order book of the venue and its call auction against obvious ones, under random play."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tradepit.trading.matching.auction import auction_price, call_auction, uncross
from tradepit.trading.matching.order_book import OrderBook
from tradepit.trading.model.terms import OrderType, Side

LOW, HIGH = 95, 125
Resting = list[tuple[int, int, int]]  # order id, price, lots, oldest first

plays = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "add", "rest", "match", "cancel", "reduce"]),
        st.sampled_from(list(Side)),
        st.integers(LOW, HIGH),
        st.integers(1, 9),
        st.sampled_from(list(OrderType)),
        st.integers(0, 60),
    ),
    max_size=80,
)
gatherings = st.lists(st.tuples(st.sampled_from(list(Side)), st.integers(LOW, HIGH), st.integers(1, 9)), max_size=40)


class NaiveBook:
    """Waiting orders in the order they came; every question is answered by sorting."""

    def __init__(self) -> None:
        self.waiting: dict[Side, Resting] = {Side.BUY: [], Side.SELL: []}

    def orders(self, side: Side) -> Resting:
        return sorted(self.waiting[side], key=lambda order: -order[1] if side is Side.BUY else order[1])

    def crossing(self, side: Side, limit: int) -> Resting:
        return [order for order in self.orders(side.opposite) if (order[1] <= limit if side is Side.BUY else order[1] >= limit)]

    def match(self, side: Side, limit: int, lots: int) -> Resting:
        found = []
        for order_id, price, waiting in self.crossing(side, limit):
            if lots:
                dealt = min(lots, waiting)
                lots -= dealt
                found.append((order_id, price, dealt))
                self.lower(order_id, dealt)
        return found

    def lower(self, order_id: int, by_lots: int) -> int:
        for side, orders in self.waiting.items():
            for place, (number, price, lots) in enumerate(orders):
                if number == order_id:
                    taken = min(lots, by_lots)
                    orders[place] = (number, price, lots - taken)
                    self.waiting[side] = [order for order in orders if order[2]]
                    return taken
        return 0

    def add(self, order_id: int, side: Side, price: int, lots: int, kind: OrderType) -> tuple[Resting, int]:
        if kind is OrderType.MARKET:
            price = HIGH if side is Side.BUY else LOW
        if kind is OrderType.FOK and sum(order[2] for order in self.crossing(side, price)) < lots:
            return [], lots
        matches = self.match(side, price, lots)
        left = lots - sum(match[2] for match in matches)
        if left and kind is OrderType.LIMIT:
            self.waiting[side].append((order_id, price, left))
        return matches, left


@settings(max_examples=250, deadline=None)
@given(plays)
def test_any_play_equals_the_naive_book(play: list[tuple[str, Side, int, int, OrderType, int]]) -> None:
    book, naive = OrderBook(LOW, HIGH), NaiveBook()
    for number, (verb, side, price, lots, kind, pick) in enumerate(play, start=1):
        if verb == "add":
            assert book.add(number, side, price, lots, kind) == naive.add(number, side, price, lots, kind)
        elif verb == "rest":
            book.rest(number, side, price, lots)
            naive.waiting[side].append((number, price, lots))
        elif verb == "match":
            limit = price + (pick - 30)
            assert book.match(side, limit, lots) == naive.match(side, limit, lots)
        elif verb == "cancel":
            assert book.cancel(pick) == naive.lower(pick, 10**6)
        else:
            assert book.reduce(pick, lots) == naive.lower(pick, lots)
        check(book, naive, price, lots)


def check(book: OrderBook, naive: NaiveBook, price: int, lots: int) -> None:
    assert len(book) == sum(len(orders) for orders in naive.waiting.values())
    for side in Side:
        orders = naive.orders(side)
        assert list(book.orders(side)) == orders
        assert (book.peek(side), book.best(side)) == (orders[0][:2] if orders else (0, 0))
        assert book.total_lots(side) == sum(order[2] for order in orders)
        depth: dict[int, int] = {}
        for order_id, at, waiting in orders:
            depth[at] = depth.get(at, 0) + waiting
            assert (book.remaining(order_id), book.price_of(order_id)) == (waiting, at)
        assert book.depth(side, 3) == list(depth.items())[:3]
        fillable = sum(order[2] for order in naive.crossing(side, price))
        assert min(book.available(side, price, lots), lots) == min(fillable, lots)


def brute_price(buys: Resting, sells: Resting, reference: int) -> int:
    """Try every price of the band."""
    tried = []
    for price in range(LOW, HIGH + 1):
        demand = sum(lots for _, limit, lots in buys if limit >= price)
        supply = sum(lots for _, limit, lots in sells if limit <= price)
        if demand and supply:
            tried.append((-min(demand, supply), abs(demand - supply), abs(price - reference), price))
    return min(tried)[3] if tried else 0


def brute_lots(orders: Resting, volume: int) -> list[tuple[int, int]]:
    """What each order trades when the first ``volume`` lots of a side in priority order trade."""
    found = []
    for order_id, _, lots in orders:
        dealt = min(lots, volume)
        volume -= dealt
        if dealt:
            found.append((order_id, dealt))
    return found


def by_order(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    totals: dict[int, int] = {}
    for order_id, lots in pairs:
        totals[order_id] = totals.get(order_id, 0) + lots
    return list(totals.items())


@settings(max_examples=400, deadline=None)
@given(gatherings, st.integers(LOW - 10, HIGH + 10), st.booleans())
def test_a_call_auction_equals_brute_force(gathered: list[tuple[Side, int, int]], reference: int, at_market: bool) -> None:
    """With and without orders at the market (HNX's ATO, ATC): those here that name an edge of the band."""
    band, reach = (LOW, HIGH), int(at_market)
    book = OrderBook(LOW - reach, HIGH + reach)
    for number, (side, price, lots) in enumerate(gathered, start=1):
        first = price > HIGH - 3 if side is Side.BUY else price < LOW + 3
        beyond = HIGH + 1 if side is Side.BUY else LOW - 1
        book.rest(number, side, beyond if at_market and first else price, lots)
    buys, sells = list(book.orders(Side.BUY)), list(book.orders(Side.SELL))
    price = brute_price(buys, sells, reference)
    assert auction_price(book, reference, band) == price
    matches = uncross(book, reference, band)
    volume = sum(match[3] for match in matches)
    assert {match[2] for match in matches} <= {price}
    if price:
        demand = sum(lots for _, limit, lots in buys if limit >= price)
        supply = sum(lots for _, limit, lots in sells if limit <= price)
        assert volume == min(demand, supply)
    else:
        assert volume == 0
    assert by_order([(buy, lots) for buy, _, _, lots in matches]) == brute_lots(buys, volume)
    assert by_order([(sell, lots) for _, sell, _, lots in matches]) == brute_lots(sells, volume)
    left = {order_id: lots for side in Side for order_id, _, lots in book.orders(side)}
    dealt = dict(brute_lots(buys, volume) + brute_lots(sells, volume))
    assert left == {number: lots - dealt.get(number, 0) for number, _, lots in buys + sells if lots > dealt.get(number, 0)}
    assert not book.best(Side.BUY) or not book.best(Side.SELL) or book.best(Side.BUY) < book.best(Side.SELL)
    assert call_auction(book, reference, band) == (0, [])
