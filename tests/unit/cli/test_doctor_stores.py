"""The doctor on store and cache: what it sees, what it advises, and that it shows no password."""

from pathlib import Path

from tests.servers.ports import free_port

from tradepit.cli.doctor_stores import check_cache, check_store
from tradepit.cli.finding import Outcome
from tradepit.cli.store import run_store
from tradepit.config import Settings


def test_no_store_and_the_bus_s_cache_are_fine() -> None:
    assert [check(Settings()).outcome for check in (check_store, check_cache)] == [Outcome.OK, Outcome.OK]


def test_a_store_is_looked_at_and_left_alone(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'orders.db'}"
    found = check_store(Settings(store=url))
    assert (found.outcome, found.seen.startswith("2 steps are missing"), "store migrate" in found.mend) == (
        Outcome.WARN,
        True,
        True,
    )
    assert check_store(Settings(store=url, migrate_store=False)).outcome is Outcome.FAIL
    assert not (tmp_path / "orders.db").exists()
    assert run_store(Settings(store=url), "migrate", json=True) == 0
    assert check_store(Settings(store=url)).outcome is Outcome.OK


def test_servers_that_do_not_answer_are_told_without_their_passwords() -> None:
    port = free_port()
    settings = Settings(
        store=f"postgresql+asyncpg://me:my-secret@127.0.0.1:{port}/db", cache=f"redis://:my-secret@127.0.0.1:{port}/1"
    )
    for check in (check_store, check_cache):
        found = check(settings)
        assert found.outcome is Outcome.FAIL
        assert "start its server" in found.mend
        assert "my-secret" not in found.seen + found.mend


def test_settings_that_name_no_server_are_to_be_corrected() -> None:
    settings = Settings(store="mysql://me:my-secret@host/db", cache="http://me:my-secret@host")
    for check in (check_store, check_cache):
        found = check(settings)
        assert (found.outcome, "correct the setting" in found.mend, "my-secret" in found.seen) == (Outcome.FAIL, True, False)
