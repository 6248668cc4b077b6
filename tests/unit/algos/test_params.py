"""The door of an algorithm order."""

from collections.abc import Callable

import msgspec
import pytest

from tradepit.trading.algos.params import AlgoParams, check_params
from tradepit.trading.model.errors import BadRequest


def test_a_good_order_passes(make_params: Callable[..., AlgoParams]) -> None:
    check_params(make_params())
    check_params(make_params(duration_ns=0, end_ns=1_700_000_100_000_000_000, curve=(1, 1, 3)))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"algo_id": "a b"}, "ID_NOT_VALID"),
        ({"algo_id": ""}, "ID_NOT_VALID"),
        ({"algo_id": "x" * 49}, "INVALID_REQUEST"),
        ({"total_lots": 0}, "VOLUME_NOT_VALID"),
        ({"total_lots": -1}, "VOLUME_NOT_VALID"),
        ({"total_lots": 10_000_001}, "VOLUME_NOT_VALID"),
        ({"min_lots": 101}, "VOLUME_NOT_VALID"),
        ({"min_lots": 0}, "VOLUME_NOT_VALID"),
        ({"min_lots": 5, "max_lots": 4}, "VOLUME_NOT_VALID"),
        ({"limit_price_ticks": -1}, "PRICE_NOT_VALID"),
        ({"limit_price_ticks": 2**31}, "PRICE_NOT_VALID"),
        ({"start_ns": 0}, "INVALID_REQUEST"),
        ({"interval_ns": 2_999_999_999}, "INVALID_REQUEST"),
        ({"interval_ns": 0, "min_interval_ns": 0}, "INVALID_REQUEST"),
        ({"duration_ns": 0}, "INVALID_REQUEST"),
        ({"end_ns": 5}, "INVALID_REQUEST"),
        ({"duration_ns": -5}, "INVALID_REQUEST"),
        ({"windows": ()}, "INVALID_REQUEST"),
        ({"windows": ((5, 4),)}, "INVALID_REQUEST"),
        ({"windows": ((1, 9), (8, 10))}, "INVALID_REQUEST"),
        ({"passive_ns": -1}, "INVALID_REQUEST"),
        ({"participation_bps": 10_001}, "INVALID_REQUEST"),
        ({"randomise_bps": -1}, "INVALID_REQUEST"),
        ({"jitter_bps": 10_001}, "INVALID_REQUEST"),
        ({"max_slice_multiple": 0}, "INVALID_REQUEST"),
        ({"max_attempts": 0}, "INVALID_REQUEST"),
        ({"curve": (0, 0)}, "INVALID_REQUEST"),
        ({"curve": (3, 2)}, "INVALID_REQUEST"),
        ({"curve": (-1, 2)}, "INVALID_REQUEST"),
    ],
)
def test_each_fault_has_a_stable_code(changes: dict[str, object], code: str, make_params: Callable[..., AlgoParams]) -> None:
    with pytest.raises(BadRequest) as caught:
        check_params(make_params(**changes))
    assert caught.value.reason_code == code


def test_unknown_settings_are_refused(make_params: Callable[..., AlgoParams]) -> None:
    data = msgspec.to_builtins(make_params()) | {"volumne": 5}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(data, AlgoParams)
