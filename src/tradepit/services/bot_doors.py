"""Questions the trade executor answers: what each bot holds on an account and has made, all of them summing to the account."""

from decimal import Decimal

from loguru import logger

from tradepit.ports.bus import Bus, Message, Subscription
from tradepit.ports.clock import Clock
from tradepit.services.order_outcomes import OrderOutcomes
from tradepit.trading.model.errors import TradepitError
from tradepit.trading.model.ids import check_id
from tradepit.wire.order_controls import BotHolding, BotResult, BotsReply, BotsRequest
from tradepit.wire.platform import TRADE_EXECUTOR
from tradepit.wire.simulator import MARKET_TICK, TickData, rpc_subject
from tradepit.wire.simulator_codec import decode, encode, encode_error, to_iso

_PLACES = Decimal("0.01")


class BotDoors:
    """``rpc.trade-executor.bots``. Results are of all trades since the journal began; lots held count at the last price heard."""

    def __init__(self, bus: Bus, outcomes: OrderOutcomes, clock: Clock) -> None:
        self._bus, self._outcomes, self._clock = bus, outcomes, clock
        self._worth: dict[str, Decimal] = {}
        self._subscriptions: list[Subscription] = []

    async def open(self) -> None:
        """Begin to listen and to answer."""
        self._subscriptions.append(await self._bus.subscribe(MARKET_TICK, self._on_tick))
        self._subscriptions.append(await self._bus.serve(rpc_subject(TRADE_EXECUTOR, "bots"), self._answer))

    async def close(self) -> None:
        """Answer no more. Idempotent."""
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            await subscription.stop()

    async def _on_tick(self, message: Message) -> None:
        try:
            told = decode(message.payload, TickData)
        except TradepitError as error:
            logger.warning("tick on {} ignored: {}", message.subject, error)
            return
        instrument = self._outcomes.register.instruments.get(told.symbol)
        if instrument is not None and told.last_price:
            self._worth[told.symbol] = Decimal(str(told.last_price)) * instrument.product.multiplier

    async def _answer(self, message: Message) -> bytes:
        try:
            request = decode(message.payload, BotsRequest)
            return encode(self.told(check_id(request.account, "account"), request.bot))
        except TradepitError as error:
            return encode_error(error)

    def told(self, account: str, bot: str = "") -> BotsReply:
        """Every bot that ever traded on the account, or one of them; orders of no bot under an empty name."""
        books = self._outcomes.books
        bots = sorted({owner for name, owner, _ in books.positions if name == account and bot in ("", owner)})
        return BotsReply(bots=[self._result(account, owner) for owner in bots])

    def _result(self, account: str, bot: str) -> BotResult:
        held = {
            symbol: position
            for (name, owner, symbol), position in self._outcomes.books.positions.items()
            if (name, owner) == (account, bot)
        }
        holds = {symbol: each for symbol, each in held.items() if each.lots}
        known = holds.keys() <= self._worth.keys()
        unrealized = sum((each.unrealized(self._worth[symbol]) for symbol, each in holds.items() if known), Decimal(0))
        return BotResult(
            account_id=account,
            bot_id=bot,
            realized=_money(sum((each.realized for each in held.values()), Decimal(0))),
            unrealized=_money(unrealized) if known else None,
            fees=_money(sum((each.fees for each in held.values()), Decimal(0))),
            window="all",
            generated_at=to_iso(self._clock.now_ns()),
            positions=[BotHolding(symbol=symbol, lots=each.lots) for symbol, each in holds.items()],
        )


def _money(amount: Decimal) -> Decimal:
    return amount.quantize(_PLACES)
