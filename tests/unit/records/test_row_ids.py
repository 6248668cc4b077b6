"""Tokens and the UUIDs made of them: the same for ever, and apart from all others."""

from tests.order_path import an_intent
from tests.unit.orders.test_register import a_trade

from tradepit.trading.model.terms import Side
from tradepit.trading.records.row_ids import NOBODY, bot_uuid, execution_uuid, order_uuid, other_order_uuid

UUID = "0b3d34a6-59ec-4a3c-9f4e-6f1d3c1f4a10"


def test_a_uuid_is_itself_in_small_letters() -> None:
    assert bot_uuid(UUID) == order_uuid("A1", UUID) == UUID
    assert bot_uuid(UUID.upper()) == UUID
    for no_uuid in (UUID[:-1], UUID.replace("-", ""), UUID.replace("-", "_"), f"urn-{UUID[4:]}", "x" * 36):
        assert bot_uuid(no_uuid) != UUID


def test_other_tokens_have_ids_that_never_change() -> None:
    # Rows that were written before name these: another version of the house must not make others.
    assert (bot_uuid("b1"), order_uuid("A1", "c1"), other_order_uuid("A1", "c1", 7), execution_uuid(a_trade(1))) == (
        "1b4db96f-393f-5313-bcff-66a019c75890", "fbabeaf3-2edc-59f9-9d2f-666d35e54b6f",
        "4b61e0c0-785b-5d24-b198-9a1c5f2466f5", "02e6c71f-fcc2-5eb4-808e-146881aecdde",
    )  # fmt: skip
    assert bot_uuid("") == NOBODY == "00000000-0000-0000-0000-000000000000"


def test_ids_are_apart() -> None:
    buy, sell = a_trade(1), a_trade(1, side=Side.SELL)
    made = [
        bot_uuid("b1"), bot_uuid("b2"), order_uuid("A1", "b1"), order_uuid("A2", "b1"), other_order_uuid("A1", "b1", 3),
        other_order_uuid("A1", "b1", 4), execution_uuid(buy), execution_uuid(sell), execution_uuid(a_trade(2)),
        execution_uuid(a_trade(1, day=20250107)), execution_uuid(a_trade(1, intent=an_intent(account="A2"))),
    ]  # fmt: skip
    assert len(set(made)) == len(made)
