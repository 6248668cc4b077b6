"""The gateway's figures."""

from tradepit.services.gateway_meters import Meters


def test_rates_and_percentiles_come_from_the_stopwatch() -> None:
    at = 0

    def stopwatch() -> int:
        return at

    meters = Meters(stopwatch)
    assert meters.apply_us() == (0.0, 0.0)
    for number in range(1, 101):
        began = at
        at += number * 1_000
        meters.applied(began)
    assert meters.apply_us() == (51.0, 100.0)
    at += 2_000_000_000 - at
    assert meters.rate() == 50.0
    assert meters.rate() == 50.0
