"""Ids of a bot's orders, and the way back from an id to its bot."""

from hypothesis import given
from hypothesis import strategies as st

from tradepit.bots.identity import order_id, order_prefix, prefix_of, sequence_of

_TOKENS = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)


@given(_TOKENS, _TOKENS, st.integers(min_value=1, max_value=10**12))
def test_an_id_tells_its_bot_and_its_number(bot: str, account: str, sequence: int) -> None:
    name, prefix = order_id(bot, account, sequence), order_prefix(bot, account)
    assert prefix_of(name) == prefix
    assert sequence_of(prefix, name) == sequence
    assert len(name) <= 64


def test_what_is_no_bots_id_has_no_prefix_or_anothers() -> None:
    assert prefix_of("C123") == ""
    assert prefix_of("") == ""
    assert sequence_of(order_prefix("a", "A1"), "b-1") == 0
