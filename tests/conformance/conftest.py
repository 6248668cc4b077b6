"""Real servers and the table of backends for the conformance suites; a missing server fails, it never skips."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers.kafka import KafkaServer
from tests.servers.openbao import OpenbaoServer
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitmqServer
from tests.servers.valkey import ValkeyServer, find_timeseries

from tradepit.runtime.nats_server import NatsServer


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A private NATS server shared by the cases that leave it running."""
    with NatsServer(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture
def own_nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A private NATS server for a case that kills or freezes it."""
    with NatsServer(tmp_path / "nats") as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[ValkeyServer]:
    """A private Valkey shared by the cases that leave it running; each uses a numbered database of its own."""
    with ValkeyServer() as server:
        yield server


@pytest.fixture(scope="session")
def timeseries_server() -> Iterator[ValkeyServer]:
    """A private Valkey with the module RedisTimeSeries, shared; each case uses a numbered database of its own."""
    with ValkeyServer(module=find_timeseries()) as server:
        yield server


@pytest.fixture
def own_valkey_server() -> Iterator[ValkeyServer]:
    """A private Valkey for a case that kills or freezes it."""
    with ValkeyServer() as server:
        yield server


@pytest.fixture(scope="session")
def openbao_server() -> Iterator[OpenbaoServer]:
    """A private OpenBao with a key-value engine; a case that kills or seals it leaves it running again."""
    with OpenbaoServer() as server:
        server.enable_secrets()
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A private PostgreSQL shared by the cases that leave it running; each uses a database of its own."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="module")
def own_postgres_server() -> Iterator[PostgresServer]:
    """A private PostgreSQL for cases that kill or freeze it; each starts it again."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitmqServer]:
    """A private RabbitMQ server; a case that kills or freezes it leaves it running again."""
    with RabbitmqServer(tmp_path_factory.mktemp("rabbitmq")) as server:
        yield server


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A private Apache Kafka; a case that kills or freezes it leaves it running again."""
    with KafkaServer(tmp_path_factory.mktemp("kafka")) as server:
        yield server
