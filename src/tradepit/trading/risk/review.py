"""The risk review: the only way from an order intent to an approved order."""

from collections.abc import Sequence
from typing import Final, NoReturn, final

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.pipeline import pipeline_of
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule

_SEAL: Final = object()


@final
class Approved:
    """An intent that passed review: what a broker takes. Only this module can make one; it cannot be changed afterwards."""

    __slots__ = ("_intent",)
    _intent: OrderIntent

    def __init__(self, intent: OrderIntent, seal: object = None) -> None:
        if seal is not _SEAL:
            raise TypeError("an order is approved by review() alone")
        object.__setattr__(self, "_intent", intent)

    @property
    def intent(self) -> OrderIntent:
        """The order as asked for and approved."""
        return self._intent

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("an approved order cannot be changed")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Approved) and self._intent == other.intent

    def __hash__(self) -> int:
        return hash(self._intent)

    def __repr__(self) -> str:
        return f"Approved({self._intent!r})"


def review(intent: OrderIntent, exposure: Exposure, rules: Sequence[Rule], now_ns: int) -> Approved | Refused:
    """Ask every rule, in order, about an order at ``now_ns`` (UTC ns). The first no is the answer.

    Every review counts in the request buckets, so an order is reviewed once: a repeated id is answered from the register instead.
    Limits are not asked about an order that strictly reduces exposure. A rule that raises refuses (RULE_FAILED), and so does the
    absence of all rules.
    """
    pipeline = pipeline_of(rules)
    failed = charge(intent, exposure, pipeline, now_ns)
    if failed is not None:
        return failed
    refused = evaluate(intent, exposure, pipeline, now_ns)
    return Approved(intent, _SEAL) if refused is None else refused


def evaluate(intent: OrderIntent, exposure: Exposure, rules: Sequence[Rule], now_ns: int) -> Refused | None:
    """What ``review`` would say now, without any effect: nothing is counted, and nothing is approved by it."""
    if not rules:
        return _failed("rules", "none", "no rule is configured")
    pipeline = pipeline_of(rules)
    for check, name in pipeline.fact_checks if _reduces(intent, exposure) else pipeline.checks:
        try:
            refused = check(intent, exposure, now_ns)
        except Exception as error:  # noqa: BLE001 - whatever went wrong in a rule, the order does not pass
            return _failed(name, repr(error), "the rule failed")
        if refused is not None:
            return refused
    return None


def remarks(intent: OrderIntent, exposure: Exposure, rules: Sequence[Rule], now_ns: int) -> list[Refused]:
    """What is to be told of an order that passes. A rule that fails says nothing: it is no reason to stop the order."""
    said = []
    for rule in pipeline_of(rules).remarking:
        try:
            said.append(rule.remark(intent, exposure, now_ns))
        except Exception:  # noqa: BLE001, S112 - the order has passed
            continue
    return [remark for remark in said if remark is not None]


def charge(intent: OrderIntent, exposure: Exposure, rules: Sequence[Rule], now_ns: int) -> Refused | None:
    """Count a request in the buckets, as review does; for rebuilding an exposure from recorded requests, approved and refused."""
    for rule in pipeline_of(rules).counting:
        try:
            rule.charge(intent, exposure, now_ns)
        except Exception as error:  # noqa: BLE001 - a request that cannot be counted does not pass
            return _failed(rule.name, repr(error), "the request could not be counted")
    return None


def reinstate(intent: OrderIntent, exposure: Exposure) -> Approved | Refused:
    """The approval of an order that passed review before a restart: it must be working in the exposure, unchanged and untraded.

    What works there was accepted after review and recorded; it is not judged by the limits of today again.
    """
    holding = exposure.holding(intent.account, intent.symbol)
    working = holding.working.get(intent.client_order_id) if holding is not None else None
    if working is not None and working.intent == intent and not working.filled and not working.done:
        return Approved(intent, _SEAL)
    message = "this order was not accepted before"
    return Refused(code="NOT_REVIEWED", rule="review", limit="accepted orders", value=intent.client_order_id, message=message)


def review_cancel(account: str, exposure: Exposure, rules: Sequence[Rule], now_ns: int, *, bot: str = "") -> int:
    """How long (ns) a cancel waits before it is sent, 0 for now. It is never refused, and a rule that fails does not delay it."""
    wait = 0
    for rule in pipeline_of(rules).delaying:
        try:
            wait = max(wait, rule.delay_cancel(account, bot, exposure, now_ns))
        except Exception:  # noqa: BLE001, S112 - no failure of ours may stand in the way of a cancel
            continue
    return wait


def _reduces(intent: OrderIntent, exposure: Exposure) -> bool:
    try:
        return exposure.reduces(intent)
    except Exception:  # noqa: BLE001 - in doubt every rule is asked
        return False


def _failed(rule: str, value: str, message: str) -> Refused:
    return Refused(code="RULE_FAILED", rule=rule, limit="a rule that works", value=value, message=message)
