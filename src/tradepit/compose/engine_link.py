"""A bot runner's way to a broker connect: RabbitMQ, Redis and PostgreSQL as its ``config.yaml`` names them."""

from collections.abc import Callable
from pathlib import Path

from tradepit.bots.engine import TqBrokerClient
from tradepit.bots.live.engine_taker import EngineTaker
from tradepit.bots.live.settings import RunnerSettings
from tradepit.compose.contracts import contract_of
from tradepit.compose.wiring import Wiring
from tradepit.config_tq import load_tq
from tradepit.ports.clock import Clock
from tradepit.runtime.ids import new_id
from tradepit.trading.calendar.catalog import Catalog
from tradepit.trading.model.errors import ConfigError


class EngineLink(EngineTaker):
    """An ``EngineTaker`` that opens what it stands on, and closes it. Raises ConfigError."""

    def __init__(self, settings: RunnerSettings, catalog: Catalog, clock: Clock) -> None:
        if not settings.engine:
            raise ConfigError("bots.runner.engine: name the broker connect's config.yaml")
        connect = load_tq(Path(settings.engine))
        told = connect.settings()
        wiring = Wiring(told, process="bots", secrets=connect.secrets())
        self._bus, self._cache, self._store = wiring.bus(), wiring.cache(), wiring.store()
        engine = TqBrokerClient(
            self._bus,
            self._cache,
            self._store,
            clock,
            contract=contract_of(told),
            portfolio_id=connect.portfolio_id,
            new_id=lambda: new_id("E"),
        )
        super().__init__(
            engine,
            clock,
            code_of=lambda symbol: f"{catalog.product_of(symbol).exchange.value}.{symbol}",
            timeout_s=settings.intent_s,
        )

    async def start(self, on_refusal: Callable[[str, str, str], None]) -> None:
        """Connect. Raises Unavailable, ConfigError. Refusals that nobody waits for come as the exchange's reports."""
        del on_refusal
        for link in (self._bus, self._cache, self._store):
            await link.connect()

    async def stop(self) -> None:
        """Disconnect. Idempotent."""
        for link in (self._store, self._cache, self._bus):
            await link.close()
