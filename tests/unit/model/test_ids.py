"""Ids are tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepit.trading.model.errors import IdNotValid
from tradepit.trading.model.ids import check_id


@given(st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True).filter(str.isascii))
def test_tokens_pass_as_they_are(token: str) -> None:
    assert check_id(token, "id") == token


@pytest.mark.parametrize("text", ["", "x" * 65, "a b", "a.b", "a*", "a>", "a\n", "\n", "é", "１", "a/b", "a:b", "a\x00"])
def test_what_could_mean_something_to_a_topic_or_a_file_does_not_pass(text: str) -> None:
    with pytest.raises(IdNotValid) as refused:
        check_id(text, "account")
    assert refused.value.details == {"field": "account"}


@given(st.text())
def test_no_text_passes_that_is_no_token(text: str) -> None:
    try:
        check_id(text, "id")
    except IdNotValid:
        return
    assert 1 <= len(text) <= 64
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
