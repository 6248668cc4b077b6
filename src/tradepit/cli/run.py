"""``tradepit run ROLE…``: role instances in this process until SIGTERM."""

import sys
from collections.abc import Mapping, Sequence

import msgspec

from tradepit.cli.exits import Exit
from tradepit.cli.loop import run
from tradepit.compose.wiring import Wiring
from tradepit.config import Settings
from tradepit.profiles.catalogue import roles_of
from tradepit.runtime.host import Host
from tradepit.runtime.logs import set_up
from tradepit.trading.model.errors import ConfigError
from tradepit.wire.simulator import BOT_RUNNER

HOUSES = frozenset({"pit", "simulator", "platform"})


def run_roles(settings: Settings, names: Sequence[str], secrets: Mapping[str, str], *, whole: bool = False) -> int:
    """``names`` are instances (``order-management-2``) or roles (all of their instances); none: all of a profile.

    ``whole``: where the profile has several processes and no role is named, start them all, with a NATS server of their own. On a
    memory bus all of them are this process.
    """
    if whole and not names and settings.profile in HOUSES and not _alone(settings):
        from tradepit.cli.run_house import run_house  # noqa: PLC0415 - kept out of the processes that it starts

        return run_house(settings)
    names = names or _all_of(settings)
    process = _process_name(settings, names)
    set_up(
        process,
        level=settings.log.level,
        folder=settings.folder / "logs" if settings.log.files else None,
        # The broker connect's document says where its lines go.
        console=sys.stdout if settings.tq.service is not None else sys.stderr,
    )
    return run(_run(settings, names, process, secrets))


def in_profile(settings: Settings, profile: str) -> Settings:
    """The settings, of the profile that was asked for. Raises ConfigError where a broker connect's file has the shape of another."""
    if not profile or profile == settings.profile:
        return settings
    if settings.tq.service is not None:
        raise ConfigError(f"the file has the shape of profile {settings.profile}", profile=profile[:64])
    return msgspec.structs.replace(settings, profile=profile)


def _alone(settings: Settings) -> bool:
    """Whether nobody outside of this process can reach the bus."""
    return settings.bus.startswith("memory:")


def _all_of(settings: Settings) -> list[str]:
    roles = roles_of(settings.profile, settings.broker)
    if len({role.process for role in roles}) > 1 and not _alone(settings):
        raise ConfigError(f"name at least one role; `tradepit roles {settings.profile}` lists them", profile=settings.profile)
    bots = {BOT_RUNNER} if settings.bots.rows else set()
    wanted = [role for role in roles if settings.store or not role.with_store]
    return [role.name for role in wanted if not role.on_request or role.name in bots]


def _process_name(settings: Settings, names: Sequence[str]) -> str:
    """What log lines and their file are called: as the profile calls a process of just these instances, or after the first role."""
    roles = roles_of(settings.profile, settings.broker)
    instances_of = {role.name: role.instances() for role in roles}
    chosen = {instance for name in names for instance in instances_of.get(name, [name])}
    homes: dict[str, set[str]] = {}
    for role in roles:
        for number, instance in enumerate(role.instances(), start=1):
            homes.setdefault(role.process_of(number), set()).add(instance)
            homes.setdefault(settings.profile, set()).add(instance)
    home = next((home for home, instances in homes.items() if instances == chosen), "")
    return home or (f"{names[0]}+{len(names) - 1}" if len(names) > 1 else names[0])[:40]


async def _run(settings: Settings, names: Sequence[str], process: str, secrets: Mapping[str, str]) -> int:
    from tradepit.compose.roles import instances_of, make_service  # noqa: PLC0415 - kept out of the commands that need no service

    instances = instances_of(settings, names)
    wiring = Wiring(settings, process=process, secrets=secrets, instances=instances)
    host = Host(wiring.bus(), wiring.cache(), wiring.clock)
    for instance in instances:
        host.add(make_service(wiring, instance, host.fail))
    host.connect_too(wiring.more_buses)
    return int(Exit.OK) if await host.run(wiring.follow_time) == 0 else int(Exit.FINDINGS)
