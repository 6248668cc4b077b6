"""A bot's place in a runner: its lives one after another, what it is told to do, and how it fares."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from loguru import logger

from tradepit.bots.live.figures import BotFigures
from tradepit.bots.live.life import BotLife
from tradepit.bots.live.look import Look
from tradepit.bots.live.parts import Parts
from tradepit.bots.live.settings import BotRow
from tradepit.runtime.redaction import Redactor
from tradepit.runtime.tasks import TaskGroup
from tradepit.trading.model.errors import ConfigError, TradepitError
from tradepit.wire.bots import BotCommand, BotHeartbeat
from tradepit.wire.simulator_codec import to_iso

_SILENT_S = 10.0


class BotSeat:
    """Starting, stopping and reloading wait for one another; all else is told at once. Nothing of one bot's comes out of here."""

    def __init__(self, row: BotRow, parts: Parts) -> None:
        self.row, self.figures = row, BotFigures()
        self._parts = parts
        self._lock = asyncio.Lock()
        self._tasks = TaskGroup(f"seat of {row.bot_id}")
        self._beginning: asyncio.Task[None] | None = None
        self._ended = Look()
        self._override: dict[str, Any] | None = None
        self._keeping = self._reloading = self.stuck = False
        self.life: BotLife | None = None

    @property
    def look(self) -> Look:
        """How it fares: the living one's last word, or how the last life ended."""
        if self.life is None:
            return self._ended
        look = self.life.look
        return msgspec.structs.replace(look, phase="starting") if look.phase == "new" else look

    @property
    def problem(self) -> str:
        """Why the bot does not do its work though it should; empty while it does."""
        look = self.look
        if self.stuck and self.life is not None:
            return f"a call has not returned for {self.life.busy_s:.0f} s"
        if self.life is not None and self.life.problem:
            return self.life.problem
        return look.reason or "error" if look.phase == "error" else ""

    @property
    def alive(self) -> bool:
        """True while a life goes on, well or not, or another one is about to begin."""
        return self.life is not None or self._reloading

    @property
    def answers(self) -> bool:
        """True while the bot tells how it fares and has no problem."""
        return self.life is not None and not self.problem and self.life.silent_s < _SILENT_S

    # Doing

    async def start(self) -> None:
        """Begin a life; returns once ``on_start`` did, or it failed (then ``problem`` says why). Nothing happens when one goes on."""
        async with self._lock:
            if self.life is not None:
                return
            self._beginning = self._tasks.spawn(self._begin(), "begin")
            await asyncio.wait({self._beginning})

    async def stop(self, reason: str, timeout_s: float) -> bool:
        """End the life, if there is one; False when that had to be forced."""
        if self._beginning is not None:
            # Whoever waits for the house is not waited for.
            self._beginning.cancel()
        async with self._lock:
            return await self._end(reason, timeout_s)

    async def reload(self, config: Mapping[str, Any] | None) -> None:
        """A new life, of the file as it is now; ``config`` are its parameters from here on."""
        if config is not None:
            self._override = dict(config)
        self._reloading = True
        try:
            await self.stop("reload", self._parts.settings.graceful_s)
            await self.start()
        finally:
            self._reloading = False

    async def obey(self, command: BotCommand) -> None:
        """Do what is commanded."""
        settings = self._parts.settings
        logger.info("bot {}: {} {}", self.row.bot_id, command.type, command.reason)
        if command.type == "stop":
            timeout_s = 0.0 if command.mode == "force" else command.timeout_ms / 1000 or settings.graceful_s
            await self.stop("stop-command", timeout_s)
        elif command.type == "reload":
            await self.reload(command.config)
        elif command.type == "start":
            if self.life is None:
                self._override = dict(command.config) if command.config is not None else self._override
                await self.start()
        elif self.life is not None and command.type == "pause":
            self.life.pause(command.reason or "pause-command")
        elif self.life is not None:
            self.life.resume()

    # Watching

    def watch(self) -> None:
        """See whether the bot's code returns; to be called a few times a second."""
        life = self.life
        if life is None:
            return
        stuck = life.busy_s > self._parts.settings.stuck_s
        if stuck and not self.stuck:
            self.figures.stuck_calls += 1
            logger.error("bot {}: a call has not returned for {:.1f} s", self.row.bot_id, life.busy_s)
        elif self.stuck and not stuck:
            logger.info("bot {}: the call has returned", self.row.bot_id)
        self.stuck = stuck

    def look_again(self) -> None:
        """Have the bot tell how it fares; to be called about once a second."""
        if self.life is not None:
            self.life.ask_for_look()

    def keep(self) -> None:
        """Have its memory kept, unless that is going on."""
        if self.life is not None and not self._keeping:
            self._keeping = True
            self._tasks.spawn(self._keep(self.life), "keep")

    def heartbeat(self) -> BotHeartbeat:
        """What is told of it."""
        look, figures = self.look, self.figures
        return BotHeartbeat(
            bot_id=self.row.bot_id,
            account_id=self.row.account,
            instance=self._parts.instance,
            phase=look.phase,
            time=to_iso(self._parts.clock.now_ns()),
            ok=self.answers,
            reason=self.problem or look.reason,
            ticks=figures.ticks,
            intents=sum(figures.intents.values()),
            exceptions=figures.exceptions,
            working=look.working,
            p95_tick_ms=figures.tick_ms(),
            pnl_realized=look.realized,
            pnl_unrealized=look.unrealized,
        )

    async def close(self) -> None:
        """Nothing goes on any more. Idempotent."""
        await self._tasks.stop()

    async def _keep(self, life: BotLife) -> None:
        try:
            await life.keep()
        finally:
            self._keeping = False

    async def _begin(self) -> None:
        life: BotLife | None = None
        try:
            self.life = life = BotLife(self.row, self._parts, self.figures, self._fenced)
            look = await life.begin(self._params())
        except TradepitError as error:
            self._tell_end(life, str(error))
        except Exception as error:  # noqa: BLE001 - a bot that cannot be begun must not end the others
            redactor = life.redactor if life is not None else Redactor()
            logger.patch(redactor.record).opt(exception=error).error("bot {} cannot be started", self.row.bot_id)
            self._tell_end(life, repr(error))
        else:
            self.figures.starts += 1
            if look.phase != "error":
                logger.info("bot {}: started, {} working orders, positions {}", self.row.bot_id, look.working, look.positions)
                return
            self._tell_end(life, look.reason)
        self.life = None
        if life is not None:
            await life.end("error", 0.0)

    def _tell_end(self, life: BotLife | None, reason: str) -> None:
        reason = (life.redactor.text(reason) if life is not None else reason)[:300]
        self._ended = Look(phase="error", reason=reason, ok=False)
        logger.error("bot {} did not start: {}", self.row.bot_id, reason)

    async def _end(self, reason: str, timeout_s: float) -> bool:
        life, self.life = self.life, None
        if life is None:
            if self._ended.phase == "starting":
                self._ended = Look(phase="stopped", reason=reason)
            return True
        forced = await life.end(reason, timeout_s)
        look = life.look
        told = "forced-stop" if forced else reason
        self._ended = msgspec.structs.replace(look, phase="stopped", reason=told, ok=not forced, working=0)
        self.figures.forced_stops += forced
        self.stuck = False
        logger.log("WARNING" if forced else "INFO", "bot {}: stopped ({})", self.row.bot_id, told)
        return not forced

    def _fenced(self) -> None:
        life, self.life = self.life, None
        if life is not None:
            self._ended = Look(phase="error", reason="STALE_EPOCH: another runner has taken this bot over", ok=False)
            logger.error("bot {}: another runner has taken it over", self.row.bot_id)
            self._tasks.spawn(self._leave(life), "fenced")

    async def _leave(self, life: BotLife) -> None:
        """The orders are the other runner's to look after."""
        await life.abandon()

    def _params(self) -> dict[str, Any]:
        """The mount's ``config.json``, the row's parameters over it, and over both what the last RELOAD brought."""
        found: dict[str, Any] = {}
        if self.row.mount:
            found |= read_config(Path(self.row.mount) / "config.json")
        return found | self.row.params | (self._override or {})


def read_config(path: Path) -> dict[str, Any]:
    """A bot's parameters from a file of JSON, none where there is no file. Raises ConfigError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError("the bot's config.json cannot be read", file=str(path), problem=str(error)[:200]) from error
