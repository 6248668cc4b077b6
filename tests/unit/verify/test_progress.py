"""Progress: each percent once, one line on a terminal, tenths elsewhere."""

from io import StringIO

from tradepit.verify.progress import ProgressLine, nobody, unwatched, watch


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_each_whole_percent_is_told_once() -> None:
    told: list[tuple[str, int]] = []
    see = watch("orders", lambda part, percent: told.append((part, percent)))
    for done in (0, 1, 9, 10, 10, 500, 1000, 1000):
        see(done, 1000)
    assert told == [("orders", 0), ("orders", 1), ("orders", 50), ("orders", 100)]


def test_what_is_empty_is_read_at_once() -> None:
    told: list[int] = []
    watch("orders", lambda _, percent: told.append(percent))(0, 0)
    assert told == [100]


def test_a_terminal_shows_all_parts_in_one_line_and_is_clean_at_the_end() -> None:
    stream = Terminal()
    with ProgressLine(stream) as line:
        line.tell("reports", 40)
        line.tell("orders", 7)
        assert stream.getvalue() == "\rreports 40 %\rorders 7 % · reports 40 %"
    assert stream.getvalue().endswith("\r" + " " * len("orders 7 % · reports 40 %") + "\r")


def test_elsewhere_nothing_is_written_unless_asked_for() -> None:
    quiet, asked = StringIO(), StringIO()
    with ProgressLine(quiet) as line:
        line.tell("orders", 50)
    with ProgressLine(asked, always=True) as line:
        for percent in range(0, 101, 4):
            line.tell("orders", percent)
    assert quiet.getvalue() == ""
    assert asked.getvalue().splitlines() == [f"orders {percent} %" for percent in (0, 12, 20, 32, 40, 52, 60, 72, 80, 92, 100)]


def test_where_nobody_waits_nothing_happens() -> None:
    nobody("orders", 1)
    unwatched(1, 2)
