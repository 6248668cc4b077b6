"""The trading gateway of a house with a real broker, over the login of its process."""

from collections.abc import Callable

from tradepit.compose.wiring import Wiring
from tradepit.runtime.ids import new_id
from tradepit.services.broker_gateway import BrokerGateway
from tradepit.trading.calendar.trading_calendar import load_calendar


def make_broker_gateway(wiring: Wiring, instance: str, on_failure: Callable[[BaseException], None]) -> BrokerGateway:
    """A gateway on the settings' broker. Raises ConfigError."""
    return BrokerGateway(
        broker=wiring.broker(),
        market=wiring.market(),
        bus=wiring.bus(),
        clock=wiring.clock,
        exchange_clock=wiring.exchange_clock(),
        calendar=load_calendar(),
        venue=wiring.settings.broker,
        instance=instance,
        run_id=new_id("R"),
        on_failure=on_failure,
    )
