"""Single-active: of several instances one serves; the others watch the lease and take over within a fraction of a second."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Protocol

import msgspec
from loguru import logger

from tradepit.ports.clock import Clock
from tradepit.ports.lease import Grant, Lease
from tradepit.trading.model.errors import TradepitError

_LONGEST_S = 3_600
Probe = Callable[[str], Awaitable[bool]]


class Standing(StrEnum):
    """Where an instance stands."""

    STANDBY = "STANDBY"
    ELECTING = "ELECTING"
    ACTIVE = "ACTIVE"


class LeaseTiming(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. ``refresh_s`` must be at most a third of ``ttl_s``: one lost refresh may not cost the lease.

    ``poll_s`` is how often a standby looks; ``probe_s`` how often it asks whether the holder's process still listens at all.
    """

    ttl_s: float = 0.3
    refresh_s: float = 0.08
    poll_s: float = 0.04
    probe_s: float = 0.02

    def __post_init__(self) -> None:
        if not 0 < self.refresh_s <= self.ttl_s / 3:
            raise ValueError("refresh_s must be above 0 and at most a third of ttl_s")
        if not (self.ttl_s <= _LONGEST_S and 0 < self.poll_s <= _LONGEST_S and 0 < self.probe_s <= _LONGEST_S):
            raise ValueError(f"times must be above 0 and at most {_LONGEST_S} s")


class Candidate(Protocol):
    """What takes part in the election."""

    async def become_active(self, epoch: int) -> None:
        """Recover, fence the former leader, then serve. Raising gives the lease back."""

    async def become_standby(self) -> None:
        """Stop serving and follow. Idempotent."""


