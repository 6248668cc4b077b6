"""The contracts a house trades through SSI: their codes at the exchange, and what SSI lists them at on a day."""

from collections.abc import Mapping, Sequence
from datetime import date

from loguru import logger

from tradepit.backends.broker.ssi.frames import MasterRow
from tradepit.backends.broker.ssi.news import ToldLimits
from tradepit.backends.broker.ssi.terms import krx_symbol
from tradepit.trading.calendar.catalog import Catalog
from tradepit.trading.model.errors import ConfigError
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.terms import Exchange


class SsiContracts:
    """``symbols`` are the house's names. ``contracts`` has a contract and SSI's name for it, ``market`` its prices of the day, by them.

    SSI lists contracts on the morning of their day: ``awaits`` are those of which the day's own prices are not there yet, and
    ``unlisted`` those of which nothing is.
    """

    def __init__(self, catalog: Catalog, symbols: Sequence[str]) -> None:
        self._catalog, self._symbols = catalog, tuple(symbols)
        self.contracts: dict[str, tuple[Instrument, str]] = {}
        self.market: dict[str, MasterRow] = {}
        self.awaits: frozenset[str] = frozenset()
        self.unlisted: frozenset[str] = frozenset()

    @property
    def by_name(self) -> dict[str, Instrument]:
        """The contracts by either name."""
        return {name: each for each, wire in self.contracts.values() for name in (each.symbol, wire)}

    def code_of(self, symbol: str, day: int) -> str:
        """The exchange's code of what a contract's name means on a day (YYYYMMDD). Raises ConfigError, InstrumentNotFound."""
        listing = self._catalog.listing(self._catalog.product_of(symbol).product_id)
        if listing.product.exchange is not Exchange.HNX or not listing.krx_code:
            raise ConfigError("SSI's futures are those of HNX", symbol=symbol)
        return krx_symbol(listing.krx_code, self._catalog.contract_month(symbol, date.fromisoformat(str(day))))

    def codes(self, day: int) -> list[str]:
        """The codes of all contracts on a day. Raises as above."""
        return [self.code_of(symbol, day) for symbol in self._symbols]

    def learn(self, day: int, rows: Mapping[str, MasterRow]) -> None:
        """What SSI lists on a day, by either name. A contract that is not there stays as it was."""
        on = date.fromisoformat(str(day))
        told = {symbol: rows.get(self.code_of(symbol, day)) or rows.get(symbol) for symbol in self._symbols}
        listed = {symbol: row for symbol, row in told.items() if row is not None and row.ref_price > 0}
        for symbol, row in listed.items():
            self.market[symbol] = row
            self.contracts[symbol] = (self._catalog.instrument(symbol, on=on, listing_price=row.ref_price), row.symbol)
        awaits = frozenset(symbol for symbol in self._symbols if symbol not in listed or listed[symbol].ceiling <= 0)
        if awaits and awaits != self.awaits:
            logger.warning("ssi: not listed on {} yet: {}", day, ", ".join(sorted(awaits)))
        self.awaits, self.unlisted = awaits, frozenset(self._symbols) - listed.keys()

    def learn_limits(self, told: ToldLimits) -> None:
        """A contract's day as the market tells it, under SSI's name for the contract."""
        for symbol, (_, name) in self.contracts.items():
            if name == told.symbol:
                self.market[symbol] = MasterRow(symbol=name, ceiling=told.ceiling, floor=told.floor, ref_price=told.reference)
