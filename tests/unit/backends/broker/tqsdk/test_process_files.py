"""What the TqSDK process keeps in files, sees of the environment and says of errors."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradepit.backends.broker.tqsdk.child import FolderLock, environment_for
from tradepit.backends.broker.tqsdk.frames import Beat, Login, LoginAccount, Ready, length_of, pack
from tradepit.backends.broker.tqsdk.reading import number, weekday_evening
from tradepit.backends.broker.tqsdk.wire_log import WireLog
from tradepit.runtime.secret_source import read_secret
from tradepit.trading.model.errors import ConfigError, Unavailable


@contextlib.contextmanager
def wire_log(path: Path) -> Iterator[WireLog]:
    log = WireLog(path)
    yield log
    log.close()


def test_ids_on_the_wire_are_remembered_for_two_days(tmp_path: Path) -> None:
    with wire_log(tmp_path / "wire") as log:
        for day in (20250103, 20250106, 20250107):
            log.note("A", f"c{day}", day)
    with wire_log(tmp_path / "wire") as again:
        assert again.days == {("A", "c20250106"): 20250106, ("A", "c20250107"): 20250107}
        again.note("B", "c1", 20250107)
    with wire_log(tmp_path / "wire") as last:
        assert ("B", "c1") in last.days


def test_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "wire"
    with wire_log(path) as log:
        log.note("A", "c1", 20250106)
    with path.open("ab") as file:
        file.write(b'["A","c2",202')
    for _ in range(2):
        with wire_log(path) as log:
            assert log.days == {("A", "c1"): 20250106}


def test_the_process_sees_only_what_it_needs(tmp_path: Path) -> None:
    own = {
        "PATH": "/bin",
        "HOME": "/root",
        "TQ_TD_URL": "ws://127.0.0.1:1",
        "TQ_PASSWORD": "x",
        "TQ_ACTION": "run",
        "AWS_SECRET": "x",
        "http_proxy": "http://proxy:1",
        "NO_PROXY": "internal",
    }
    seen = environment_for(tmp_path, own)
    assert seen == {
        "PATH": "/bin",
        "HOME": str(tmp_path),
        "TQ_TD_URL": "ws://127.0.0.1:1",
        "http_proxy": "http://proxy:1",
        "NO_PROXY": "internal,127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",
    }


def test_a_folder_is_one_processes(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    with lock.take():
        with pytest.raises(Unavailable):
            FolderLock(tmp_path).take()
        lock.end_holder()  # no id was noted: nobody is ended
    lock.take().close()


def test_nothing_that_logs_in_is_told() -> None:
    login = Login(
        run_mode="real",
        user="mira",
        password="p1-secret",
        accounts=[LoginAccount(name="A", broker="simnow", user="88001", password="p2-secret")],
    )
    assert login.scrub("mira: p1-secret, 88001: p2-secret") == "***: ***, ***: ***"
    assert len(login.scrub("x" * 1000)) == 300
    for text in (repr(login), str(login), repr(login.accounts), f"{login!r}"):
        assert "secret" not in text


def test_a_frame_has_its_length_before_it() -> None:
    for frame in (Beat(), Ready()):
        stream = io.BytesIO(pack(frame))
        assert length_of(stream.read(4)) == len(stream.read())
    with pytest.raises(ValueError, match="large"):
        length_of(b"\xff\xff\xff\xff")


def test_a_secret_is_in_the_environment_or_in_a_private_file(tmp_path: Path) -> None:
    assert read_secret("WORD", "", {"WORD": "open sesame"}) == "open sesame"
    path = tmp_path / "word"
    path.write_text("from a file\n")
    path.chmod(0o600)
    assert read_secret("WORD", str(path), {"WORD": "x"}) == "from a file"
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="others"):
        read_secret("", str(path), {})
    path.chmod(0o600)
    for content in (b"", b"\n", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(ConfigError):
            read_secret("", str(path), {})
    for variable, file in (("", ""), ("WORD", ""), ("", str(tmp_path / "none"))):
        with pytest.raises(ConfigError):
            read_secret(variable, file, {})


@pytest.mark.parametrize(
    ("hours", "day"),
    [(0, 20250106), (8, 20250107), (24 * 4, 20250110), (24 * 4 + 9, 20250113), (24 * 5, 20250113), (24 * 6 + 9, 20250113)],
)
def test_the_evening_belongs_to_the_next_weekday(hours: int, day: int) -> None:
    ten = 1_736_128_800_000_000_000  # Monday 2025-01-06 10:00 in China
    assert weekday_evening(ten + hours * 3_600_000_000_000) == day


def test_every_way_of_saying_that_there_is_no_number_is_zero() -> None:
    assert [number(value) for value in (float("nan"), float("inf"), "-", None, 3, 2.5)] == [0, 0, 0, 0, 3, 2.5]
