"""What may be traded, on which accounts, by which bot."""

from collections.abc import Callable
from typing import Any

import pytest

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.permission import Permission


@pytest.mark.parametrize(
    ("settings", "order", "value"),
    [
        ({}, {}, None),
        ({"symbols": ["IF2501"]}, {}, None),
        ({"symbols": ["IF"]}, {}, None),
        ({"symbols": ["rb"]}, {}, "IF2501"),
        ({"symbols": []}, {}, "IF2501"),
        ({"symbols": ["IF"], "blocked_symbols": ["IF2501"]}, {}, "IF2501"),
        ({"blocked_symbols": ["IF"]}, {}, "IF2501"),
        ({"blocked_symbols": ["IF2503"]}, {}, None),
        ({"disabled_accounts": ["a"]}, {}, "a"),
        ({"disabled_accounts": ["b"]}, {}, None),
        ({"bots": {"b": ["a"]}}, {"bot": "b"}, None),
        ({"bots": {"b": ["c"]}}, {"bot": "b"}, "a"),
        ({"bots": {}}, {"bot": "b"}, "a"),
        ({"bots": {}}, {}, None),
    ],
)
def test_lists_allow_and_block(
    settings: dict[str, Any],
    order: dict[str, Any],
    value: str | None,
    exposure: Exposure,
    make_intent: Callable[..., OrderIntent],
    now: int,
) -> None:
    refused = Permission(**settings).check(make_intent(**order), exposure, now)
    assert (refused and (refused.code, refused.value)) == (value and ("SYMBOL_BLOCKED", value))
