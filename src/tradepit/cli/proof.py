"""The proof of a stopped house: the independent verifier's verdict over the journals in its folder."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tradepit import verify
from tradepit.cli.house import JOURNAL_FOLDER, SERVER_FOLDER, SETTINGS_FILE
from tradepit.compose.wiring import JOURNALS, stream_of
from tradepit.config import Settings, load
from tradepit.runtime.nats_server import NatsServer


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict in short. ``exit_code``: 0 clean, 1 findings, 2 a journal cannot be read. ``line`` is the last line to print."""

    clean: bool
    exit_code: int
    line: str
    lost: int = 0
    duplicated: int = 0
    unexplained: int = 0
    intents: int = 0
    fates: dict[str, int] = {}
    findings: tuple[str, ...] = ()


def judge(folder: Path, *, strict: bool = False, tell: verify.Told = verify.nobody) -> verify.Verdict:
    """The full verdict; ``tell`` hears how far it is.

    Journals kept by the house's NATS server are read from it: it is started for that on the house's folder.

    Raises ``verify.UnreadableError``, ConfigError.
    """
    with journals_of(folder) as journals:
        return _run(folder, journals, strict=strict, tell=tell)


def settings_in(folder: Path) -> Settings:
    """The settings of the house in ``folder``, the defaults without a file of them. Raises ConfigError."""
    path = folder / SETTINGS_FILE
    return load(path, environment={}) if path.exists() else Settings()


@contextmanager
def journals_of(folder: Path) -> Iterator[dict[str, str]]:
    """Where the journals of the stopped house in ``folder`` are, by name. Raises ConfigError."""
    if settings_in(folder).journal != "jetstream":
        journals = folder / JOURNAL_FOLDER
        yield {name: str(journals / name) for name in JOURNALS}
        return
    server = NatsServer(folder / SERVER_FOLDER)
    server.start()
    try:
        yield {name: f"{server.url}/{stream_of(name)}" for name in JOURNALS}
    finally:
        server.stop()


def _run(folder: Path, journals: dict[str, str], *, strict: bool, tell: verify.Told) -> verify.Verdict:
    logs = sorted((folder / "intents").glob("*.jsonl"))
    return verify.run(
        orders=journals["orders"],
        commands=journals["commands"],
        reports=journals["events"],
        intents=[str(log) for log in logs],
        strict=strict,
        tell=tell,
    )


def prove(folder: Path, *, strict: bool = False) -> Proof:
    """The proof of the house whose files are in ``folder``."""
    try:
        verdict = judge(folder, strict=strict)
    except verify.UnreadableError as error:
        return Proof(clean=False, exit_code=2, line=f"not verified: {error}")
    told = json.loads(verify.to_json(verdict))
    return Proof(
        clean=verdict.exit_code == 0,
        exit_code=verdict.exit_code,
        line=verdict.summary,
        lost=told["lost"],
        duplicated=told["duplicated"],
        unexplained=told["unexplained"],
        intents=verdict.intents,
        fates=dict(verdict.fates),
        findings=tuple(f"{finding.kind} {finding.code} {'/'.join(finding.key)}: {finding.text}" for finding in verdict.findings),
    )
