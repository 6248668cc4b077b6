"""The command: every failure has an exit code, none a traceback."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tradepit.cli import main as command
from tradepit.cli import trade
from tradepit.cli.house_settings import settings_of
from tradepit.config import Settings

GOLDEN = Path(__file__).parents[2] / "wire" / "golden"

Printed = pytest.CaptureFixture[str]


def tradepit(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["tradepit", *words])
    with pytest.raises(SystemExit) as ended:
        command.main()
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_roles_as_json(monkeypatch: pytest.MonkeyPatch, capsys: Printed) -> None:
    assert tradepit(monkeypatch, "roles", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["role"] == "trading-gateway"


@pytest.mark.parametrize(
    "words",
    [
        ("roles", "moon"), ("run",), ("run", "nobody"), ("order", "buy", "IF2501", "x", "1"), ("algo", "start", "--price", "NaN"),
        ("algo", "start", "--duration", "nan"), ("verify", "nowhere"), ("watch", "--config", "nowhere.yaml"),
    ],
)  # fmt: skip
def test_bad_input_exits_with_two_and_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: Printed, words: tuple[str, ...]
) -> None:
    assert tradepit(monkeypatch, *words) == 2
    told = capsys.readouterr()
    assert told.err.count("\n") <= 2
    assert "Traceback" not in told.err + told.out


@pytest.mark.parametrize(
    "words", [("order", "hold", "IF2501", "1", "1"), ("order", "buy", "IF2501", "1", "many"), ("nonsense",), ("order",)]
)
def test_bad_usage_does_not_exit_as_done(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    assert tradepit(monkeypatch, *words) in (1, 2)


def test_an_error_is_json_for_who_asked_for_json(monkeypatch: pytest.MonkeyPatch, capsys: Printed) -> None:
    assert tradepit(monkeypatch, "roles", "moon", "--json") == 2
    assert json.loads(capsys.readouterr().out)["error"] == "CONFIG_INVALID"


def test_what_is_typed_reaches_the_trader(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []

    def take(settings: Settings, *words: object, **more: object) -> int:
        told.append((words, more))
        return 0

    for name in ("order", "algo", "cancel"):
        monkeypatch.setattr(trade, name, take)
    assert (
        tradepit(monkeypatch, "order", "sell", "IF2501", "3900.2", "5", "--id", "c1", "--type", "FAK", "--offset", "CLOSETODAY")
        == 0
    )
    assert tradepit(monkeypatch, "algo", "amend", "--id", "t1", "--volume", "50") == 0
    assert tradepit(monkeypatch, "cancel", "V1", "--account", "A2") == 0
    assert told[0] == (
        ("sell", "IF2501", "3900.2", 5),
        {"account": "", "offset": "CLOSETODAY", "order_type": "FAK", "client_order_id": "c1", "json": False},
    )
    ((body,), _) = told[1]
    assert (body["action"], body["algo_id"], body["volume"], "duration" in body) == ("amend", "t1", 50, False)
    assert told[2] == (("V1",), {"account": "A2", "json": False})


def test_an_interrupt_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*words: object, **more: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "app", interrupted)
    assert tradepit(monkeypatch, "watch") == 0


def test_a_broker_connects_profile_takes_the_config_of_its_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[tuple[str, tuple[str, ...]]] = []

    def note(settings: Settings, names: tuple[str, ...], secrets: dict[str, str], *, whole: bool) -> int:
        assert whole
        assert "your_tq_password" in secrets.values()
        ran.append((settings.profile, names))
        return 0

    monkeypatch.setattr("tradepit.cli.run.run_roles", note)
    Path("config.yaml").write_text((GOLDEN / "tq_flat_config.yaml").read_text())
    assert tradepit(monkeypatch, "run", "--profile", "tq_flat") == 0
    assert ran == [("tq_flat", ())]
    assert tradepit(monkeypatch, "run", "--profile", "tq") != 0
    assert "CONFIG_INVALID" in "".join(capsys.readouterr())
    assert settings_of(Path("config.yaml")).profile == "tq_flat"
