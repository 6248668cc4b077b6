"""The halt box: what is put there stays until it is answered, once, whoever dies; what cannot be read is put aside."""

from pathlib import Path

import pytest

from tradepit.runtime.halt_box import HaltBox
from tradepit.trading.model.errors import BadRequest, DuplicateId, IdNotValid
from tradepit.wire.order_controls import KillChecklist, StateReply
from tradepit.wire.simulator import StateRequest

WISH = StateRequest(scope="global", state="HALTED", who="me", reason="enough", key="k-1")
REPLY = StateReply(
    scope="global",
    state="HALTED",
    cancelling=0,
    checklist=KillChecklist(
        state_set=True, orders_found=0, cancelled=0, still_working=[], closing_orders=0, flatten_refused=[], positions_left=[]
    ),
)


@pytest.fixture
def box(tmp_path: Path) -> HaltBox:
    return HaltBox(tmp_path / "halts")


def wish(key: str, scope: str = "global") -> StateRequest:
    return StateRequest(scope=scope, state="HALTED", who="me", reason="enough", key=key)


def test_halts_wait_in_their_order_and_put_twice_are_one(box: HaltBox) -> None:
    assert box.pending() == []
    assert box.changed_ns == 0
    for now, key in enumerate(("k-1", "1", "z", "a", "1")):
        box.put(wish(key), now_ns=now)
    assert [each.key for each in box.pending()] == ["k-1", "1", "z", "a"]
    assert box.changed_ns > 0
    with pytest.raises(DuplicateId):
        box.put(wish("1", "account:A1"), now_ns=9)


def test_an_answer_ends_the_halt_and_its_key_is_used_for_good(box: HaltBox, tmp_path: Path) -> None:
    box.put(WISH, 1)
    box.put(wish("1"), 2)
    assert box.answered("k-1") is None
    box.answer(WISH, REPLY)
    box.answer(WISH, REPLY)
    assert [each.key for each in HaltBox(tmp_path / "halts").pending()] == ["1"]
    assert box.answered("k-1") == REPLY
    box.put(WISH, 3)
    assert [each.key for each in box.pending()] == ["1"]
    with pytest.raises(DuplicateId):
        box.put(wish("k-1", "account:A1"), now_ns=9)


def test_answers_do_not_pile_up(box: HaltBox, tmp_path: Path) -> None:
    for number in range(103):
        box.put(wish(f"k{number}"), number)
        box.answer(wish(f"k{number}"), REPLY)
    assert len(list((tmp_path / "halts").iterdir())) == 100


def test_what_cannot_be_read_is_put_aside_and_in_nobodys_way(box: HaltBox, tmp_path: Path) -> None:
    folder = tmp_path / "halts"
    box.put(WISH, 5)
    (folder / f"{1:020d}-torn.halt").write_bytes(b'{"scope": "glo')
    (folder / f"{2:020d}-no.halt").write_bytes(b"\xff")
    assert [each.key for each in box.pending()] == ["k-1"]
    assert sorted(path.name for path in folder.glob("*.bad")) == [f"{1:020d}-torn.bad", f"{2:020d}-no.bad"]
    box.put_aside(WISH)
    assert box.pending() == []
    (folder / "k-2.answer").write_bytes(b"{")
    assert box.answered("k-2") is None


def test_only_what_has_a_key_and_a_state_waits_here(box: HaltBox) -> None:
    with pytest.raises(IdNotValid):
        box.put(wish("../k"), 1)
    with pytest.raises(IdNotValid):
        box.put(wish(""), 1)
    with pytest.raises(BadRequest):
        box.put(StateRequest(scope="global", state="STOPPED", key="k"), 1)
    assert box.pending() == []


def test_a_wish_to_resume_can_be_taken_back(box: HaltBox) -> None:
    resume = StateRequest(scope="global", state="ACTIVE", who="me", reason="over", key="r-1")
    box.put(WISH, 1)
    box.put(resume, 2)
    assert [each.key for each in box.pending()] == ["k-1", "r-1"]
    box.take_back(resume)
    box.take_back(resume)
    assert [each.key for each in box.pending()] == ["k-1"]


def test_the_folder_is_its_owners_alone(box: HaltBox, tmp_path: Path) -> None:
    box.put(WISH, 1)
    assert (tmp_path / "halts").stat().st_mode & 0o077 == 0
