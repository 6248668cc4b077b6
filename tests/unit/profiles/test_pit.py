"""Profile ``pit``: the simulator's roles in fewer processes, and the bot platform's."""

import msgspec

from tradepit.profiles import pit, simulator


def test_only_the_processes_differ() -> None:
    def without_process(roles: tuple[object, ...]) -> list[dict[str, object]]:
        return [{key: value for key, value in msgspec.structs.asdict(role).items() if key != "process"} for role in roles]  # type: ignore[arg-type]  # roles are structs

    *shared, executor, ticks, orders = pit.ROLES
    assert without_process(tuple(shared)) == without_process(simulator.ROLES)
    assert executor.name == "trade-executor"
    assert [(role.name, role.process, role.with_store) for role in (ticks, orders)] == [
        ("market-records", "records", True), ("order-records", "records", True),
    ]  # fmt: skip


def test_what_is_killed_in_the_show_lives_alone() -> None:
    for role in pit.ROLES:
        if role.name in ("order-management", "execution-algo"):
            assert len({role.process_of(number) for number in range(1, role.replicas + 1)}) == role.replicas
    names = [role.process_of(number) for role in pit.ROLES for number in range(1, role.replicas + 1)]
    assert len(set(names)) < len(names)
