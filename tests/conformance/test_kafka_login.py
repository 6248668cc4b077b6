"""The bus on a Kafka that wants a login and makes no topics by itself."""

from collections.abc import Iterator

import pytest
from tests.bus_outages import CHANNELS, EVENTS, WORK, Collected
from tests.patience import PATIENCE_S
from tests.servers.kafka import KafkaServer

from tradepit.backends.bus.kafka import KafkaBus
from tradepit.cli.doctor_platform import check_platform_bus
from tradepit.cli.finding import Outcome
from tradepit.config import Settings
from tradepit.ports.bus import Message
from tradepit.trading.model.errors import ConfigError


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    with KafkaServer(tmp_path_factory.mktemp("kafka"), creates_topics=False, login=True) as server:
        yield server


async def test_with_the_password_everything_works_and_topics_are_made(guarded: KafkaServer) -> None:
    bus, events, work = KafkaBus(guarded.url, name="login", channels=CHANNELS), Collected(PATIENCE_S), Collected(PATIENCE_S)
    await bus.connect()
    try:
        await bus.subscribe(EVENTS, events)
        await bus.subscribe(WORK, work, group="desk")
        await bus.publish("trades.executed", b"1")
        await bus.publish("orders.algo.twap", b"2")
        assert await events.until(1) == [b"1"]
        assert await work.until(1) == [b"2"]

        async def echo(message: Message) -> bytes:
            return message.payload

        await bus.serve("rpc.echo", echo)
        assert await bus.request("rpc.echo", b"3", timeout_s=PATIENCE_S) == b"3"
    finally:
        await bus.close()


async def test_without_it_nobody_is_let_in_and_is_told_so(guarded: KafkaServer) -> None:
    wrong = guarded.url.replace(guarded.password, "guessed")
    bus = KafkaBus(wrong, name="wrong", channels=CHANNELS)
    with pytest.raises(ConfigError) as caught:
        await bus.connect()
    assert "guessed" not in str(caught.value)
    await bus.close()


def test_the_doctor_knows_the_difference(guarded: KafkaServer) -> None:
    good = check_platform_bus(Settings(platform_bus=guarded.url))
    assert (good.outcome, guarded.password in good.seen) == (Outcome.OK, False)
    bad = check_platform_bus(Settings(platform_bus=guarded.url.replace(guarded.password, "guessed")))
    assert bad.outcome is Outcome.FAIL
    assert "refuses" in bad.seen
