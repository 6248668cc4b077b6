"""The gateway's settings."""

from typing import Annotated

import msgspec

from tradepit.trading.matching.faults import FaultPlan
from tradepit.trading.matching.venue_settings import VenueSettings

Positive = Annotated[int, msgspec.Meta(ge=1)]


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one gateway.

    ``name`` starts the message ids of published reports. ``venue`` are the settings of a venue that does not exist yet; one that
    does keeps those it was founded with. ``batch_commands`` is the most that one journal entry carries,
    ``queue_commands`` the most that may wait before new ones are refused, ``outbox_reports`` the most that may be unpublished
    before commands wait. ``snapshot_commands`` is how many commands a restart replays at most (a snapshot is also kept after
    each settlement and at a clean stop). ``reports_in_memory`` answers gap requests without reading the journal.
    ``max_jump_s`` bounds how far one tick may move an exchange driven by ticks.
    """

    name: str = "PIT"
    venue: VenueSettings = VenueSettings()
    batch_commands: Positive = 256
    queue_commands: Positive = 10_000
    outbox_reports: Positive = 1_000
    snapshot_commands: Positive = 200_000
    reports_in_memory: Positive = 100_000
    max_jump_s: Positive = 15 * 86_400
    faults: FaultPlan = FaultPlan()
