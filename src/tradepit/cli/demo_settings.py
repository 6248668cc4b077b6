"""The demo's house: two index futures, agents that make them move, one trader with a deep purse."""

from decimal import Decimal
from pathlib import Path

from tradepit.config import (
    AccountSettings,
    AgentSettings,
    ContractSettings,
    ExchangeSettings,
    LogSettings,
    MarketSettings,
    MonitorSettings,
    OrderSettings,
    Settings,
)
from tradepit.services.trading_agents import AgentRow
from tradepit.trading.model.tick import Tick
from tradepit.wire.simulator_codec import to_iso

TRADER = "A1"
_CONTRACTS = (
    ContractSettings(symbol="IF2501", reference=Decimal(4500)),
    ContractSettings(symbol="IC2501", reference=Decimal(6200)),
)
# A Monday morning on which both contracts trade; the house lives through it at any hour of yours.
_OPENS_AT = "2025-01-06T10:00:00+08:00"
# The exchange is there a moment before its first tick.
_LEAD_NS = 1_000_000_000
_KINDS = (("market_maker", "MM"), ("market_maker", "MK"), ("noise", "NX"), ("noise", "NY"), ("momentum", "MO"))
_RISK = {
    "rate": {"orders_per_s": 200, "order_burst": 400, "cancels_per_s": 400, "cancel_burst": 800},
    "position_limit": {"max_long": 2000, "max_short": 2000},
    "working_cap": {"max_per_symbol": 200, "max_per_account": 400},
}


def demo_settings(*, seed: int, monitor_port: int = 0) -> Settings:
    """A generated market in profile ``pit``; every port is free to choose, every file in the demo's folder."""
    rows = tuple(
        AgentRow(kind=kind, name=f"{short}-{contract.symbol}", account=f"{short}-{contract.symbol}", symbol=contract.symbol)
        for contract in _CONTRACTS
        for kind, short in _KINDS
    )
    return Settings(
        profile="pit",
        exchange=ExchangeSettings(contracts=_CONTRACTS, accounts=_accounts(rows), starts_at=_OPENS_AT),
        orders=OrderSettings(default_account=TRADER, risk=_RISK),
        market=MarketSettings(symbols=tuple(contract.symbol for contract in _CONTRACTS), seed=seed),
        agents=AgentSettings(rows=rows, orders_per_s=40.0, seed=seed),
        monitor=MonitorSettings(port=monitor_port),
        log=LogSettings(level="WARNING"),
    )


def replay_settings(file: Path, first: Tick, *, speed: float, monitor_port: int = 0) -> Settings:
    """A house whose exchange lives through recorded ticks; the trader is its only client. ``first`` is the recording's first tick."""
    contract = ContractSettings(symbol=first.symbol, reference=first.pre_settlement)
    exchange = ExchangeSettings(
        contracts=(contract,), accounts=_accounts(()), time="ticks", starts_at=to_iso(first.time_ns - _LEAD_NS)
    )
    return Settings(
        profile="pit",
        exchange=exchange,
        orders=OrderSettings(default_account=TRADER, risk=_RISK),
        market=MarketSettings(source="replay", file=str(file), speed=speed, symbols=(first.symbol,)),
        monitor=MonitorSettings(port=monitor_port),
        log=LogSettings(level="WARNING"),
    )


def _accounts(rows: tuple[AgentRow, ...]) -> tuple[AccountSettings, ...]:
    trader = AccountSettings(account=TRADER, deposit=Decimal(1_000_000_000))
    return (trader, *(AccountSettings(account=row.account, deposit=Decimal(200_000_000)) for row in rows))
