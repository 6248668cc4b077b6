"""The documentation keeps its promises: links lead somewhere, the reference is that of the code, nothing is left out."""

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from tradepit.cli.main import app
from tradepit.config import Settings, load
from tradepit.profiles.catalogue import PROFILES
from tradepit.trading.risk.rules import RULES
from tradepit.wire.simulator import CHANNELS, OrderRequest, StateRequest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
COMMANDS = [name for name in app if not name.startswith("-")]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def generator() -> Iterator[ModuleType]:
    """docs/generate.py, run as it is from the command line; what it adds to the search path is taken back."""
    path = list(sys.path)
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = path


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, made as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _CODE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _links(page: Path) -> list[str]:
    found = _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8")))
    return [link for link in found if not re.match(r"https?:", link)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in _links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        waiting += [(page.parent / link.partition("#")[0]).resolve() for link in _links(page) if link.partition("#")[0]]
    assert set(PAGES) - seen == set()


def test_the_generated_reference_is_up_to_date(generator: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    code = generator.main(["--check"])
    assert (code, capsys.readouterr().err) == (0, "")


def test_the_check_finds_a_page_that_is_not_what_the_code_says(
    generator: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generator, "FOLDER", tmp_path)
    assert generator.main(["--check"]) == 1
    assert generator.main([]) == 0
    assert generator.main(["--check"]) == 0
    page = tmp_path / "reference" / "cli.md"
    page.write_text(page.read_text(encoding="utf-8").replace("FINDINGS", "") + "more", encoding="utf-8")
    capsys.readouterr()
    assert generator.main(["--check"]) == 1
    assert capsys.readouterr().err == "out of date: docs/reference/cli.md (run `make docs`)\n"


def test_every_command_is_documented() -> None:
    text = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"## `tradepit {name}" not in text] == []


def test_every_command_the_pages_use_exists() -> None:
    used: set[str] = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        told = [*_CODE.findall(text), *re.findall(r"`tradepit [^`]+`", text)]
        used |= {name for block in told for name in re.findall(r"(?:^|`)tradepit\s([a-z][a-z-]*)\b", block, re.MULTILINE)}
    assert used >= {"demo", "order", "verify"}
    assert used - set(COMMANDS) == set()


def test_every_rule_channel_role_and_setting_is_in_the_reference() -> None:
    reference = DOCS / "reference"
    rules = (reference / "risk-rules.md").read_text(encoding="utf-8")
    assert [rule.name for rule in RULES if f"## `{rule.name}`" not in rules] == []
    contracts = (reference / "contracts.md").read_text(encoding="utf-8")
    assert [channel.subject for channel in CHANNELS if f"`{channel.subject}`" not in contracts] == []
    roles = (reference / "roles.md").read_text(encoding="utf-8")
    assert [role.name for rows in PROFILES.values() for role in rows if f"`{role.name}`" not in roles] == []
    settings = (reference / "settings.md").read_text(encoding="utf-8")
    assert [field.name for field in msgspec.structs.fields(Settings) if f"`{field.name}`" not in settings] == []


def test_the_readme_has_exactly_two_set_up_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    set_up = re.search(r"^## Set up\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    assert set_up is not None
    [block] = re.findall(r"^```sh\n(.*?)^```", set_up[1], re.MULTILINE | re.DOTALL)
    assert [line.partition("#")[0].strip() for line in block.splitlines()] == ["make demo", "make test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in ("demo", "test"))


def test_the_readme_ends_the_demo_as_the_verifier_does() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(r"^lost 0 · duplicated 0 · unexplained 0 \(n = \d+\)$", text, re.MULTILINE)


def test_the_architecture_fits_three_pages() -> None:
    words = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split()
    assert len(words) < 1_900


def test_the_settings_file_of_the_guide_can_be_loaded(tmp_path: Path) -> None:
    text = (DOCS / "how-to" / "run-roles-separately.md").read_text(encoding="utf-8")
    [house] = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    path = tmp_path / "house.yaml"
    path.write_text(house, encoding="utf-8")
    settings = load(path, environment={"TRADEPIT_EXCHANGE__ORIGIN_NS": "1736128800000000000"})
    assert [contract.symbol for contract in settings.exchange.contracts] == ["IF2501"]
    assert settings.exchange.origin_ns == 1_736_128_800_000_000_000


@pytest.mark.parametrize(
    ("page", "kind"),
    [(ROOT / "README.md", OrderRequest), (DOCS / "how-to" / "stop-trading.md", StateRequest)],
    ids=["order", "state"],
)
def test_request_bodies_in_the_pages_can_be_decoded(page: Path, kind: type[msgspec.Struct]) -> None:
    [block] = re.findall(r"^```text\nrequest +rpc\.\S+\n(.*?)^reply", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    body = msgspec.json.decode(block)
    assert msgspec.convert(body, kind, strict=False) is not None
    assert set(body) <= {field.encode_name for field in msgspec.structs.fields(kind)}


def test_the_examples_name_their_own_command() -> None:
    for path in sorted((ROOT / "examples").glob("*.py")):
        assert f"python examples/{path.name}" in path.read_text(encoding="utf-8")
