"""From settings to SSI's market data, over the login of the process's brokers."""

from collections.abc import Sequence

from tradepit.backends.broker.ssi_data_stream import SsiDataStream
from tradepit.backends.broker.ssi_feed import FeedTiming, SsiFeed
from tradepit.backends.broker.ssi_link import SsiLink
from tradepit.backends.broker.ssi_market import SsiMarket
from tradepit.backends.broker.ssi_v3 import SsiV3
from tradepit.config import SsiSettings
from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import ConfigError


def make_ssi_market(ssi: SsiSettings, link: SsiLink, clock: Clock) -> SsiMarket:
    """The market of the contracts that ``link`` trades; ``clock`` is the exchange's."""
    if not isinstance(link.dialect, SsiV3):
        raise ConfigError("there is no market data in this dialect of SSI's")
    rest = link.dialect.rest

    def open_stream(names: Sequence[str]) -> SsiDataStream:
        return SsiDataStream(ssi.stream_url, rest, names, clock, timeout_s=ssi.timeout_s)

    timing = FeedTiming(silent_s=ssi.silent_s, back_off_max_s=ssi.retry_max_s)
    return SsiMarket(link, SsiFeed(link, open_stream, clock, timing=timing))
