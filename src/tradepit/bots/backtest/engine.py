"""Runs one bot over one recording."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from tradepit.bots.backtest.house import News, Refusal, VirtualHouse
from tradepit.bots.backtest.recording import Recording
from tradepit.bots.backtest.result import BacktestResult, EquityPoint, PricePoint
from tradepit.bots.backtest.settings import BacktestSettings
from tradepit.bots.backtest.tally import round_trips, statistics
from tradepit.bots.bot import BotBase
from tradepit.bots.context import Supplies
from tradepit.bots.host import BotHost
from tradepit.bots.identity import BotIdentity
from tradepit.bots.loading import maker
from tradepit.trading.calendar.catalog import Catalog
from tradepit.trading.matching.events import PhaseChanged
from tradepit.trading.model.errors import BotRefused
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import OrderReport, TradeReport
from tradepit.trading.model.terms import OrderStatus
from tradepit.trading.model.tick import Tick
from tradepit.trading.model.trade import Trade
from tradepit.trading.risk.rules import load_rules

_NS = 1_000_000_000
_TOLD_EVERY = 2_000  # ticks between two words about the progress
Progress = Callable[[int, int], None]


class Backtest:
    """One run. It is the bot's order port, and the only one who hears the house."""

    def __init__(
        self,
        bot_class: type[BotBase],
        params: Mapping[str, Any],
        recording: Recording,
        settings: BacktestSettings,
        catalog: Catalog,
    ) -> None:
        """Raises BotRefused (parameters, constructor), ConfigError (products)."""
        self._catalog = catalog.overridden(settings.products) if settings.products else catalog
        self._bot_class, self._params, self._recording, self._settings = bot_class, params, recording, settings
        self.house = VirtualHouse(
            self._catalog.calendar,
            load_rules(settings.risk),
            self._hear,
            venue=settings.venue,
            latency_ns=settings.latency_ns,
        )
        self.house.now_ns = recording.ticks[0].time_ns
        self.host = BotHost(
            maker(bot_class, params),
            self,
            BotIdentity(bot_id=settings.bot_id, account=settings.account, seed=settings.seed),
            clock_ns=lambda: self.house.now_ns,
            calendar=self._catalog.calendar,
            settings=settings.host,
            supplies=Supplies(),
        )
        self._listed: set[str] = set()
        self._trades: list[Trade] = []
        self._orders: dict[str, Order] = {}
        self._equity: list[EquityPoint] = []
        self._prices: list[PricePoint] = []
        self._sampled: dict[str, int] = {}
        self._next_sample_ns = 0
        self._sample_ns = int(settings.sample_s * _NS)
        self._shown = 0

    # The bot's port

    def submit(self, intent: OrderIntent, sequence: int) -> None:  # noqa: ARG002 - ids say it here
        self.house.submit(intent)

    def cancel(self, account: str, client_order_id: str) -> None:
        self.house.cancel(account, client_order_id)

    def run(self, progress: Progress | None = None) -> BacktestResult:
        """Play all ticks, stop the bot, and tell what came of it. Raises BotRefused BOT_FAILED_TO_START, BOT_NEVER_RESTS."""
        house, host, ticks = self.house, self.host, self._recording.ticks
        self._open()
        if not host.start():
            raise BotRefused("BOT_FAILED_TO_START", "on_start raised.", error=host.health()["last_error"])
        house.advance(house.now_ns)
        for number, tick in enumerate(ticks):
            house.advance(tick.time_ns)
            if tick.symbol not in self._listed:
                self._list(tick)
            if house.show(tick):
                self._shown += 1
                # Who was filled by this tick hears of it before seeing it, where news takes no time.
                if house.due:
                    house.advance(tick.time_ns)
                host.tick(tick)
                if house.due:
                    house.advance(tick.time_ns)
            self._sample(tick)
            if progress is not None and not number % _TOLD_EVERY:
                progress(number, len(ticks))
        host.stop("end-of-data")
        house.advance(house.now_ns + 2 * self._settings.latency_ns)
        self._note_equity()
        if progress is not None:
            progress(len(ticks), len(ticks))
        return self._result()

    def _open(self) -> None:
        """The account, and the contracts of the first trading day: their ticks say what they settled at before."""
        settings, ticks = self._settings, self._recording.ticks
        house = self.house
        house.advance(house.now_ns)
        house.open_account(settings.account, settings.deposit, self._currency())
        for symbol in self._recording.instruments:
            first = next((tick for tick in ticks if tick.symbol == symbol), None)
            if first is not None and first.trading_day == ticks[0].trading_day:
                self._list(first)
        house.advance(house.now_ns)
        self._note_equity()

    def _list(self, tick: Tick) -> None:
        instrument = self._instrument(tick.symbol)
        self._listed.add(tick.symbol)
        self.house.list_instrument(instrument, tick.pre_settlement)
        self.host.list_instrument(instrument)

    def _instrument(self, symbol: str) -> Instrument:
        instrument = self._recording.instruments[symbol]
        product = self._catalog.product(instrument.product.product_id)
        return Instrument(symbol=symbol, product=product, expiry=instrument.expiry, listing_price=instrument.listing_price)

    def _currency(self) -> str:
        return self._instrument(self._recording.ticks[0].symbol).product.currency

    def _hear(self, news: News) -> None:
        if isinstance(news, OrderReport):
            self._orders[news.order.intent.client_order_id] = news.order
            self.host.report(news)
        elif isinstance(news, Refusal):
            order = Order(intent=news.intent, status=OrderStatus.RISK_REJECTED, reason=news.code, updated_ns=news.time_ns)
            self._orders[news.intent.client_order_id] = order
            self.host.refuse(news.intent.client_order_id, news.code, news.message)
        elif isinstance(news, PhaseChanged):
            self.host.session_phase(news.symbol, news.phase, news.trading_day)
        else:
            if isinstance(news, TradeReport):
                self._trades.append(news.trade)
            self.host.report(news)

    def _sample(self, tick: Tick) -> None:
        time_ns, every_ns = tick.time_ns, self._sample_ns
        if time_ns >= self._next_sample_ns:
            self._next_sample_ns = time_ns - time_ns % every_ns + every_ns
            self._note_equity()
        if time_ns >= self._sampled.get(tick.symbol, 0) and tick.last_ticks:
            self._sampled[tick.symbol] = time_ns - time_ns % every_ns + every_ns
            self._prices.append(PricePoint(time_ns=tick.time_ns, symbol=tick.symbol, last_ticks=tick.last_ticks))

    def _note_equity(self) -> None:
        money = self.house.venue.account(self._settings.account)
        self._equity.append(EquityPoint(time_ns=self.house.now_ns, balance=money.balance, margin=money.margin))

    def _result(self) -> BacktestResult:
        settings, recording = self._settings, self._recording
        instruments = {symbol: self._instrument(symbol) for symbol in sorted(self._listed)}
        trips, final, most = round_trips(self._trades, instruments)
        orders = list(self._orders.values())
        return BacktestResult(
            bot=self._bot_class.__name__,
            params=dict(self._params),
            seed=settings.seed,
            latency_ms=settings.latency_ms,
            account=settings.account,
            currency=self._currency(),
            deposit=settings.deposit,
            rows=recording.rows,
            ticks=self._shown,
            refused_rows=dict(Counter(fault.code for fault in recording.refused)),
            refused_ticks=self.house.refused_ticks,
            other_references=self.house.other_references,
            first_ns=recording.ticks[0].time_ns,
            last_ns=recording.ticks[-1].time_ns,
            digest=self.house.digest,
            host=self.host.health(),
            statistics=statistics(settings.deposit, self._equity, self._trades, orders, trips, (final, most)),
            instruments=instruments,
            trades=self._trades,
            orders=orders,
            equity=self._equity,
            prices=self._prices,
            round_trips=trips,
        )
