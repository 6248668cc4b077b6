"""A refusal is a value that says everything."""

import msgspec

from tradepit.trading.model.terms import TradingState
from tradepit.trading.risk.refusal import Refused


def test_a_refusal_survives_the_wire() -> None:
    told = Refused(code="LOSS_CAP", rule="daily_loss", limit="1", value="2", message="m", escalate=TradingState.REDUCING)
    assert msgspec.json.decode(msgspec.json.encode(told), type=Refused) == told
