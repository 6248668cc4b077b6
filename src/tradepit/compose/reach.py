"""Whether a server lets us in, without leaving anything there: for whoever looks at the surroundings before a start."""

from tradepit.compose.wiring import extra


async def reach_rabbitmq(url: str, *, timeout_s: float) -> None:
    """Connect to RabbitMQ and leave again. Raises Unavailable, ConfigError (no such user, no library)."""
    with extra("rabbitmq"):
        from tradepit.backends.bus.rabbitmq_link import RabbitmqLink  # noqa: PLC0415 - an extra
    link = RabbitmqLink(url, name="tradepit doctor", prepare=_nothing)
    try:
        await link.connect(timeout_s)
    finally:
        await link.close()


async def reach_kafka(url: str, *, timeout_s: float) -> int:
    """Ask Kafka which topics it has, and leave again; how many. Raises Unavailable, ConfigError (it refuses, no library)."""
    with extra("kafka"):
        from tradepit.backends.bus.kafka_link import KafkaLink  # noqa: PLC0415 - an extra
    link = KafkaLink(url, name="tradepit-doctor")
    try:
        await link.connect(timeout_s)
        return len(await link.topics(timeout_s))
    finally:
        await link.close()


async def _nothing(_: object) -> None:
    """There is nothing to declare."""
