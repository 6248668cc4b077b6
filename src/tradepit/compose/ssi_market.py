"""From settings to SSI's market data, over the logins of the process's brokers."""

from collections.abc import Sequence

from tradepit.backends.broker.ssi.data_stream import SsiDataStream
from tradepit.backends.broker.ssi.feed import FeedTiming, SsiFeed, Stream
from tradepit.backends.broker.ssi.history import ToldBar, v2_bars, v3_bars
from tradepit.backends.broker.ssi.link import SsiLink
from tradepit.backends.broker.ssi.market import SsiMarket
from tradepit.backends.broker.ssi.v2.data_stream import SsiV2DataStream
from tradepit.backends.broker.ssi.v2.dialect import SsiV2
from tradepit.backends.broker.ssi.v3 import SsiV3
from tradepit.ports.clock import Clock
from tradepit.runtime.ssi_settings import SsiSettings


def make_ssi_market(ssi: SsiSettings, link: SsiLink, clock: Clock) -> SsiMarket:
    """The market of the contracts that ``link`` trades; ``clock`` is the exchange's."""
    dialect = link.dialect

    def open_stream(names: Sequence[str]) -> Stream:
        if isinstance(dialect, SsiV2):
            return SsiV2DataStream(ssi.data_stream_url, dialect.prices.data, names, clock, timeout_s=ssi.timeout_s)
        assert isinstance(dialect, SsiV3)  # noqa: S101 - there are two
        return SsiDataStream(dialect.stream_url, dialect.rest, names, clock, timeout_s=ssi.timeout_s)

    async def history(code: str, trading_day: int) -> Sequence[ToldBar]:
        if isinstance(dialect, SsiV2):
            return await v2_bars(dialect.prices.data, code, trading_day)
        assert isinstance(dialect, SsiV3)  # noqa: S101 - there are two
        return await v3_bars(dialect.rest, code, trading_day)

    timing = FeedTiming(silent_s=ssi.silent_s, back_off_max_s=ssi.retry_max_s)
    return SsiMarket(link, SsiFeed(link, open_stream, clock, timing=timing), history, clock)
