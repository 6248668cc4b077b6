"""The page of the command line: every command with its arguments, read from the functions that carry them out."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args, get_origin

from cyclopts import Parameter

from generator.text import code, doc, table
from tradepit.cli.exits import Exit
from tradepit.cli.main import app

_INTRO = """# Command line

`tradepit COMMAND --help` tells the same. Commands that talk to a house use the settings given with `--config`, else those of the
house that `tradepit demo` runs in this folder (`.tradepit/running.yaml`), else the defaults. With `--json` a command prints one
JSON document on standard output, errors included; without it errors go to standard error.
"""


def commands() -> dict[str, Callable[..., Any]]:
    """Every command by name."""
    found: dict[str, Callable[..., Any]] = {}
    for name in sorted(app):
        if name.startswith("-"):
            continue
        command = app[name]
        if command.default_command is not None:
            found[name] = command.default_command
        else:
            inner = {f"{name} {each}": command[each].default_command for each in sorted(command) if not each.startswith("-")}
            found |= {full: function for full, function in inner.items() if function is not None}
    return found


def page() -> str:
    """The page."""
    parts = [
        _INTRO,
        "## Exit codes",
        doc(Exit),
    ]
    for name, function in commands().items():
        parts += [f"## `tradepit {name}`", doc(function), code(_usage(name, function)), _options(function)]
    return "\n\n".join(part for part in parts if part)


def _usage(name: str, function: Callable[..., Any]) -> str:
    words = [f"tradepit {name}"]
    for parameter in inspect.signature(function).parameters.values():
        word = parameter.name.upper().replace("_", "-")
        if parameter.kind is parameter.VAR_POSITIONAL:
            words.append(f"{word}…")
        elif parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            words.append(word if parameter.default is parameter.empty else f"[{word}]")
    return " ".join([*words, "[OPTIONS]"])


def _options(function: Callable[..., Any]) -> str:
    rows = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            continue
        annotation, told = parameter.annotation, None
        if get_origin(annotation) is Annotated:
            annotation, told = get_args(annotation)[0], next(each for each in get_args(annotation) if isinstance(each, Parameter))
        plain = parameter.name.replace("_", "-")
        positional = parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        names = told.name if told is not None and told.name else (plain.upper() if positional else f"--{plain}",)
        rows.append(
            (", ".join(map(code, names)), _kind(annotation), _default(parameter), (told.help or "") if told is not None else "")
        )
    return table(("argument", "values", "default", ""), rows) if rows else ""


def _kind(annotation: object) -> str:
    words = {"str": "text", "int": "integer", "float": "number", "bool": "switch", "Path": "path"}
    if get_origin(annotation) is Literal:
        return ", ".join(code(value) for value in get_args(annotation))
    inner = [each for each in get_args(annotation) if each is not type(None)]
    return _kind(inner[0]) if inner else words[getattr(annotation, "__name__", "")]


def _default(parameter: inspect.Parameter) -> str:
    if parameter.default is parameter.empty:
        return "required"
    return code(parameter.default) if parameter.default not in (None, "", False) else ""
