"""``tradepit bot``: what a bot is given, what is wrong with it, and how one begins."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.bot_house import BUYER

from tradepit.cli.assignments import assignments
from tradepit.cli.bot_check import check_bot
from tradepit.cli.bot_new import new_bot
from tradepit.cli.bot_run import params_of, run_bot
from tradepit.config import Settings
from tradepit.trading.model.errors import BadRequest, BotRefused, ConfigError, IdNotValid, RequestRefused, TradepitError

Printed = pytest.CaptureFixture[str]


def test_parameters_come_from_the_environment_the_mount_and_the_command_line(tmp_path: Path) -> None:
    environment = {"BOT_CONFIG": '{"a": 1, "b": 1}'}
    assert params_of(environment, None, ["b=2"]) == {"a": 1, "b": 2}
    (tmp_path / "config.json").write_text('{"c": 3, "b": 3}')
    assert params_of(environment, tmp_path, ["b=x"]) == {"c": 3, "b": "x"}
    assert params_of(environment, tmp_path, ["b=2"], under_mount=True) == {"b": 2}
    for text in ("[1]", "{", "\udc80"):
        with pytest.raises(ConfigError):
            params_of({"BOT_CONFIG": text}, None, [])
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(ConfigError):
        params_of({}, tmp_path, [])


@pytest.mark.parametrize("words", [["a"], ["a b=1"], ["a=1", "a=2"], ["a=[1"]])
def test_what_is_no_assignment_is_refused(words: list[str]) -> None:
    with pytest.raises(BadRequest):
        assignments(words)


def run(file: Path, **more: object) -> int:
    given: dict[str, object] = {
        "params": (), "bot_id": "", "account": "", "symbols": (), "mount": None, "port": 0, "seed": 1, "json": False,
    }  # fmt: skip
    return run_bot(Settings(bus="nats://127.0.0.1:1", data_dir=str(file.parent)), str(file), **(given | more))  # type: ignore[arg-type]  # one dict for all


def test_what_cannot_be_right_is_said_before_anything_is_connected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bot = tmp_path / "buyer.py"
    bot.write_text(BUYER + "\n    Config = __import__('msgspec').defstruct('Config', [('most', int)])\n")
    wrong: list[tuple[type[TradepitError], dict[str, object], dict[str, str]]] = [
        (BotRefused, {"params": ["moist=1"]}, {}),
        (IdNotValid, {"bot_id": "a b"}, {}),
        (IdNotValid, {}, {"ACCOUNT_ID": "../x"}),
        (ConfigError, {"params": ["most=1"]}, {"BOT_SECRETS": "no json"}),
    ]
    for kind, more, environment in wrong:
        with monkeypatch.context() as patched:
            for name, value in environment.items():
                patched.setenv(name, value)
            with pytest.raises(kind):
                run(bot, **more)
    with pytest.raises(BotRefused) as caught:
        run(tmp_path / "nothing.py")
    assert caught.value.reason_code == "BOT_NOT_FOUND"


def check(capsys: Printed, file: Path, *params: str, ticks: int = 50) -> tuple[int, list[str], dict[str, int]]:
    code = check_bot(str(file), params=params, symbols=("IF2501",), ticks=ticks, mount=None, seed=1, json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is (code == 0)
    return code, [finding["code"] for finding in told["findings"]], told["dry_run"]


def test_a_sound_bot_may_trade(tmp_path: Path, capsys: Printed) -> None:
    bot = tmp_path / "buyer.py"
    bot.write_text(BUYER)
    assert check(capsys, bot, "most=2") == (0, ["BOT_CONFIG_MISSING"], {"ticks": 50, "orders": 2, "fills": 2})
    assert check_bot(str(bot), params=(), symbols=("IF2501",), ticks=50, mount=None, seed=1, json=False) == 0
    assert "may trade" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "param", "found"),
    [
        (("def on_tick(self, market)", "def on_tick(self)"), "most=1", "BOT_METHOD_NOT_VALID"),
        (("def on_tick(self, market)", "def on_tock(self, market)"), "most=1", "BOT_CLASS_ABSTRACT"),
        (("class Buyer(BotBase)", "class Buyer(BotBose)"), "most=1", "BOT_NOT_IMPORTABLE"),
        (("", ""), "raises=true", "BOT_RAISED"),
        (("state = self.ctx.state", "raise ValueError"), "most=1", "BOT_FAILED_TO_START"),
    ],
)
def test_what_is_wrong_with_a_bot_has_a_code(
    tmp_path: Path, capsys: Printed, change: tuple[str, str], param: str, found: str
) -> None:
    bot = tmp_path / "buyer.py"
    bot.write_text(BUYER.replace(*change, 1))
    code, codes, _ = check(capsys, bot, param)
    assert (code, found in codes) == (1, True)


def test_a_market_that_cannot_be_made_is_no_fault_of_the_bot(tmp_path: Path) -> None:
    bot = tmp_path / "buyer.py"
    bot.write_text(BUYER)
    for symbols, ticks in ((("NOPE99",), 10), (("IF2501",), 0)):
        with pytest.raises(RequestRefused):
            check_bot(str(bot), params=(), symbols=symbols, ticks=ticks, mount=None, seed=1, json=True)


def test_a_new_bot_is_sound_and_its_own_test_passes(tmp_path: Path, capsys: Printed) -> None:
    folder = tmp_path / "my-bot_2"
    assert new_bot("my-bot_2", folder, json=True) == 0
    assert len(json.loads(capsys.readouterr().out)["files"]) == 5
    assert "class MyBot2(BotBase)" in (folder / "bot.py").read_text()
    assert "{{" not in "".join(path.read_text() for path in folder.iterdir())
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", str(folder)]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=os.environ)
    assert ran.returncode == 0, ran.stdout
    assert "3 passed" in ran.stdout
    with pytest.raises(BotRefused) as caught:
        new_bot("my-bot_2", folder, json=False)
    assert caught.value.reason_code == "BOT_FOLDER_NOT_EMPTY"
    with pytest.raises(IdNotValid):
        new_bot("my bot", tmp_path / "x", json=False)
