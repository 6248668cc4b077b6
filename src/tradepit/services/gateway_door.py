"""The gateway's door: what a command must look like before it is worth a place in the journal."""

from decimal import Decimal

from tradepit.trading.matching.commands import (
    CancelOrder,
    Command,
    ListInstrument,
    OpenAccount,
    OpenSession,
    ReduceOrder,
    ResolveOrder,
    SubmitOrder,
    Transfer,
)
from tradepit.trading.model.errors import BadRequest, PriceNotValid, VolumeNotValid
from tradepit.trading.model.ids import check_id
from tradepit.trading.model.instrument import MAX_TICKS
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.tick import Level, Tick

MAX_INT = 2**63 - 1
MAX_LOTS = 1_000_000
MAX_TEXT = 256
MAX_BAND_TICKS = 4_000_000
MAX_LEVELS = 100
_MAX_MAGNITUDE = 15
_TICK_COUNTS = (
    "time_ns",
    "trading_day",
    "last_ticks",
    "volume_lots",
    "open_interest",
    "open_ticks",
    "high_ticks",
    "low_ticks",
    "upper_limit_ticks",
    "lower_limit_ticks",
    "pre_close_ticks",
)


def check_command(command: Command) -> None:
    """Refuse what is out of every range; trading rules are the venue's. Raises BadRequest and its kin (IdNotValid …)."""
    match command:
        case SubmitOrder() | ResolveOrder():
            _check_leader(command.session, command.epoch)
            _check_intent(command.intent)
        case CancelOrder() | ReduceOrder():
            _check_leader(command.session, command.epoch)
            check_id(command.account, "account")
            check_id(command.client_order_id, "client_order_id")
            if isinstance(command, ReduceOrder):
                check_id(command.reduce_id, "reduce_id")
                _check_lots(command.by_lots)
        case OpenSession():
            check_id(command.session, "session")
            _check_leader(command.session, command.epoch)
        case OpenAccount():
            check_id(command.account, "account")
            check_id(command.currency, "currency")
            _check_decimal(command.deposit, "deposit")
        case Transfer():
            check_id(command.account, "account")
            check_id(command.transfer_id, "transfer_id")
            _check_decimal(command.amount, "amount")
        case ListInstrument():
            _check_listing(command)


def check_tick(tick: Tick) -> None:
    """Refuse a tick with numbers out of every range; whether it fits its market is the venue's to say. Raises BadRequest."""
    check_id(tick.symbol, "symbol")
    for field in _TICK_COUNTS:
        if not 0 <= getattr(tick, field) <= MAX_INT:
            raise BadRequest("out of range", field=field)
    for field in ("turnover", "pre_settlement"):
        value: Decimal = getattr(tick, field)
        if not value.is_finite() or abs(value.adjusted()) > 24 or len(value.as_tuple().digits) > 40:
            raise BadRequest("not a finite number in range", field=field)
    for levels in (tick.bids, tick.asks):
        _check_levels(levels)


def _check_levels(levels: tuple[Level, ...]) -> None:
    if len(levels) > MAX_LEVELS:
        raise BadRequest("too many levels", levels=len(levels))
    for level in levels:
        if not (0 < level.price_ticks <= MAX_TICKS and 0 < level.lots <= MAX_INT):
            raise BadRequest("level out of range", field="levels")


def _check_leader(session: str, epoch: int) -> None:
    if session:
        check_id(session, "session")
    if not 0 <= epoch <= MAX_INT:
        raise BadRequest("epoch out of range", field="epoch")


def _check_intent(intent: OrderIntent) -> None:
    check_id(intent.client_order_id, "client_order_id")
    check_id(intent.account, "account")
    check_id(intent.symbol, "symbol")
    _check_lots(intent.volume_lots)
    if not 0 <= intent.price_ticks <= MAX_TICKS:
        raise PriceNotValid(field="price_ticks")
    if not 0 <= intent.created_ns <= MAX_INT:
        raise BadRequest("created_ns out of range", field="created_ns")
    if len(intent.reference) > MAX_TEXT:
        raise BadRequest("reference too long", field="reference", limit=MAX_TEXT)


def _check_lots(lots: int) -> None:
    if not 0 < lots <= MAX_LOTS:
        raise VolumeNotValid(volume=str(lots)[:24])


def _check_decimal(value: Decimal, field: str) -> None:
    # The magnitudes are checked before any arithmetic: Decimal("1e999999") would become a million-digit integer.
    if not value.is_finite() or not -_MAX_MAGNITUDE <= value.adjusted() <= _MAX_MAGNITUDE or len(value.as_tuple().digits) > 30:
        raise BadRequest("not a finite amount in range", field=field)


def _check_positive(value: Decimal, field: str) -> None:
    _check_decimal(value, field)
    if value <= 0:
        raise BadRequest("must be positive", field=field)


def _check_listing(command: ListInstrument) -> None:
    instrument, product = command.instrument, command.instrument.product
    check_id(instrument.symbol, "symbol")
    check_id(product.product_id, "product_id")
    check_id(product.currency, "currency")
    _check_positive(command.reference, "reference")
    _check_positive(instrument.listing_price, "listing_price")
    _check_positive(product.tick_size, "tick_size")
    _check_positive(product.settlement_step, "settlement_step")
    _check_positive(product.limit_pct, "limit_pct")
    _check_positive(product.margin_ratio, "margin_ratio")
    if product.limit_pct >= 1:
        raise BadRequest("must be below 1", field="limit_pct")
    for field in ("multiplier", "max_limit_lots", "min_open_lots", "min_close_lots", "depth_levels"):
        _check_count(getattr(product, field), field, 1)
    _check_count(product.max_market_lots, "max_market_lots", 0)
    for fee in (product.fees.open, product.fees.close_yesterday, product.fees.close_today):
        _check_decimal(fee.by_money, "fees")
        _check_decimal(fee.by_volume, "fees")
    low, high = instrument.price_band(command.reference)
    if not 0 < low <= high <= MAX_TICKS or high - low > MAX_BAND_TICKS:
        raise BadRequest("the day's price limits hold too many ticks", field="tick_size", ticks=high - low)
    if len(product.name) > MAX_TEXT or len(product.session_group) > MAX_TEXT:
        raise BadRequest("text too long", field="product")


def _check_count(value: int, field: str, least: int) -> None:
    if not least <= value <= MAX_LOTS:
        raise BadRequest("out of range", field=field)