class SingleActive:
    """Runs the election of one instance. ``is_active`` is honest after a pause: it looks at the clock, not at a flag.

    A holder is taken for dead when its grant has not changed for ``ttl_s`` by the observer's own clock, or when ``probe`` finds
    nobody listening under its name (a killed process loses its subscriptions at once, a paused one does not).
    """

    def __init__(
        self,
        lease: Lease,
        instance: str,
        candidate: Candidate,
        clock: Clock,
        *,
        timing: LeaseTiming | None = None,
        probe: Probe | None = None,
    ) -> None:
        self._lease, self._instance, self._candidate, self._clock = lease, instance, candidate, clock
        self._timing = timing or LeaseTiming()
        self._probe = probe
        self._grant: Grant | None = None
        self._good_until_ns = 0
        self._fenced = False
        self._in_office = False
        self._chance = random.Random(instance)  # noqa: S311 - spreads contenders, guards nothing
        self.standing = Standing.STANDBY
        self.leader = ""
        self.epoch = 0
        self.elections = 0

    @property
    def is_active(self) -> bool:
        """True while this instance holds an unexpired lease and has finished taking over."""
        return self.standing is Standing.ACTIVE and not self._fenced and self._clock.monotonic_ns() < self._good_until_ns

    async def run(self) -> None:
        """Take part until cancelled, whatever happens: a candidate that fails gives the lease back and tries again later."""
        while True:
            try:
                await self._lease.connect()
                await self._step_down()
                vacant = await self._watch()
                await self._try_to_lead(vacant)
            except Exception as error:  # noqa: BLE001 - an election that ended would leave the house without a leader
                logger.opt(exception=None if isinstance(error, TradepitError) else error).warning(
                    "{}: election interrupted: {}", self._instance, error
                )
                await self._give_up()
                await self._clock.sleep(self._timing.poll_s)

    async def resign(self) -> None:
        """Stop serving and hand the lease over at once; for a planned shutdown. Released even when stepping down raises."""
        grant = self._grant
        try:
            await self._step_down()
        finally:
            if grant is not None:
                try:
                    await self._lease.release(grant)
                except TradepitError as error:
                    logger.warning("{}: lease not released: {}", self._instance, error)

    def fence(self) -> None:
        """Another leader exists: stop being active from this instant; the election loop steps down properly."""
        self._fenced = True

    async def _give_up(self) -> None:
        try:
            await self.resign()
        except Exception as error:  # noqa: BLE001 - the next round steps down before it does anything else
            logger.opt(exception=error).error("{}: could not step down", self._instance)

    async def _watch(self) -> Grant | None:
        """Wait as a standby until the lease is free; the grant as it was last seen."""
        timing, seen, since_ns, probed_ns = self._timing, None, self._clock.monotonic_ns(), 0
        while True:
            grant = await self._lease.read()
            now_ns = self._clock.monotonic_ns()
            if grant is None or not grant.holder:
                return grant
            self.leader, self.epoch = grant.holder, max(self.epoch, grant.epoch)
            if grant.holder == self._instance:
                # A former life of this very instance: it cannot be serving.
                return grant
            if seen is None or grant.revision != seen.revision:
                seen, since_ns = grant, now_ns
            elif now_ns - since_ns > timing.ttl_s * 1e9:
                logger.info("{}: lease of {} expired", self._instance, grant.holder)
                return grant
            if self._probe is not None and now_ns - probed_ns > timing.probe_s * 1e9:
                probed_ns = now_ns
                if not await self._probe(grant.holder) and not await self._probe(grant.holder):
                    logger.info("{}: {} no longer listens", self._instance, grant.holder)
                    return grant
            await self._clock.sleep(min(timing.poll_s, timing.probe_s if self._probe else timing.poll_s))

    async def _try_to_lead(self, seen: Grant | None) -> None:
        self.standing = Standing.ELECTING
        started_ns = self._clock.monotonic_ns()
        grant = await self._lease.acquire(self._instance, seen=seen)
        if grant is None:
            self.standing = Standing.STANDBY
            await self._clock.sleep(self._timing.poll_s * self._chance.uniform(0.5, 1.0))
            return
        self._fenced, self._in_office = False, True
        self._hold(grant, started_ns)
        self.elections += 1
        logger.info("{}: took the lease, epoch {}", self._instance, grant.epoch)
        keeper = asyncio.get_running_loop().create_task(self._keep())
        taking_over = asyncio.get_running_loop().create_task(self._candidate.become_active(grant.epoch))
        try:
            # wait() leaves both tasks alone when we are cancelled, so a shutdown is never mistaken for a lost lease.
            await asyncio.wait({keeper, taking_over}, return_when=asyncio.FIRST_COMPLETED)
            if taking_over.done():
                taking_over.result()
                self.standing = Standing.ACTIVE
                logger.info("{}: active under epoch {}", self._instance, grant.epoch)
                await asyncio.wait({keeper})
        finally:
            keeper.cancel()
            taking_over.cancel()
            await asyncio.gather(keeper, taking_over, return_exceptions=True)
        await self._step_down()

    async def _keep(self) -> None:
        """Refresh until the lease is lost or too long could not be refreshed."""
        while self._grant is not None:
            await self._clock.sleep(self._timing.refresh_s)
            asked_ns = self._clock.monotonic_ns()
            try:
                grant = await self._lease.refresh(self._grant)
            except TradepitError as error:
                logger.warning("{}: lease not refreshed: {}", self._instance, error)
                if self._fenced or asked_ns > self._good_until_ns:
                    return
                continue
            if grant is None or self._fenced:
                logger.warning("{}: lost the lease", self._instance)
                return
            self._hold(grant, asked_ns)

    def _hold(self, grant: Grant, asked_ns: int) -> None:
        """The lease is good for its ttl from when the refresh was *asked*, not from when the answer was read."""
        self._grant, self.leader, self.epoch = grant, grant.holder, grant.epoch
        self._good_until_ns = asked_ns + int(self._timing.ttl_s * 1e9)

    async def _step_down(self) -> None:
        self.standing, self._grant, self._good_until_ns = Standing.STANDBY, None, 0
        if self._in_office:
            await self._candidate.become_standby()
            self._in_office = False
