"""A private RabbitMQ for tests."""

from tradepit.cli.servers.rabbitmq import RabbitmqServer

__all__ = ["RabbitmqServer"]
