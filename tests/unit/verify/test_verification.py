"""The whole verification: a day with every fate, what may be in flight after a kill, and a big random clean house."""

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tradepit.verify import UnreadableError, run
from tradepit.verify.findings import Kind

if TYPE_CHECKING:
    from tests.unit.verify.conftest import Paper


def tell_every_fate(paper: "Paper") -> None:
    for name, side, account in (("filled", "BUY", "A1"), ("partly", "SELL", "A2")):
        paper.submit(paper.accept(name, side=side, account=account, volume_lots=3 if side == "BUY" else 5))
    paper.match("filled", "partly", 3)
    paper.cancel("partly")
    for name in ("expired", "working", "stopped"):
        paper.submit(paper.accept(name))
    paper.command("time")
    paper.change("expired", "EXPIRED", reason="DAY_ENDED")
    paper.cancel("stopped")
    paper.reject(paper.accept("rejected"), "INSUFFICIENT_MONEY")
    paper.refuse("refused")
    late = paper.accept("voided")
    paper.unknown(late)
    paper.reject(late, "NOT_SENT", kind="resolve")
    paper.accept("doubtful")


def test_every_intent_has_one_fate(paper: "Paper") -> None:
    tell_every_fate(paper)
    paper.asked(paper.intent("door"), error="PRICE_WRONG_TICK")
    paper.asked(paper.intent("silent"))
    verdict = paper.verify()
    assert verdict.fates == {
        "FILLED": 1,
        "CANCELLED": 2,
        "EXPIRED": 1,
        "WORKING": 1,
        "REJECTED": 1,
        "REFUSED": 2,
        "NOT_SENT": 2,
        "IN_DOUBT": 1,
    }
    assert verdict.codes == {"REJECTED(INSUFFICIENT_MONEY)": 1, "REFUSED(POSITION_LIMIT)": 1, "REFUSED(PRICE_WRONG_TICK)": 1}
    assert verdict.cancelled_with_trades == 1
    assert (verdict.fills_ours, verdict.fills_venue) == (6, 6)
    assert verdict.findings == ()
    assert verdict.in_flight == 1
    assert verdict.intents == 11
    assert verdict.exit_code == 0


def test_at_rest_a_doubt_that_was_never_settled_is_a_loss(paper: "Paper") -> None:
    tell_every_fate(paper)
    assert paper.found(strict=True) == [("LOST", "NEVER_ARRIVED", "doubtful")]


def test_reports_not_read_when_the_house_was_killed_are_in_flight(traded: "Paper") -> None:
    traded.command("time")
    traded.match("b1", "s1", 1, read=False)
    verdict = traded.verify()
    assert verdict.findings == ()
    assert verdict.in_flight == 2
    assert (verdict.fills_ours, verdict.fills_venue) == (4, 4)
    assert {(kind, code) for kind, code, _ in traded.found(strict=True)} == {
        ("LOST", "FILL_NOT_APPLIED"),
        ("LOST", "REPORT_NOT_APPLIED"),
    }


def test_the_exchange_may_die_before_it_wrote_its_reports(traded: "Paper") -> None:
    late = traded.accept("late")
    traded.submit(late, read=False)
    traded.answer("late")
    traded.reports.pop()
    verdict = traded.verify()
    assert verdict.findings == ()
    assert verdict.in_flight == 1
    assert traded.found(strict=True) == [("LOST", "NEVER_REPORTED", "late")]


def test_a_failover_with_a_stale_leader_is_clean_when_the_exchange_refused_it(traded: "Paper") -> None:
    old = traded.accept("old")
    traded.begin_term()
    traded.send(old, epoch=1)
    traded.reject(old, "NOT_SENT", kind="resolve")
    verdict = traded.verify(strict=True)
    assert verdict.findings == ()
    assert verdict.stale_commands == 1
    assert verdict.epochs == 2
    assert verdict.fates["NOT_SENT"] == 1


