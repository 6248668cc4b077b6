"""Reads source files for what cannot be asked of running code: which codes are given where, which figures are told."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import tradepit

ROOT = Path(tradepit.__file__).resolve().parent


def trees(*patterns: str) -> Iterator[tuple[Path, ast.Module]]:
    """The parsed source files that match, in order."""
    for path in sorted({path for pattern in patterns for path in ROOT.glob(pattern)}):
        yield path, _parsed(path)


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def constants(tree: ast.Module) -> dict[str, str]:
    """Module-level names of texts."""
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def calls(tree: ast.Module, *names: str) -> Iterator[ast.Call]:
    """Calls of functions, classes or methods with one of these names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = (
                node.func.attr
                if isinstance(node.func, ast.Attribute)
                else node.func.id
                if isinstance(node.func, ast.Name)
                else ""
            )
            if name in names:
                yield node


def text_of(node: ast.expr | None, known: dict[str, str]) -> str:
    """The text an expression stands for, empty when that is not plain to see."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(each, known) if isinstance(each, ast.Constant) else "…" for each in node.values)
    return known.get(node.id, "") if isinstance(node, ast.Name) else ""


def codes(tree: ast.Module, known: dict[str, str], *names: str, at: int = 0) -> dict[str, str]:
    """Codes given by calls of ``names`` at argument ``at`` (or as ``code=``), each with the sentence that goes with it."""
    found: dict[str, str] = {}
    for call in calls(tree, *names):
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        given = text_of(call.args[at] if len(call.args) > at else keywords.get("code"), known)
        if given and given.isupper():
            said = text_of(call.args[at + 1] if len(call.args) > at + 1 else keywords.get("message"), known)
            found[given] = found.get(given) or said
    return found
