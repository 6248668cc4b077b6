"""Profiles ``tq`` and ``tq_flat``: the documents' containers, their queues, who fills and who empties them."""

from tradepit.profiles import tq, tq_flat
from tradepit.profiles.role import Role
from tradepit.wire import tq as wire


def test_the_documents_eight_containers_each_with_a_process_of_its_own() -> None:
    names = [role.name for role in tq.ROLES]
    assert names == [
        "tq_order_submitter", "tq_order_canceller", "tq_order_monitor", "tq_position_monitor",
        "tq_account_monitor", "tq_order_handler", "tq_position_handler", "tq_account_handler",
    ]  # fmt: skip
    assert [role.process_of(1) for role in tq.ROLES] == names
    assert {role.replicas for role in tq.ROLES} == {1}


def consumers(roles: tuple[Role, ...]) -> dict[str, list[str]]:
    return {channel.subject: [role.name for role in roles if channel in role.consumes] for channel in wire.contract("1").channels}


def test_every_queue_has_the_documents_consumer() -> None:
    assert consumers(tq.ROLES) == {
        "tq_order_submit_requests": ["tq_order_submitter"],
        "tq_order_cancel_requests": ["tq_order_canceller"],
        "tq_internal_order_updates": ["tq_order_handler"],
        "tq_internal_position_updates": ["tq_position_handler"],
        "tq_internal_account_updates": ["tq_account_handler"],
        "tq_dead_letters": [],
    }


def test_the_flat_one_is_one_process() -> None:
    assert {role.process_of(1) for role in tq_flat.ROLES} == {"tqsdk_broker_connect"}
    assert [channel.subject for channel in tq_flat.ROLES[0].consumes] == ["tq_order_requests"]
    assert {role.name for role in tq_flat.ROLES[1:]} == {role.name for role in tq.ROLES[2:]}
