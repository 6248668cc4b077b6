"""The doctor's check of the bot platform's bus: whether Kafka can be reached, and has what the profile needs."""

import msgspec

from tradepit.cli.doctor_surroundings import check_bus
from tradepit.cli.finding import Finding, ok
from tradepit.config import Settings


def check_platform_bus(settings: Settings) -> Finding:
    """Who answers where the bot platform's topics are."""
    if not settings.platform_bus:
        return ok("the same as bus")
    return check_bus(msgspec.structs.replace(settings, bus=settings.platform_bus))
