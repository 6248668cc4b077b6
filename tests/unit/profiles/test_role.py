"""Rows of a profile."""

from tradepit.profiles.role import Role


def test_instances_and_processes_are_numbered_from_one() -> None:
    role = Role(name="order-management", replicas=3, process="orders-{n}", purpose="x")
    assert role.instances() == ["order-management-1", "order-management-2", "order-management-3"]
    assert [role.process_of(number) for number in (1, 3)] == ["orders-1", "orders-3"]
    assert Role(name="a", replicas=2, process="shared", purpose="x").process_of(2) == "shared"
