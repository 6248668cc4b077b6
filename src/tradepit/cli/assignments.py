"""``name=value`` on the command line, values as YAML reads them."""

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from tradepit.trading.model.errors import BadRequest


def assignments(texts: Sequence[str]) -> dict[str, Any]:
    """Values by name. Raises BadRequest for what is no assignment, and for a name given twice."""
    found: dict[str, Any] = {}
    for name, text in pairs(texts):
        if name in found:
            raise BadRequest("A parameter is given twice.", param=name)
        found[name] = value_of(text)
    return found


def pairs(texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Names and texts. Raises BadRequest."""
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise BadRequest("A parameter is given as name=value.", param=text[:60])
        yield name, value


def value_of(text: str) -> Any:  # noqa: ANN401 - a number, a truth, or text, as YAML reads it
    """One value. Raises BadRequest."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadRequest("The value of a parameter cannot be read.", value=text[:60]) from error
