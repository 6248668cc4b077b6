"""The halt box: a folder in which a halt is kept until order management has carried it out. It needs no bus, no database, no leader."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from loguru import logger

from tradepit.trading.model.errors import BadRequest, DuplicateId
from tradepit.trading.model.ids import check_id
from tradepit.trading.model.terms import TradingState
from tradepit.wire.order_controls import StateReply
from tradepit.wire.simulator import StateRequest

_WISH, _ANSWER, _BAD = ".halt", ".answer", ".bad"
_ANSWERS_KEPT = 100
_READ = msgspec.json.Decoder(StateRequest)
_READ_ANSWER = msgspec.json.Decoder(StateReply)


class HaltBox:
    """Halts lie in the order in which they were put, each under its key: put twice it is one. All methods raise OSError.

    A wish to resume may lie here for as long as somebody waits for it, who takes it back when nobody has carried it out: it must not
    be carried out when everybody has forgotten it.

    What is in the box survives a power cut. Whoever can write to the folder can stop trading, so it is its owner's alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, wish: StateRequest, now_ns: int) -> None:
        """Keep a wish until it is answered. Raises IdNotValid for one without a key, BadRequest, DuplicateId.

        A data folder that does not exist is not made (FileNotFoundError): no house would ever look there.
        """
        check_id(wish.key, "key")
        if wish.state not in TradingState.__members__:
            raise BadRequest("state must be ACTIVE, REDUCING or HALTED", state=wish.state[:16])
        self._folder.mkdir(exist_ok=True, mode=0o700)
        known = next((each for _, each in self._wishes() if each.key == wish.key), None) or self.answered(wish.key)
        if known is not None:
            if (known.scope, known.state) != (wish.scope, wish.state):
                raise DuplicateId(key=wish.key)
            return
        self._write(self._folder / f"{now_ns:020d}-{wish.key}{_WISH}", msgspec.json.encode(wish))

    @property
    def changed_ns(self) -> int:
        """When something was last put or taken; looking at it costs next to nothing."""
        try:
            return self._folder.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def pending(self) -> list[StateRequest]:
        """Halts not carried out yet, oldest first. What cannot be read is put aside and logged."""
        return [wish for _, wish in self._wishes()]

    def answer(self, wish: StateRequest, reply: StateReply) -> None:
        """The halt was carried out: keep what came of it, and forget it."""
        self._write(self._answer_of(wish.key), msgspec.json.encode(reply))
        for path, known in self._wishes():
            if known.key == wish.key:
                path.unlink(missing_ok=True)
        for old in sorted(self._folder.glob(f"*{_ANSWER}"), key=_age)[:-_ANSWERS_KEPT]:
            old.unlink(missing_ok=True)

    def take_back(self, wish: StateRequest) -> None:
        """The wish is no more, unless it was carried out already."""
        for path, known in self._wishes():
            if known.key == wish.key:
                path.unlink(missing_ok=True)

    def put_aside(self, wish: StateRequest) -> None:
        """The halt can never be carried out: it stays, under another name, to be looked at."""
        for path, known in self._wishes():
            if known.key == wish.key:
                path.replace(path.with_suffix(_BAD))

    def answered(self, key: str) -> StateReply | None:
        """What came of a halt, None while it waits."""
        try:
            return _READ_ANSWER.decode(self._answer_of(key).read_bytes())
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def _answer_of(self, key: str) -> Path:
        return self._folder / f"{key}{_ANSWER}"

    def _wishes(self) -> Iterator[tuple[Path, StateRequest]]:
        for path in sorted(self._folder.glob(f"*{_WISH}")):
            try:
                yield path, _READ.decode(path.read_bytes())
            except FileNotFoundError:
                continue
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                logger.error("a halt cannot be read and is put aside: {} {}", path.name, error)
                path.replace(path.with_suffix(_BAD))

    def _write(self, path: Path, content: bytes) -> None:
        """Whole or not at all, and on the disk."""
        draft = path.with_suffix(f".{os.getpid()}")
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _age(path: Path) -> float:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime
    return 0.0
