"""``tradepit bot new``: a small project for a new bot, with a test that passes."""

import sys
from importlib.resources import files
from pathlib import Path

from tradepit.cli.output import print_json
from tradepit.trading.model.errors import BotRefused, Unavailable
from tradepit.trading.model.ids import check_id

_FILES = {"bot.py": "bot.py.txt", "test_bot.py": "test_bot.py.txt", "config.json": "config.json", "README.md": "README.md"}


def new_bot(name: str, folder: Path, *, json: bool) -> int:
    """Write the project. Raises IdNotValid, BotRefused BOT_FOLDER_NOT_EMPTY (nothing is ever overwritten), Unavailable."""
    check_id(name, "name")
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise BotRefused("BOT_FOLDER_NOT_EMPTY", "There is something already.", folder=str(folder))
        folder.mkdir(parents=True, exist_ok=True)
        for made, source in _FILES.items():
            text = (files("tradepit.cli") / "bot_project" / source).read_text(encoding="utf-8")
            text = text.replace("{{name}}", name).replace("{{class}}", _class_name(name))
            (folder / made).write_text(text, encoding="utf-8")
        (folder / ".gitignore").write_text("broker.json\n", encoding="utf-8")
    except OSError as error:
        raise Unavailable("The project cannot be written.", folder=str(folder), error=str(error)[:200]) from error
    written = [str(folder / made) for made in (*_FILES, ".gitignore")]
    if json:
        print_json({"name": name, "files": written})
    else:
        for each in written:
            sys.stdout.write(f"{each}\n")
    return 0


def _class_name(name: str) -> str:
    words = [word for word in name.replace("-", "_").split("_") if word]
    joined = "".join(word[0].upper() + word[1:] for word in words)
    return joined if joined[:1].isalpha() else f"Bot{joined}"
