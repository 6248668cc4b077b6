"""Messages become rows, or are refused."""

import pytest

from tradepit.runtime.tick_row import COLUMNS, read_row
from tradepit.trading.model.errors import BadRequest, PayloadTooLarge

GOOD = (
    b'{"symbol":"IF2501","exchange":"CFFEX","datetime":"2025-01-06T09:30:00.500000+08:00","trading_day":"20250106","last_price":3900.2,'
    b'"volume":10,"turnover":11700600.0,"open_interest":5,"open_price":3900.2,"high_price":3900.2,"low_price":3900.2,"limit_up":4290.0,'
    b'"limit_down":3510.0,"pre_close":3899.8,"pre_settlement":3900.0,"bid_price_1":3900.0,"bid_volume_1":1,"ask_price_1":3900.4,'
    b'"ask_volume_1":2}'
)
TOPIC = "market.tick.IF2501"


def test_values_come_in_the_order_of_the_columns() -> None:
    row = dict(zip(COLUMNS, read_row(GOOD, TOPIC), strict=True))
    assert row["last_price"] == 3900.2
    assert row["volume"] == 10
    assert row["ask_volume_10"] == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"3900.2", b'"x"'), (b"3900.2", b"NaN"), (b"3900.2", b"-1"), (b"3900.2", b"1e400"), (b'"volume":10', b'"volume":1.5'),
        (b'"volume":10', b'"volume":-1'), (b'"volume":10', b'"volume":99999999999'), (b"+08:00", b""), (b"T09:30", b"T29:30"),
        (b'"20250106"', b'"../../etc"'), (b'"20250106"', b"20250106"), (b'"CFFEX"', b'"cf fex"'), (b'"symbol":"IF2501",', b""),
        (b'"IF2501"', b'"IC2501"'), (b'"IF2501"', b'"\xff\xfe"'), (b"}", b""), (b"{", b"[" * 5000),
    ],
)  # fmt: skip
def test_bad_messages_are_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(BadRequest):
        read_row(GOOD.replace(old, new), TOPIC)


def test_a_huge_message_is_refused_before_it_is_read() -> None:
    with pytest.raises(PayloadTooLarge):
        read_row(b" " * 20_000, TOPIC)
