"""From settings to SSI's market data, over the logins of the process's brokers."""

from collections.abc import Sequence

from tradepit.backends.broker.ssi_data_stream import SsiDataStream
from tradepit.backends.broker.ssi_feed import FeedTiming, SsiFeed, Stream
from tradepit.backends.broker.ssi_link import SsiLink
from tradepit.backends.broker.ssi_market import SsiMarket
from tradepit.backends.broker.ssi_v2 import SsiV2
from tradepit.backends.broker.ssi_v2_data_stream import SsiV2DataStream
from tradepit.backends.broker.ssi_v3 import SsiV3
from tradepit.ports.clock import Clock
from tradepit.runtime.ssi_settings import SsiSettings
from tradepit.trading.model.errors import ConfigError


def make_ssi_market(ssi: SsiSettings, link: SsiLink, clock: Clock) -> SsiMarket:
    """The market of the contracts that ``link`` trades; ``clock`` is the exchange's."""
    dialect = link.dialect

    def open_stream(names: Sequence[str]) -> Stream:
        if isinstance(dialect, SsiV3):
            return SsiDataStream(dialect.stream_url, dialect.rest, names, clock, timeout_s=ssi.timeout_s)
        if isinstance(dialect, SsiV2):
            return SsiV2DataStream(ssi.data_stream_url, dialect.prices.data, names, clock, timeout_s=ssi.timeout_s)
        raise ConfigError("this dialect of SSI's has no market data")

    timing = FeedTiming(silent_s=ssi.silent_s, back_off_max_s=ssi.retry_max_s)
    return SsiMarket(link, SsiFeed(link, open_stream, clock, timing=timing))
