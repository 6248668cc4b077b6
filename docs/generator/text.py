"""Markdown out of docstrings, tables and types."""

import inspect
import re
from collections.abc import Iterable, Sequence
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

_WORDS = {
    "str": "text",
    "int": "integer",
    "float": "number",
    "bool": "true or false",
    "bytes": "bytes",
    "NoneType": "null",
    "Decimal": "decimal",
}


def doc(thing: object) -> str:
    """A docstring as Markdown: its paragraphs unwrapped, double backticks made single."""
    text = inspect.cleandoc(thing if isinstance(thing, str) else (thing.__doc__ or ""))
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n")).replace("``", "`")


def first_sentence(thing: object) -> str:
    """The first sentence of a docstring, on one line."""
    return re.split(r"(?<=[.!?])\s", " ".join(doc(thing).split()))[0]


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join(_cell(cell) for cell in row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def code(text: object) -> str:
    """Inline code, nothing for nothing."""
    return f"`{text}`" if str(text) else ""


def kind(annotation: object) -> str:
    """A type in a reader's words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kind(inner[0]) + _bounds(inner[1:])
    if isinstance(annotation, TypeVar):
        return "any"
    if origin in (Union, UnionType):
        return _either(inner)
    if origin is Literal:
        return ", ".join(code(value) for value in inner)
    if origin in (list, tuple):
        return f"list of {kind(inner[0])}"
    if origin is dict:
        return "map" if inner[1] is Any else f"map of {kind(inner[1])}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(code(member.value) for member in annotation)
    name = getattr(annotation, "__name__", "any")
    return _WORDS.get(name, name)


def default(field: msgspec.structs.FieldInfo) -> str:
    """A field's default as it would be written in JSON, ``required`` when it has none."""
    if field.required:
        return "required"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if value is msgspec.UNSET:
        return "left out"
    plain = msgspec.to_builtins(value)
    return code(msgspec.json.encode(plain).decode()) if plain != "" else '`""`'


def fields(struct: type[msgspec.Struct], *, without: Sequence[str] = ()) -> str:
    """The fields of a message or a section of the settings."""
    rows = [
        (code(field.encode_name), kind(field.type), default(field))
        for field in msgspec.structs.fields(struct)
        if field.name not in without
    ]
    return table(("field", "type", "default"), rows)


def _either(inner: Sequence[Any]) -> str:
    words = [kind(each) for each in inner if each is not msgspec.UnsetType]
    if words == ["integer", "number"]:
        return "number"
    return " or ".join(dict.fromkeys(words))


def _bounds(meta: Sequence[Any]) -> str:
    signs = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
    told = [f"matching `{each.pattern}`" for each in meta if getattr(each, "pattern", None)]
    told += [f"{sign} {getattr(each, name)}" for each in meta for name, sign in signs if getattr(each, name, None) is not None]
    return " " + ", ".join(told) if told else ""


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
