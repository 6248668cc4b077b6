"""Records are JSON objects, or the one that is not is named."""

import pytest

from tradepit.verify.decoding import FieldMissing, decode, numbered
from tradepit.verify.entries import Entry, UnreadableError


def test_all_records_of_an_entry_are_decoded() -> None:
    assert decode(Entry(1, 1, (b'{"a":1}', b'{"b":"\xc3\xa9"}')), "j") == [{"a": 1}, {"b": "é"}]
    assert decode(Entry(1, 1, ()), "j") == []


@pytest.mark.parametrize("bad", [b"{", b"[]", b"1", b'{"a":"\xff"}', b"", b'{},{"a":1}'])
def test_the_record_that_is_no_object_is_named(bad: bytes) -> None:
    with pytest.raises(UnreadableError, match=r"record 2 of entry 7") as error:
        decode(Entry(7, 1, (b"{}", bad)), "j")
    assert error.value.offset == 7


def test_halves_of_records_do_not_make_whole_ones() -> None:
    with pytest.raises(UnreadableError, match=r"record 1 of entry 1"):
        decode(Entry(1, 1, (b'{"a":[1', b"2]}")), "j")


def test_a_missing_field_names_the_entry_being_read() -> None:
    guard = FieldMissing("j")
    entries = iter([Entry(1, 1, (b'{"x":1}',)), Entry(2, 1, (b"{}",))])

    def read() -> list[int]:
        with guard:
            return [records[0]["x"] for _, records in numbered(entries, guard)]

    with pytest.raises(UnreadableError, match="entry 2") as error:
        read()
    assert (error.value.location, error.value.offset) == ("j", 2)
