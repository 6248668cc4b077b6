"""The doctor's finding on the bot platform's bus."""

from tradepit.cli.doctor_platform import check_platform_bus
from tradepit.cli.finding import Outcome
from tradepit.config import Settings


def test_without_one_of_its_own_it_is_the_houses() -> None:
    found = check_platform_bus(Settings())
    assert (found.outcome, found.seen) == (Outcome.OK, "the same as bus")


def test_a_kafka_that_does_not_answer_is_told_without_its_password() -> None:
    found = check_platform_bus(
        Settings(platform_bus="kafka://me:secret@127.0.0.1:9,127.0.0.1:9?security.protocol=SASL_PLAINTEXT")
    )
    assert found.outcome is Outcome.FAIL
    assert "127.0.0.1:9,127.0.0.1:9 does not answer" in found.seen
    assert "secret" not in found.seen + found.mend


def test_settings_that_no_kafka_takes_are_told() -> None:
    found = check_platform_bus(Settings(platform_bus="kafka://127.0.0.1:9?ssl.nonsense=1"))
    assert found.outcome is Outcome.FAIL
    assert "ssl.nonsense" in found.seen
