"""HoseStockParser: the frames of SSI's iBoard and PowerScreen, read field by field, refused with a code when they make no sense.

A frame is one line, its fields separated by bars: ``[<capture time, epoch ms>|][MAIN|]S#<symbol>|…``. The layout of ``S#`` (101
fields, the symbol is number 0) was read off public clients of the push stream and checked on a recorded derivative frame.
"""

import re
from decimal import Decimal

import msgspec

from tradepit.trading.model.errors import BadRequest, PayloadTooLarge, PriceNotValid, VolumeNotValid
from tradepit.trading.model.ids import check_id
from tradepit.wire.instants import LATEST_NS
from tradepit.wire.powerscreen import LEVELS, NOTHING, HoseStock, PriceLevel, SsiPsSnapshot

MAX_FRAME_BYTES = 16 * 1024
# Up to the reference price: what is shorter was cut off, and its last number may be too.
LEAST_FIELDS = 61
_MAX_TEXT = 128
_MAX_MAGNITUDE = 15
_MAX_COUNT = 2**63 - 1
_NUMBER = re.compile(r"-?\d{1,19}(\.\d{1,12})?([eE][+-]?\d{1,2})?", re.ASCII)
_STAMP = re.compile(r"\d{1,14}", re.ASCII)
_KIND = re.compile(r"[A-Z]#")
_AT_MARKET = ("ATO", "ATC", "MP")
_BIDS, _OFFERS = 1, 21
_EXPECTED_AT, _UPDATED_AT = 99, 100


class HoseStockParser:
    """Reads frames of one source. Holds no state; counts nothing."""

    def parse(self, frame: bytes | str, *, received_ns: int = 0) -> HoseStock | None:
        """The instrument that a frame tells of, None for a frame of another kind (index, trades, an acknowledgement).

        Empty and missing fields are 0 or ``""``; unknown ones at the end are passed over. The snapshot's instant is the frame's
        capture time, else ``received_ns``, else when the instrument last changed. Raises BadRequest, IdNotValid (the symbol),
        PriceNotValid, VolumeNotValid, PayloadTooLarge.
        """
        text = _text_of(frame)
        if text.startswith(("{", "[")):
            _check_json(text)
            return None
        parts = text.split("|")
        at = next((number for number, part in enumerate(parts[:3]) if _KIND.match(part)), -1)
        if at < 0:
            raise BadRequest("not a frame: no symbol with its prefix in the first three fields", told=text[:64])
        if not parts[at].startswith("S#"):
            return None
        captured_ns, board = _before(parts[:at])
        fields = _Fields(parts[at:])
        if len(parts) - at < LEAST_FIELDS:
            raise BadRequest("the frame was cut off", fields=len(parts) - at, least=LEAST_FIELDS)
        updated_ns = fields.instant(_UPDATED_AT)
        timestamp_ns = captured_ns or received_ns or updated_ns
        if not timestamp_ns:
            raise BadRequest("the frame tells no time, and nobody told when it came")
        return _stock(fields, board, timestamp_ns, updated_ns)


class _Fields:
    """The fields of a frame by their number; what is not there is empty."""

    def __init__(self, parts: list[str]) -> None:
        self._parts = parts

    def text(self, number: int) -> str:
        value = self._parts[number].strip() if number < len(self._parts) else ""
        if len(value) > _MAX_TEXT or not value.isprintable():
            raise BadRequest("a text must be short and printable", field=number)
        return value

    def number(self, number: int) -> Decimal:
        """Any number, as a change is."""
        value = self.text(number)
        if not value:
            return NOTHING
        told = Decimal(value) if _NUMBER.fullmatch(value) else None
        if told is None or told.adjusted() > _MAX_MAGNITUDE:
            raise BadRequest("not a number", field=number, told=value[:32])
        return told

    def price(self, number: int) -> Decimal:
        """A price, 0 for none."""
        try:
            told = self.number(number)
        except BadRequest as error:
            raise PriceNotValid(error.message, field=number) from error
        if told < 0:
            raise PriceNotValid(field=number, price=told)
        return told

    def count(self, number: int) -> int:
        """A volume or a value, which are whole numbers."""
        value = self.text(number)
        told = Decimal(value or 0) if not value or _NUMBER.fullmatch(value) else Decimal(-1)
        if not 0 <= told <= _MAX_COUNT or told != int(told):
            raise VolumeNotValid(field=number, told=value[:32])
        return int(told)

    def instant(self, number: int) -> int:
        """UTC nanoseconds of epoch milliseconds, 0 for none."""
        value = self.text(number)
        return _stamp(value, number) if value else 0

    def levels(self, first: int) -> tuple[PriceLevel, ...]:
        """Ten pairs of price and volume."""
        return tuple(self._level(first + 2 * number) for number in range(LEVELS))

    def _level(self, number: int) -> PriceLevel:
        at_market = self.text(number).upper() in _AT_MARKET
        return PriceLevel(NOTHING if at_market else self.price(number), self.count(number + 1))


