"""What the profile ``platform`` stands on, private to one measurement."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from tradepit.config import Settings
from tradepit.trading.model.errors import ConfigError


@contextmanager
def platform_of(settings: Settings, folder: Path) -> Iterator[Settings]:
    """The settings as profile ``platform`` on a Kafka, a Valkey and a PostgreSQL of its own, which run while the block does.

    Raises Unavailable, with what to install, and ConfigError.
    """
    try:
        from tradepit.cli.servers.kafka import KafkaServer, jar_folders  # noqa: PLC0415 - only where it is measured
        from tradepit.cli.servers.postgres import PostgresServer  # noqa: PLC0415 - likewise
        from tradepit.cli.servers.valkey import ValkeyServer  # noqa: PLC0415 - likewise
    except ModuleNotFoundError as error:
        raise ConfigError("a library is missing: pip install 'tradepit[kafka,redis,sql]'", missing=error.name) from error
    with ExitStack() as stack:
        kafka = stack.enter_context(KafkaServer(folder / "kafka", jar_folders()))
        valkey = stack.enter_context(ValkeyServer())
        postgres = stack.enter_context(PostgresServer())
        yield msgspec.structs.replace(settings, profile="platform", platform_bus=kafka.url, cache=valkey.url, store=postgres.url)
