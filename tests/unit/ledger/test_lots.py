from tradepit.trading.ledger.lots import Lot, Lots


def test_first_in_is_first_out_and_a_lot_may_be_split() -> None:
    lots = Lots(1)
    lots.open(100, 2, 1)
    lots.open(110, 3, 1)
    assert lots.take_today(3) == 2 * 100 + 110
    assert list(lots.today) == [Lot(110, 2, 1)]
    assert (lots.today_lots, lots.today_ticks) == (2, 220)


def test_equal_neighbours_share_one_entry() -> None:
    lots = Lots(1)
    lots.open(100, 2, 1)
    lots.open(100, 3, 1)
    lots.open(101, 1, 1)
    lots.open(100, 1, 1)
    assert list(lots.today) == [Lot(100, 5, 1), Lot(101, 1, 1), Lot(100, 1, 1)]


def test_roll_queues_today_behind_history_and_frees_everything() -> None:
    lots = Lots(-1, history=(Lot(90, 1, 1),), today=(Lot(100, 2, 2),), fee_today_lots=2)
    lots.frozen_lots = 2
    lots.roll()
    assert list(lots.history) == [Lot(90, 1, 1), Lot(100, 2, 2)]
    assert (lots.history_lots, lots.history_ticks, lots.today_lots, lots.today_ticks) == (3, 290, 0, 0)
    assert (lots.fee_today_lots, lots.frozen_lots, lots.total) == (0, 0, 3)
    assert lots.take_history(2) == 190


def test_the_fee_ledger_pays_today_first_until_it_is_used_up() -> None:
    lots = Lots(1, history=(Lot(90, 5, 1),))
    lots.open(100, 2, 2)
    assert [lots.pay_today_first(1), lots.pay_today_first(3), lots.pay_today_first(1)] == [1, 1, 0]
