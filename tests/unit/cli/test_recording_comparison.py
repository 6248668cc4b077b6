"""A comparison says what it says."""

import msgspec

from tradepit.cli.recording_comparison import Comparison


def test_it_is_written_as_json() -> None:
    assert msgspec.json.encode(Comparison(rows=3, copied=2, equal=False)) == b'{"rows":3,"copied":2,"equal":false}'
