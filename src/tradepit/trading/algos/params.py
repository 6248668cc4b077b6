"""What an algorithm order asks for, checked once at the door."""

from enum import StrEnum
from itertools import pairwise

import msgspec

from tradepit.trading.model.errors import BadRequest, PriceNotValid, VolumeNotValid
from tradepit.trading.model.ids import check_id
from tradepit.trading.model.instrument import MAX_TICKS
from tradepit.trading.model.terms import Exchange, Offset, Side

SECOND_NS = 1_000_000_000
BPS = 10_000
MAX_ALGO_ID = 48
MAX_LOTS = 10_000_000
MAX_SLICES = 100_000
Windows = tuple[tuple[int, int], ...]


class Style(StrEnum):
    """How a child order trades.

    ``AGGRESSIVE`` crosses the spread at once (FAK at the opposite best price). ``PASSIVE`` first joins its own side's best price.
    """

    AGGRESSIVE = "aggressive"
    PASSIVE = "passive"


class EndPolicy(StrEnum):
    """What becomes of lots not traded by the end: given up, or crossed for at once (still never beyond the limit price)."""

    CANCEL_REMAINDER = "CANCEL_REMAINDER"
    COMPLETE_AGGRESSIVE = "COMPLETE_AGGRESSIVE"


class AlgoParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An algorithm order. Instants are UTC ns, durations trading time in ns: breaks, nights and closed markets do not count.

    ``windows`` are the continuous trading periods (start, end) of the trading day the order belongs to; it never crosses it.
    Either ``duration_ns`` or ``end_ns`` is given. ``limit_price_ticks`` is a hard cap for every child, 0 = none.
    ``participation_bps``: at most this share of the market's volume since the child before, 0 = no cap; for VWAP without a
    ``curve`` it is the share to follow. ``curve``: cumulative market volume at the ends of equal parts of the duration, any unit.
    ``randomise_bps`` varies each slice's volume, ``jitter_bps`` delays it by up to that share of the interval; both follow from
    ``seed`` and ``algo_id``. A slice catches up at most ``max_slice_multiple`` times its even share. ``min_lots``/``max_lots``
    bound a child (the exchange's order sizes; 0 = no maximum). ``immediate``: the exchange has FAK orders; without them (HNX) a
    child at the opposite price is a limit order, cancelled like a passive one after ``passive_ns``.
    """

    algo: str
    algo_id: str
    account: str
    symbol: str
    exchange: Exchange
    side: Side
    offset: Offset
    total_lots: int
    start_ns: int
    windows: Windows
    duration_ns: int = 0
    end_ns: int = 0
    interval_ns: int = 3 * SECOND_NS
    min_interval_ns: int = 3 * SECOND_NS
    limit_price_ticks: int = 0
    style: Style = Style.AGGRESSIVE
    passive_ns: int = 2 * SECOND_NS
    immediate: bool = True
    participation_bps: int = 0
    randomise_bps: int = 0
    jitter_bps: int = 0
    seed: int = 0
    max_slice_multiple: int = 2
    min_lots: int = 1
    max_lots: int = 0
    end_policy: EndPolicy = EndPolicy.CANCEL_REMAINDER
    curve: tuple[int, ...] = ()
    max_attempts: int = 3
    max_rejects: int = 5
    retry_ns: int = SECOND_NS // 2
    quote_age_ns: int = 10 * SECOND_NS


def check_params(params: AlgoParams) -> None:
    """Raises IdNotValid, VolumeNotValid, PriceNotValid or BadRequest; ``details`` names the field."""
    check_id(params.algo_id, "algo_id")
    if len(params.algo_id) > MAX_ALGO_ID:
        raise BadRequest("The algorithm's id is too long to be a prefix of its children's.", algo_id_characters=MAX_ALGO_ID)
    if not 0 <= params.limit_price_ticks <= MAX_TICKS:
        raise PriceNotValid(field="limit_price_ticks")
    if params.min_lots < 1 or not params.min_lots <= params.total_lots <= MAX_LOTS:
        raise VolumeNotValid(field="total_lots", min_lots=params.min_lots, max_lots=MAX_LOTS)
    if params.max_lots and params.max_lots < params.min_lots:
        raise VolumeNotValid(field="max_lots", min_lots=params.min_lots)
    _check_times(params)
    _check_shares(params)


def _check_times(params: AlgoParams) -> None:
    if params.start_ns <= 0 or params.interval_ns < max(1, params.min_interval_ns):
        raise BadRequest("The start must be an instant, and the interval not shorter than allowed.", field="interval_ns")
    if (params.duration_ns > 0) is (params.end_ns > 0) or params.duration_ns < 0 or params.end_ns < 0:
        raise BadRequest("Either a duration or an end must be given.", field="duration_ns")
    flat = [instant for window in params.windows for instant in window]
    if not flat or any(later < earlier for earlier, later in pairwise(flat)):
        raise BadRequest("Trading windows must be given, in order and without overlap.", field="windows")
    if min(params.passive_ns, params.retry_ns, params.quote_age_ns) < 0:
        raise BadRequest("A waiting time cannot be negative.", field="passive_ns")


def _check_shares(params: AlgoParams) -> None:
    shares = {field: getattr(params, field) for field in ("participation_bps", "randomise_bps", "jitter_bps")}
    for field, share in shares.items():
        if not 0 <= share <= BPS:
            raise BadRequest("A share must be between 0 and 10000 basis points.", field=field)
    if min(params.max_slice_multiple, params.max_attempts, params.max_rejects) < 1:
        raise BadRequest("Multiples and attempts start at 1.", field="max_slice_multiple")
    curve = (0, *params.curve)
    if params.curve and (curve[-1] <= 0 or any(later < earlier for earlier, later in pairwise(curve))):
        raise BadRequest("A volume curve must rise and end above zero.", field="curve")
