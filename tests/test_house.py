"""The house rules that no linter knows: sizes, names, first sentences, one mirror test per module, nothing said of outside things."""

import ast
import re
from pathlib import Path
from statistics import median

import pytest
from tests.conftest import LONGEST

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "tradepit"
FILES = sorted(SOURCE.rglob("*.py"))
MODULES = [path for path in FILES if path.name != "__init__.py"]
BANNED_NAMES = {"core", "common", "utils", "util", "helpers", "helper", "base", "misc", "manager"}
MAX_LINES = 400
MEDIAN_LINES = 120
MAX_STATEMENTS = 40


def test_no_file_is_too_long_and_most_are_short() -> None:
    sizes = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: size for name, size in sizes.items() if size > MAX_LINES} == {}
    assert median(sizes.values()) <= MEDIAN_LINES


def test_no_room_or_file_has_a_name_that_says_nothing() -> None:
    named = {path for path in FILES for part in path.relative_to(SOURCE).with_suffix("").parts if part in BANNED_NAMES}
    assert named == set()


def test_every_file_opens_with_one_sentence_that_says_what_it_is() -> None:
    missing = [
        str(path.relative_to(ROOT)) for path in FILES if not (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").strip()
    ]
    assert missing == []


def _statements(function: ast.AST) -> int:
    return sum(isinstance(node, ast.stmt) for node in ast.walk(function)) - 1


def test_no_function_has_too_many_statements() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.name} {_statements(node)}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _own_statements(node) > MAX_STATEMENTS
    ]
    assert long == []


def _own_statements(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    inner = {
        id(node) for child in ast.walk(function) if child is not function and _is_function(child) for node in ast.walk(child)
    }
    return sum(isinstance(node, ast.stmt) and id(node) not in inner for node in ast.walk(function)) - 1


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def test_every_pure_module_has_a_mirror_test() -> None:
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    missing = []
    for path in sorted((SOURCE / "trading").rglob("*.py")):
        if path.name == "__init__.py" or path.parent.name == "model":
            continue
        names = {f"test_{path.stem}.py", f"test_{path.stem.removeprefix('venue_')}.py"}
        mentioned = path.stem in _mentioned()
        if not names & tests and not mentioned:
            missing.append(str(path.relative_to(ROOT)))
    assert missing == []


def test_every_file_that_is_to_begin_first_is_there() -> None:
    assert set(LONGEST) <= {path.name for path in (ROOT / "tests").rglob("test_*.py")}


_CACHE: set[str] = set()


def _mentioned() -> set[str]:
    """Modules that some test imports by name."""
    if not _CACHE:
        for path in (ROOT / "tests").rglob("*.py"):
            for found in re.findall(r"from tradepit\.[\w.]*?(\w+) import|import tradepit\.[\w.]*?(\w+)", path.read_text("utf-8")):
                _CACHE.update(filter(None, found))
    return _CACHE


@pytest.mark.parametrize("pattern", [r"\.\./shared", r"/work/", r"\bissue #?\d", r"/opt/wheels", r"TODO", r"FIXME"])
def test_the_project_speaks_of_itself_alone(pattern: str) -> None:
    places = [
        str(path.relative_to(ROOT))
        for folder in ("src", "docs", "benchmarks", "examples")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
        and path.suffix in {".py", ".md", ".toml", ".yaml", ".json"}
        and re.search(pattern, path.read_text("utf-8"))
    ]
    assert places == []


def test_every_ignore_has_a_reason() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("src", "tests", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if re.search(r"#\s*noqa(?!: [A-Z0-9, ]+ - )|#\s*type:\s*ignore(?!\[[\w, -]+\]\s+#)", line) and "re.search" not in line
    ]
    assert bare == []
