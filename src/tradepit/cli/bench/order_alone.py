"""The order path with order management and exchange in one process, talking by direct dispatch: what is left without a network."""

import asyncio
import gc
import itertools
import tempfile
from collections.abc import Awaitable, Callable

import msgspec

from tradepit.cli.bench.figures import Spread, spread
from tradepit.cli.bench.pacer import schedule
from tradepit.compose.roles import make_service
from tradepit.compose.wiring import Wiring
from tradepit.config import Settings
from tradepit.ports.bus import Bus
from tradepit.runtime.eager import Started
from tradepit.runtime.service import Service
from tradepit.trading.model.errors import TradepitError
from tradepit.wire.simulator import ORDER_MANAGEMENT, rpc_subject

_RATES = (1_000, 5_000)
_TIMEOUT_S = 5.0


class Alone(msgspec.Struct, frozen=True, kw_only=True):
    """Microseconds: one order after another, and at a steady rate from the scheduled instant; ``failed``: refused or late."""

    closed_loop: Spread
    open_1k: Spread
    open_5k: Spread
    failed: int


def settle_memory() -> None:
    """What is loaded by now is not collected while something is measured: a service's host does the same once it has started."""
    gc.collect()
    gc.freeze()


async def measure_alone(
    settings: Settings, seconds: float, *, ready: Callable[[Wiring], Awaitable[None]], body: Callable[[str], bytes]
) -> Alone:
    """Each of the three loops runs ``seconds``. ``ready`` waits until the house takes orders."""
    with tempfile.TemporaryDirectory(prefix="tradepit-order-") as name:
        made = msgspec.structs.replace(settings, bus="memory://", lease="memory", cache="memory", data_dir=name)
        wiring = Wiring(made, process="bench")
        await wiring.bus().connect()
        services: list[Service] = []
        for instance in ("trading-gateway-1", "order-management-1"):
            service = make_service(wiring, instance, _raise)
            await service.start()
            services.append(service)
        await ready(wiring)
        settle_memory()
        loops = _Loops(wiring, body)
        closed = await loops.closed(seconds)
        steady = [await loops.steady(rate, seconds) for rate in _RATES]
        for service in reversed(services):
            await service.stop()
        await wiring.bus().close()
    return Alone(
        closed_loop=spread(closed, "µs"), open_1k=spread(steady[0], "µs"), open_5k=spread(steady[1], "µs"), failed=loops.failed
    )


class _Loops:
    def __init__(self, wiring: Wiring, body: Callable[[str], bytes]) -> None:
        self._bus: Bus = wiring.bus()
        self._clock, self._body = wiring.clock, body
        self._subject = rpc_subject(ORDER_MANAGEMENT, "buy")
        self._numbers = itertools.count(1)
        self.failed = 0

    async def closed(self, seconds: float) -> list[float]:
        """One order after another."""
        times: list[float] = []
        end_ns = self._clock.monotonic_ns() + int(seconds * 1e9)
        while (began_ns := self._clock.monotonic_ns()) < end_ns:
            await self._order(began_ns, times)
        return times

    async def steady(self, per_s: int, seconds: float) -> list[float]:
        """Orders when they are due, however long those before take."""
        times: list[float] = []
        waiting: set[asyncio.Task[None]] = set()
        async for due_ns in schedule(self._clock, per_s=per_s, seconds=seconds):
            started = Started(self._order(due_ns, times))
            if not started.finished:
                waiting.add(started.task)
                started.task.add_done_callback(waiting.discard)
        await asyncio.gather(*waiting)
        return times

    async def _order(self, since_ns: int, times: list[float]) -> None:
        try:
            reply = await self._bus.request(self._subject, self._body(f"alone-{next(self._numbers)}"), timeout_s=_TIMEOUT_S)
        except TradepitError:
            self.failed += 1
            return
        if b'"error"' in reply:
            self.failed += 1
        else:
            times.append((self._clock.monotonic_ns() - since_ns) / 1e3)


def _raise(error: BaseException) -> None:
    raise error
