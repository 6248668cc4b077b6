"""What is within an order event and a bot command: one reader for each kind."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from tradepit.trading.model.errors import BadRequest
from tradepit.wire import platform as wire
from tradepit.wire.platform_fields import Fields

_MOST_32 = 2**32 - 1
Item = TypeVar("Item")


def one_of(told: Fields, kinds: Mapping[str, Callable[[Fields], Item]]) -> Item:
    """The one message of these kinds that is told. Raises BadRequest where it is none or more."""
    present = [name for name in kinds if told.has(name)]
    if len(present) != 1:
        raise BadRequest(f"a message needs exactly one of {', '.join(kinds)}", found=len(present))
    return kinds[present[0]](told.inner(present[0]))


def _ack(told: Fields) -> wire.Happened:
    return wire.OrderIntentAck(**_order(told), received_at_ns=told.instant("received_at"))


def _fill(told: Fields) -> wire.Happened:
    return wire.ExecutionFill(
        **_order(told),
        provider_order_id=told.text("provider_order_id"),
        filled_quantity=told.lots("filled_quantity"),
        remaining_quantity=told.lots("remaining_quantity", least=0),
        fill_price=told.price("fill_price"),
        fee_paid=told.amount("fee_paid"),
        filled_at_ns=told.instant("filled_at"),
    )


def _rejection(told: Fields) -> wire.Happened:
    return wire.OrderRejection(
        **_order(told),
        reason=told.text("reason"),
        category=told.word("category", wire.RejectionReason, wire.RejectionReason.UNSPECIFIED, prefix="REJECTION_REASON_"),
        rejected_at_ns=told.instant("rejected_at"),
    )


def _cancel(told: Fields) -> wire.Happened:
    return wire.OrderCancel(
        **_order(told),
        initiated_by=told.word("initiated_by", wire.Initiator, wire.Initiator.SYSTEM),
        cancelled_at_ns=told.instant("cancelled_at"),
    )


def _order(told: Fields) -> dict[str, str]:
    return {
        "intent_id": told.token("intent_id"),
        "executor_order_id": told.token("executor_order_id", required=False),
    }


def _start(told: Fields) -> wire.Command:
    return wire.StartCommand(
        image=told.text("image"),
        config_revision=told.whole("config_revision", _MOST_32),
        effective_at_ns=told.instant("effective_at"),
        runtime_overrides=told.texts("runtime_overrides"),
    )


def _stop(told: Fields) -> wire.Command:
    return wire.StopCommand(
        mode=told.word("mode", wire.StopMode, wire.StopMode.GRACEFUL, prefix="STOP_MODE_"),
        timeout_ns=told.duration("timeout"),
        reason=told.text("reason"),
    )


def _rollout(told: Fields) -> wire.Command:
    return wire.RolloutCommand(
        image=told.text("image"),
        config_revision=told.whole("config_revision", _MOST_32),
        runtime_overrides=told.texts("runtime_overrides"),
    )


EVENTS: dict[str, Callable[[Fields], wire.Happened]] = {
    "ack": _ack,
    "fill": _fill,
    "rejection": _rejection,
    "cancel": _cancel,
}
COMMANDS: dict[str, Callable[[Fields], wire.Command]] = {"start": _start, "stop": _stop, "rollout": _rollout}
