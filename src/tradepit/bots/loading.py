"""Finds a bot's class in a file or a module, checks its parameters, and makes what the host builds it with."""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from hashlib import blake2b
from inspect import isabstract, isclass
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import msgspec

from tradepit.bots.bot import BotBase
from tradepit.bots.context import BotContext
from tradepit.trading.model.errors import BotRefused

_NO_SECRETS: Mapping[str, str] = MappingProxyType({})


def load_bot(where: str) -> type[BotBase]:
    """The class named by ``file.py``, ``file.py:Class``, ``package.module`` or ``package.module:Class``.

    Raises BotRefused: BOT_NOT_FOUND (no such file or module), BOT_NOT_IMPORTABLE (it raised while being imported),
    BOT_CLASS_MISSING (none in it, or not the one named), BOT_CLASS_AMBIGUOUS (several: name one), BOT_CLASS_ABSTRACT.
    """
    place, name = _parted(where)
    module = _import_file(Path(place)) if place.endswith(".py") or "/" in place else _import_module(place)
    found = [thing for thing in vars(module).values() if isclass(thing) and issubclass(thing, BotBase) and thing is not BotBase]
    # Without a name: what the file itself defines, not what it imports to build on.
    found = [thing for thing in found if (thing.__name__ == name if name else thing.__module__ == module.__name__)]
    if not found:
        raise BotRefused("BOT_CLASS_MISSING", "No subclass of BotBase is there.", bot=place, name=name)
    if len(found) > 1:
        names = ",".join(thing.__name__ for thing in found)
        raise BotRefused("BOT_CLASS_AMBIGUOUS", "Several bots are there: name one.", bot=place, names=names)
    if isabstract(found[0]):
        missing = ",".join(sorted(found[0].__abstractmethods__))
        raise BotRefused("BOT_CLASS_ABSTRACT", "The bot lacks a method.", bot=place, missing=missing)
    return found[0]


def maker(
    bot_class: type[BotBase], config: Mapping[str, Any], secrets: Mapping[str, str] = _NO_SECRETS
) -> Callable[[BotContext], BotBase]:
    """What ``BotHost`` builds the bot with; the parameters are checked now. Raises BotRefused BOT_PARAM_NOT_VALID."""
    checked = check_config(bot_class, config)
    return lambda ctx: bot_class(checked, secrets, ctx)


def check_config(bot_class: type[BotBase], config: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the bot's own type
    """The bot's parameters as it takes them: its ``Config``, unknown names refused, or the mapping as it is."""
    kind = bot_class.Config
    if kind is None:
        return dict(config)
    strange = sorted(set(config) - set(kind.__struct_fields__))
    if strange:
        known = ",".join(kind.__struct_fields__)
        raise BotRefused("BOT_PARAM_NOT_VALID", "The bot has no such parameter.", param=str(strange[0])[:64], known=known)
    try:
        return msgspec.convert(dict(config), kind, strict=False)
    except (msgspec.ValidationError, ValueError, TypeError) as error:
        raise BotRefused("BOT_PARAM_NOT_VALID", "A parameter of the bot is not valid.", problem=str(error)[:200]) from error


def _parted(where: str) -> tuple[str, str]:
    place, colon, name = where.rpartition(":")
    return (place, name) if colon and name.isidentifier() else (where, "")


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise BotRefused("BOT_NOT_FOUND", "There is no such file.", bot=str(path))
    where = path.resolve()
    # A name of its own for each path: two bots may be called bot.py. Sweeps load it again by the same name.
    name = f"tradepit_bot_{blake2b(str(where).encode(), digest_size=6).hexdigest()}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, where)
    if spec is None or spec.loader is None:
        raise BotRefused("BOT_NOT_IMPORTABLE", "The file is no Python module.", bot=str(path))
    module = importlib.util.module_from_spec(spec)
    former = sys.modules.get(name)
    sys.modules[name] = module
    sys.path.insert(0, str(where.parent))
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        sys.modules.pop(name, None)
        if former is not None:
            sys.modules[name] = former
        if isinstance(error, KeyboardInterrupt):
            raise
        raise BotRefused("BOT_NOT_IMPORTABLE", "The bot's file cannot be imported.", bot=str(path), error=_told(error)) from error
    finally:
        sys.path.remove(str(where.parent))
    return module


def _import_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise BotRefused(
                "BOT_NOT_IMPORTABLE", "The bot's module cannot be imported.", bot=name, error=_told(error)
            ) from error
        raise BotRefused("BOT_NOT_FOUND", "There is no such module.", bot=name[:100]) from error
    except Exception as error:
        raise BotRefused("BOT_NOT_IMPORTABLE", "The bot's module cannot be imported.", bot=name, error=_told(error)) from error


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]
