"""Kafka's URL, its errors as ours, and what can be a topic."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from tradepit.backends.bus.kafka_link import KafkaLink, check_topic, error_of, pattern_of, translated
from tradepit.trading.model.errors import BadRequest, ConfigError, PayloadTooLarge, TimedOut, TradepitError, Unavailable


def test_a_url_names_brokers_and_how_the_line_is_kept_secret() -> None:
    told = KafkaLink("kafka://one:9092,two:9093?security.protocol=SSL&ssl.ca.location=/ca.pem", name="me").settings(
        {"acks": "all"}
    )
    assert told["bootstrap.servers"] == "one:9092,two:9093"
    assert (told["security.protocol"], told["ssl.ca.location"], told["acks"]) == ("SSL", "/ca.pem", "all")
    login = KafkaLink("kafka://me:p%40ss@one:9092?sasl.mechanism=SCRAM-SHA-512", name="me").settings({})
    assert (login["sasl.username"], login["sasl.password"], login["sasl.mechanism"]) == ("me", "p@ss", "SCRAM-SHA-512")
    assert login["security.protocol"] == "SASL_SSL"  # a password is not sent in the clear unless somebody says so


@pytest.mark.parametrize(
    "url",
    [
        "kafka://", "kafka://one", "kafka://one:x", "kafka://one:0", "kafka://one:99999", "kafka://one:9092,two", "nats://one:1",
        "kafka://one:9092/topic", "kafka://one:9092?bootstrap.servers=evil:1", "kafka://me:secret@one",
    ],
)  # fmt: skip
def test_another_url_is_refused_and_keeps_its_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        KafkaLink(url, name="me")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError.MSG_SIZE_TOO_LARGE, PayloadTooLarge),
        (KafkaError.TOPIC_EXCEPTION, BadRequest),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, ConfigError),
        (KafkaError.SASL_AUTHENTICATION_FAILED, ConfigError),
        (KafkaError._MSG_TIMED_OUT, TimedOut),
        (KafkaError.REQUEST_TIMED_OUT, TimedOut),
        (KafkaError.NOT_ENOUGH_REPLICAS, Unavailable),
        (KafkaError._TRANSPORT, Unavailable),
    ],
)
def test_each_of_kafkas_errors_is_one_of_ours(code: int, kind: type[TradepitError]) -> None:
    assert type(error_of(KafkaError(code), subject="a")) is kind
    with pytest.raises(kind), translated(subject="a"):
        raise KafkaException(KafkaError(code))


@pytest.mark.parametrize("subject", ["", ".", "..", "a b", "a/b", "é", "a*", "x" * 250])
def test_what_can_be_no_topic_is_refused(subject: str) -> None:
    with pytest.raises(BadRequest):
        check_topic(subject)


def test_a_subject_matches_topics_token_by_token() -> None:
    pattern = pattern_of("orders.intent.account.*.*")
    assert pattern.fullmatch("orders.intent.account.A1.b_1-x")
    for other in ("orders.intent.account.A1", "orders.intent.account.A1.b.c", "ordersXintent.account.A1.b"):
        assert not pattern.fullmatch(other)


async def test_nothing_is_asked_before_it_is_connected() -> None:
    link = KafkaLink("kafka://127.0.0.1:9", name="me")
    with pytest.raises(Unavailable):
        await link.topics()
    with pytest.raises(Unavailable):
        await link.ensure("a")
    await link.close()
