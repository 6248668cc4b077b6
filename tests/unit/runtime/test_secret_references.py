"""References to secrets: what is one, what is none, and an environment in which they may stand."""

import pytest

from tradepit.runtime.secret_references import ReferredEnvironment, SecretReference, read_reference
from tradepit.trading.model.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "path", "field"),
    [
        ("vault:tq#password", "tq", "password"),
        ("vault:bots/mm-1/live#api.key", "bots/mm-1/live", "api.key"),
        ("vault:bots/mm1", "bots/mm1", ""),
        (" vault:a#b\n", "a", "b"),
    ],
)
def test_references(text: str, path: str, field: str) -> None:
    assert read_reference(text) == SecretReference(path, field)


@pytest.mark.parametrize(
    "text",
    ["vault:", "vault:/a#b", "vault:../a#b", "vault:a/../b#c", "vault:a b#c", "vault:a#", "vault:a#b#c", "vault:a//b", "hunter2"],
)
def test_what_is_none_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_reference(text)
    assert caught.value.details == {}


def test_a_variable_or_its_name_may_refer() -> None:
    asked: list[SecretReference] = []

    def resolve(reference: SecretReference) -> str:
        asked.append(reference)
        return f"<{reference.path}>"

    environment = ReferredEnvironment({"PLAIN": "p", "REFERS": "vault:a#b"}, resolve)
    assert (environment["PLAIN"], environment.get("NOTHING", "none"), asked) == ("p", "none", [])
    assert (environment["REFERS"], environment["vault:c#d"]) == ("<a>", "<c>")
    assert (list(environment), len(environment), "vault:c#d" in environment, "X" in environment) == (
        ["PLAIN", "REFERS"],
        2,
        True,
        False,
    )
    assert "vault" not in repr(environment)
