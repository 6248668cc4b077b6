"""The Data API, made of what the wiring gives."""

from tradepit.compose.wiring import Wiring
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.web.data_api import DataApi
from tradepit.web.data_meters import DataMeters
from tradepit.web.data_source import DataSource
from tradepit.web.recorded_past import RecordedPast


def make_data_api(wiring: Wiring, instance: str) -> DataApi:
    """One instance, ready to start. Raises ConfigError."""
    settings, meters = wiring.settings.data_api, DataMeters()
    past = RecordedPast(wiring.market_records()) if wiring.settings.store else None
    source = DataSource(
        wiring.cache(),
        wiring.series(),
        ExchangeDesk(wiring.bus()),
        past,
        load_calendar(),
        wiring.clock,
        wiring.exchange_clock(),
        meters,
    )
    return DataApi(source, meters, wiring.clock, host=settings.host, port=settings.port, instance=instance)
