"""The error for a journal that cannot be read."""

from tradepit.verify.entries import Entry, UnreadableError


def test_the_error_says_where_and_why() -> None:
    error = UnreadableError("/j", 17, "damaged")
    assert str(error) == "cannot read /j at offset 17: damaged"
    assert (error.location, error.offset, error.reason, error.exit_code) == ("/j", 17, "damaged", 2)


def test_an_entry_is_what_was_written_together() -> None:
    assert Entry(1, 2, (b"a",)) == (1, 2, (b"a",))
