"""Positions sum their lots."""

from tradepit.trading.model.position import Position
from tradepit.trading.model.terms import Exchange, Side


def test_today_and_history_together() -> None:
    position = Position(
        account="A1",
        symbol="IF2501",
        exchange=Exchange.CFFEX,
        side=Side.BUY,
        today_lots=3,
        yesterday_lots=4,
        frozen_today_lots=1,
        frozen_yesterday_lots=2,
    )
    assert (position.lots, position.frozen_lots) == (7, 3)