def _stock(fields: _Fields, board: str, timestamp_ns: int, updated_ns: int) -> HoseStock:
    return HoseStock(
        snapshot=_snapshot(fields, board, timestamp_ns, updated_ns),
        last_volume=fields.count(42),
        average_price=fields.price(46),
        change_percent=fields.number(52),
        corporate_action=fields.text(63),
        kind=fields.text(65),
        status=fields.text(66),
        last_trading_date=fields.text(67),
        exercise_price=fields.price(70),
        open_price=fields.price(74),
        previous_matched_price=fields.price(75),
        last_matched_price=fields.price(76),
        expected_price=fields.price(95),
        expected_volume=fields.count(96),
        expected_change=fields.number(97),
        expected_change_percent=fields.number(98),
        expected_at_ns=fields.instant(_EXPECTED_AT),
    )


def _snapshot(fields: _Fields, board: str, timestamp_ns: int, updated_ns: int) -> SsiPsSnapshot:
    raw_symbol = fields.text(0)
    return SsiPsSnapshot(
        board=board,
        raw_symbol=raw_symbol,
        code=check_id(raw_symbol.removeprefix("S#"), "code"),
        timestamp_ns=timestamp_ns,
        server_timestamp_ns=updated_ns,
        bids=fields.levels(_BIDS),
        offers=fields.levels(_OFFERS),
        last_price=fields.price(41),
        highest_price=fields.price(43),
        instrument_type=fields.text(44),
        lowest_price=fields.price(45),
        foreigner_buy_volume=fields.count(47),
        foreigner_buy_value=fields.count(48),
        foreigner_sell_volume=fields.count(49),
        foreigner_sell_value=fields.count(50),
        change=fields.number(51),
        total_match_volume=fields.count(53),
        total_match_value=fields.count(54),
        total_bid_volume=fields.count(55),
        total_ask_volume=fields.count(56),
        open_interest=fields.count(57),
        ceiling_price=fields.price(58),
        floor_price=fields.price(59),
        reference_price=fields.price(60),
        expire_date=fields.text(61),
        session=fields.text(62),
        foreign_room=fields.text(64),
        group=fields.text(69),
        floating_shares=fields.count(71),
    )


def _text_of(frame: bytes | str) -> str:
    if len(frame) > MAX_FRAME_BYTES:
        raise PayloadTooLarge(size=len(frame), limit=MAX_FRAME_BYTES)
    try:
        return (frame.decode() if isinstance(frame, bytes) else frame).strip("\ufeff \t\r\n")
    except UnicodeDecodeError as error:
        raise BadRequest("the frame is not UTF-8") from error


def _check_json(text: str) -> None:
    try:
        msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise BadRequest("neither a frame nor JSON", told=text[:64]) from error


def _before(parts: list[str]) -> tuple[int, str]:
    """Capture time and board, which stand before the symbol; a recording may lack either."""
    stamps = [part for part in parts if _STAMP.fullmatch(part)]
    boards = [part for part in parts if part and not _STAMP.fullmatch(part)]
    if len(stamps) > 1 or len(boards) > 1 or (stamps and parts[0] != stamps[0]):
        raise BadRequest("before the symbol stand a capture time and a board at most", told="|".join(parts)[:64])
    return (_stamp(stamps[0], "capture") if stamps else 0), (check_id(boards[0], "board") if boards else "")


def _stamp(value: str, field: int | str) -> int:
    told = int(value) * 1_000_000 if _STAMP.fullmatch(value) else -1
    if not 0 < told <= LATEST_NS:
        raise BadRequest("an instant must be epoch milliseconds", field=field, told=value[:32])
    return told
