"""``tradepit roles`` and ``tradepit contracts``: who does what, and over which channels."""

from collections.abc import Sequence
from typing import Literal

from tradepit.cli.output import print_json, print_table
from tradepit.ports.bus import Channel
from tradepit.profiles.catalogue import roles_of
from tradepit.profiles.role import Role
from tradepit.wire.simulator import CHANNELS, rpc_subject

BrokerName = Literal["simulated", "tqsdk", "ssi"]


def roles(profile: str = "pit", *, broker: BrokerName = "simulated", json: bool = False) -> int:
    """List the roles of a profile: instances, processes, purpose. With a real broker a house has no exchange of its own."""
    rows = roles_of(profile, broker)
    if json:
        print_json(
            [
                {
                    "role": role.name,
                    "replicas": role.replicas,
                    "processes": sorted({role.process_of(number) for number in range(1, role.replicas + 1)}),
                    "purpose": role.purpose,
                }
                for role in rows
            ]
        )
    else:
        print_table(
            f"Roles of profile {profile}",
            ("role", "instances", "process", "purpose"),
            [(role.name, role.replicas, role.process, role.purpose) for role in rows],
        )
    return 0


def contracts(profile: str = "pit", *, broker: BrokerName = "simulated", json: bool = False) -> int:
    """List the channels and RPC methods of a profile: subject, delivery, durability, who publishes and consumes."""
    rows = roles_of(profile, broker)
    channels = [
        {
            "channel": channel.name,
            "subject": channel.subject,
            "delivery": channel.delivery.value,
            "durable": channel.durable,
            "published_by": [role.name for role in rows if channel in role.publishes],
            "consumed_by": [role.name for role in rows if channel in role.consumes],
        }
        for channel in _channels(rows)
    ]
    methods = [
        {"service": role.name, "method": method, "subject": rpc_subject(role.name, method)}
        for role in rows
        for method in role.serves
    ]
    if json:
        print_json({"channels": channels, "rpc": methods})
        return 0
    print_table(
        "Channels",
        ("subject", "delivery", "durable", "published by", "consumed by"),
        [
            (
                row["subject"],
                row["delivery"],
                "yes" if row["durable"] else "no",
                ", ".join(map(str, row["published_by"])),  # type: ignore[arg-type]  # the rows mix texts and lists
                ", ".join(map(str, row["consumed_by"])),  # type: ignore[arg-type]  # the rows mix texts and lists
            )
            for row in channels
        ],
    )
    print_table("RPC", ("subject",), [(row["subject"],) for row in methods])
    return 0


def _channels(rows: Sequence[Role]) -> Sequence[Channel]:
    """The contract's own order where the rows are the simulator's; else what the rows name."""
    named = dict.fromkeys(channel for role in rows for channel in (*role.consumes, *role.publishes))
    return CHANNELS if named.keys() <= set(CHANNELS) else tuple(named)