def test_accounts_beside_order_management_must_be_named(traded: "Paper") -> None:
    traded.submit(traded.intent("maker", account="MM"), epoch=1)
    assert traded.found() == [("UNEXPLAINED", "ORDER_OF_NO_INTENT", "maker")]
    assert traded.found(external=["MM"]) == []


def test_a_missing_journal_cannot_be_verified(traded: "Paper") -> None:
    paths = traded.write()
    paths["commands.journal"].unlink()
    with pytest.raises(UnreadableError) as error:
        run(
            orders=str(paths["orders.journal"]),
            commands=str(paths["commands.journal"]),
            reports=str(paths["reports.journal"]),
        )
    assert error.value.exit_code == 2
    assert error.value.location.endswith("commands.journal")


def test_a_folder_stands_for_the_one_journal_in_it(traded: "Paper", tmp_path: Path) -> None:
    paths = traded.write()
    places = {}
    for name in ("orders", "commands", "reports"):
        places[name] = tmp_path / name
        places[name].mkdir()
        paths[f"{name}.journal"].rename(places[name] / "journal")
        (places[name] / "journal.snapshot.1").write_bytes(b"not a journal")
    verdict = run(orders=places["orders"].as_uri(), commands=str(places["commands"]), reports=str(places["reports"]))
    assert verdict.intents == 2
    (places["orders"] / "another").write_bytes(b"")
    with pytest.raises(UnreadableError, match="2 files"):
        run(orders=str(places["orders"]), commands=str(places["commands"]), reports=str(places["reports"]))


@pytest.mark.parametrize("seed", range(5))
def test_a_big_random_house_is_clean_and_one_lie_in_it_is_found(paper: "Paper", seed: int) -> None:
    chance = random.Random(seed)
    live: dict[str, list[str]] = {"BUY": [], "SELL": []}
    for number in range(400):
        name, side = f"o{number}", chance.choice(("BUY", "SELL"))
        account, lots = f"A{chance.randint(1, 9)}", chance.randint(1, 9)
        if chance.random() < 0.1:
            paper.refuse(name, account=account)
            continue
        intent = paper.accept(name, side=side, account=account, volume_lots=lots)
        if chance.random() < 0.1:
            paper.begin_term()
        if chance.random() < 0.1:
            paper.unknown(intent)
            paper.reject(intent, "NOT_SENT", kind="resolve")
            paper.send(intent)
            continue
        paper.submit(intent)
        if chance.random() < 0.5:
            paper.asked(intent, success=True, orderid=paper.orders[name]["order_id"], traded=0)
        live[side].append(name)
        while live["BUY"] and live["SELL"] and chance.random() < 0.7:
            buy, sell = chance.choice(live["BUY"]), chance.choice(live["SELL"])
            most = min(paper.orders[buy]["left_lots"], paper.orders[sell]["left_lots"])
            paper.match(buy, sell, chance.randint(1, most))
            for names in live.values():
                names[:] = [each for each in names if paper.orders[each]["left_lots"]]
        if live[side] and chance.random() < 0.3:
            paper.cancel(live[side].pop())
    verdict = paper.verify(strict=True)
    assert verdict.findings == ()
    assert verdict.intents == 400
    assert verdict.fills_ours == verdict.fills_venue > 0
    lied = chance.choice([row for _, row in paper.facts if row["fact"] == "report_applied" and row["report"]["kind"] == "trade"])
    lied["report"]["trade"]["volume_lots"] += 1
    worse = paper.verify(strict=True)
    assert [(finding.kind, finding.code) for finding in worse.findings] == [(Kind.UNEXPLAINED, "FILL_DIFFERS")]
    assert worse.fills_ours == worse.fills_venue + 1


def test_who_waits_is_told_how_far_each_part_is(traded: "Paper") -> None:
    paths, told = traded.write(), dict[str, int]()
    run(
        orders=str(paths["orders.journal"]),
        commands=str(paths["commands.journal"]),
        reports=str(paths["reports.journal"]),
        intents=[str(paths["intents.jsonl"])],
        tell=told.__setitem__,
    )
    assert told == {"intents": 100, "orders": 100, "reports": 100, "commands": 100}
