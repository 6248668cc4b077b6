"""The writer of order records, with what goes on beside it."""

from collections.abc import Callable

from tradepit.compose.wiring import Wiring
from tradepit.ports.trading_records import TradingRecords
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.services.order_records import OrderRecords
from tradepit.services.record_alerts import RecordAlerts
from tradepit.services.record_retention import Kept, RecordRetention
from tradepit.services.record_settings import RecordSettings
from tradepit.services.record_sidelines import Sideline
from tradepit.services.record_statements import RecordStatements


def make_order_records(wiring: Wiring, instance: str, on_failure: Callable[[BaseException], None]) -> OrderRecords:
    """The service, ready to start. Only the house's own exchange makes statements. Raises ConfigError."""
    settings, bus, records = wiring.settings, wiring.bus(), wiring.trading_records()
    sidelines: list[Sideline] = [
        RecordAlerts(records, bus, wiring.clock, flush_s=settings.records.flush_s),
        RecordRetention(_kept(records, settings.records), wiring.clock, wiring.clock.now_ns),
    ]
    if settings.broker == "simulated":
        sidelines.append(RecordStatements(records, ExchangeDesk(bus), wiring.clock, look_s=settings.records.look_s))
    return OrderRecords(
        wiring.journal("orders"), records, wiring.clock, settings.records, instance, sidelines, on_failure=on_failure
    )


def _kept(records: TradingRecords, settings: RecordSettings) -> list[Kept]:
    return [
        Kept("orders", settings.orders_days, lambda instant_ns: records.drop_before("orders", instant_ns)),
        Kept("risk_events", settings.risk_events_days, lambda instant_ns: records.drop_before("risk_events", instant_ns)),
    ]
