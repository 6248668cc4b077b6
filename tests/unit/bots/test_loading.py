"""Bots are found by file or module, or refused with what is wrong."""

from pathlib import Path
from typing import Any

import pytest
from tests.bot_stage import Stage

from tradepit.bots.loading import check_config, load_bot, maker
from tradepit.trading.model.errors import BotRefused

_BOT = """
import msgspec
from tradepit.bots import BotBase

class Mine(BotBase):
    class Config(msgspec.Struct):
        symbol: str
        fast: int = 3

        def __post_init__(self):
            if self.fast < 1:
                raise ValueError("fast must be positive")

    def on_start(self): pass
    def on_tick(self, market): pass
"""


def _file(folder: Path, text: str, name: str = "mine.py") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def _code(where: str) -> str:
    with pytest.raises(BotRefused) as refused:
        load_bot(where)
    return refused.value.reason_code


def test_a_bot_is_loaded_by_file_by_name_and_by_module(tmp_path: Path) -> None:
    where = _file(tmp_path, _BOT)
    assert load_bot(where).__name__ == load_bot(f"{where}:Mine").__name__ == "Mine"
    assert load_bot("tradepit.bots.samples.pairs:Pairs").__name__ == load_bot("tradepit.bots.samples.pairs").__name__


def test_a_file_changed_since_is_loaded_anew_and_neighbours_are_found(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_mine.py").write_text("NUMBER = 7\n")
    where = _file(tmp_path, _BOT + "\nfrom neighbour_of_mine import NUMBER\nMine.number = NUMBER\n")
    assert vars(load_bot(where))["number"] == 7
    _file(tmp_path, _BOT + "\nMine.number = 8\n")
    assert vars(load_bot(where))["number"] == 8


@pytest.mark.parametrize(
    ("text", "name", "code"),
    [
        ("x = (", "", "BOT_NOT_IMPORTABLE"),
        ("import nothing_of_that_name", "", "BOT_NOT_IMPORTABLE"),
        ("raise SystemExit(3)", "", "BOT_NOT_IMPORTABLE"),
        ("\0", "", "BOT_NOT_IMPORTABLE"),
        ("from tradepit.bots import BotBase", "", "BOT_CLASS_MISSING"),
        (_BOT, ":Other", "BOT_CLASS_MISSING"),
        (_BOT + "\nclass Too(Mine): pass\n", "", "BOT_CLASS_AMBIGUOUS"),
        ("from tradepit.bots import BotBase\nclass Half(BotBase):\n    def on_start(self): pass\n", "", "BOT_CLASS_ABSTRACT"),
    ],
)
def test_what_is_no_bot_is_refused_with_its_code(tmp_path: Path, text: str, name: str, code: str) -> None:
    assert _code(_file(tmp_path, text) + name) == code


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    assert _code(str(tmp_path / "none.py")) == _code("no_such_package.bots") == "BOT_NOT_FOUND"
    assert _code(str(tmp_path)) == "BOT_NOT_FOUND"


@pytest.mark.parametrize(
    "params", [{}, {"symbol": "IF2501", "quick": 1}, {"symbol": "IF2501", "fast": "x"}, {"symbol": "IF2501", "fast": 0}]
)
def test_parameters_are_checked_before_anything_runs(tmp_path: Path, params: dict[str, Any]) -> None:
    with pytest.raises(BotRefused) as refused:
        maker(load_bot(_file(tmp_path, _BOT)), params)
    assert refused.value.reason_code == "BOT_PARAM_NOT_VALID"


def test_parameters_arrive_typed_and_a_bot_without_a_type_gets_them_as_they_are(tmp_path: Path) -> None:
    bot = load_bot(_file(tmp_path, _BOT))
    stage = Stage(maker(bot, {"symbol": "IF2501", "fast": "5"}, {"token": "t"}))
    assert (stage.host.bot.config.fast, stage.host.bot.secrets) == (5, {"token": "t"})
    plain = load_bot(_file(tmp_path, _BOT.replace("class Config(msgspec.Struct)", "class Other(msgspec.Struct)"), "plain.py"))
    assert check_config(plain, {"anything": [1]}) == {"anything": [1]}
