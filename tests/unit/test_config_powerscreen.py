"""The bot platform's environment: every name does what its document says, and what it does not name stays."""

import msgspec
import pytest

from tradepit.compose.contracts import channels_of
from tradepit.config import Settings
from tradepit.config_powerscreen import is_powerscreen, redis_url, with_environment
from tradepit.services.powerscreen_settings import PowerScreenSettings
from tradepit.trading.model.errors import ConfigError

PRODUCER, CONSUMER = "powerscreen-producer", "powerscreen-consumer"


def test_roles_choose_the_profile() -> None:
    assert is_powerscreen([PRODUCER])
    assert is_powerscreen([CONSUMER + "-1", PRODUCER])
    assert not is_powerscreen([])
    assert not is_powerscreen([PRODUCER, "market-data"])
    assert with_environment(Settings(), [PRODUCER], {}) == msgspec.structs.replace(Settings(), profile="powerscreen")


def test_the_producers_names() -> None:
    environment = {
        "PRODUCER_KAFKA_BROKERS": "one:9092, two:9092",
        "PRODUCER_DEFAULT_TOPIC": "bot-orders",
        "PRODUCER_ADDR": ":8091",
        "PRODUCER_TOPIC": "ssi_ps_test",
        "PRODUCER_DATA_FILE": "day.txt",
        "CONSUMER_REDIS_ADDR": "elsewhere:1",
    }
    told = with_environment(Settings(), [PRODUCER + "-1"], environment)
    assert (told.bus, told.cache) == ("kafka://one:9092,two:9092", "memory")
    assert told.powerscreen == PowerScreenSettings(
        host="127.0.0.1", port=8091, default_topic="bot-orders", topic="ssi_ps_test", files=("day.txt",)
    )
    subjects = [channel.subject for channel in channels_of(told)]
    assert {"ssi_ps_test", "bot-orders", "bot.commands.*"} <= set(subjects)
    for topic in ("ssi_ps_test", "bot.commands.b1", ""):
        again = with_environment(Settings(), [PRODUCER], {**environment, "PRODUCER_DEFAULT_TOPIC": topic})
        assert len(channels_of(again)) == len(subjects) - 1


def test_the_consumers_names() -> None:
    environment = {
        "CONSUMER_KAFKA_BROKERS": "nats://127.0.0.1:4333",
        "CONSUMER_KAFKA_TOPIC": "t",
        "CONSUMER_KAFKA_GROUP": "g",
        "CONSUMER_REDIS_ADDR": "localhost:6380",
        "CONSUMER_METRIC_PREFIX": "hose",
        "CONSUMER_REDIS_STREAM_FMT": "live.%s",
        "PRODUCER_DEFAULT_TOPIC": "not for this one",
    }
    told = with_environment(Settings(), [CONSUMER], environment)
    assert (told.bus, told.cache) == ("nats://127.0.0.1:4333", "redis://localhost:6380/0")
    assert told.powerscreen == PowerScreenSettings(topic="t", group="g", key_format="hose:%s", stream_format="live.%s")
    assert (told.powerscreen.key("VCB"), told.powerscreen.stream("VCB")) == ("hose:VCB", "live.VCB")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PRODUCER_DEFAULT_TOPIC", "a b"),
        ("PRODUCER_DEFAULT_TOPIC", "orders.>"),
        ("PRODUCER_ADDR", "8090"),
        ("PRODUCER_ADDR", ":http"),
        ("PRODUCER_TOPIC", "*"),
        ("CONSUMER_KAFKA_GROUP", "a.b"),
        ("CONSUMER_REDIS_ADDR", "localhost"),
        ("CONSUMER_REDIS_ADDR", "user:secret@localhost:6379"),
        ("CONSUMER_REDIS_KEY_FMT", "ssi_ps"),
        ("CONSUMER_REDIS_KEY_FMT", "%s%s"),
        ("CONSUMER_REDIS_KEY_FMT", "ssi_ps_stream:%s"),
        ("CONSUMER_METRIC_PREFIX", "a b"),
    ],
)
def test_a_value_out_of_range_stops_the_start_and_is_not_shown_where_it_is_secret(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        with_environment(Settings(), [PRODUCER, CONSUMER], {name: value})
    assert "secret" not in str(caught.value)


def test_one_process_has_one_bus() -> None:
    environment = {"PRODUCER_KAFKA_BROKERS": "a:1", "CONSUMER_KAFKA_BROKERS": "b:1"}
    with pytest.raises(ConfigError, match="differ"):
        with_environment(Settings(), [PRODUCER, CONSUMER], environment)


def test_addresses_of_redis() -> None:
    assert redis_url(":6379", "X") == "redis://127.0.0.1:6379/0"
    assert redis_url("rediss://:pw@host:1/2", "X") == "rediss://:pw@host:1/2"


def test_beside_a_house_the_brokers_are_the_platforms() -> None:
    beside = Settings(platform_bus="kafka://house:9092")
    told = with_environment(beside, [CONSUMER], {"CONSUMER_KAFKA_BROKERS": "other:9092", "CONSUMER_REDIS_ADDR": "r:1"})
    assert (told.bus, told.platform_bus, told.cache) == (beside.bus, "kafka://other:9092", "redis://r:1/0")
    alone = with_environment(Settings(), [CONSUMER], {"CONSUMER_KAFKA_BROKERS": "nats://n:4222"})
    assert (alone.bus, alone.platform_bus, alone.cache) == ("nats://n:4222", "", "nats")
