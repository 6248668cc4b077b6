"""A private Apache Kafka for tests, from the jars that ``make servers`` has brought."""

import os
from pathlib import Path

from tradepit.cli.servers.kafka import JARS_VARIABLE
from tradepit.cli.servers.kafka import KafkaServer as _KafkaServer

JARS = Path(os.environ.get(JARS_VARIABLE, Path(__file__).parent / "kafka_jars"))


class KafkaServer(_KafkaServer):
    """Apache Kafka in a folder of its own."""

    def __init__(self, folder: Path, *, creates_topics: bool = True, login: bool = False) -> None:
        super().__init__(folder, (JARS,), creates_topics=creates_topics, login=login)
