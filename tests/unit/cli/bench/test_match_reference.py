"""The algorithm in C: the same trades as published, or a reason why it is not there."""

import shutil
from pathlib import Path

import pytest

from tradepit.cli.bench import match_reference, workload

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler on this machine")


@needs_compiler
@pytest.mark.parametrize("name", ["w1", "w50"])
def test_it_makes_the_published_trades(name: str) -> None:
    events = workload.load(name)
    assert workload.WORKLOADS[name].digest.startswith(match_reference.trades_hash(events, name))
    assert match_reference.bulk_run(events, name)() > 0


@pytest.mark.parametrize(
    ("attribute", "value", "reason"),
    [("SOURCE", Path("nowhere.c"), "not in the package"), ("COMPILER", "no-such-compiler", "no C compiler")],
)
def test_it_says_why_it_is_absent(monkeypatch: pytest.MonkeyPatch, attribute: str, value: object, reason: str) -> None:
    match_reference.library.cache_clear()
    monkeypatch.setattr(match_reference, attribute, value)
    with pytest.raises(match_reference.Absent, match=reason):
        match_reference.library()
    match_reference.library.cache_clear()


@needs_compiler
def test_what_does_not_compile_is_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = tmp_path / "broken.c"
    source.write_text("int main(", encoding="utf-8")
    match_reference.library.cache_clear()
    monkeypatch.setattr(match_reference, "SOURCE", source)
    with pytest.raises(match_reference.Absent, match="cc failed"):
        match_reference.library()
    match_reference.library.cache_clear()
