import msgspec

from tradepit.trading.ledger.rules import FreezePrice, LedgerRules, MarginPrice


def test_defaults_and_spelling_in_settings() -> None:
    assert LedgerRules() == msgspec.json.decode(b"{}", type=LedgerRules)
    told = b'{"margin_price":"last","freeze_price":"order","spend_position_profit":false}'
    rules = msgspec.json.decode(told, type=LedgerRules)
    assert (rules.margin_price, rules.freeze_price, rules.spend_position_profit) == (MarginPrice.LAST, FreezePrice.ORDER, False)
