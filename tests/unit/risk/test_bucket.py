"""Token buckets: exact in integers, the same for the same instants."""

from tradepit.trading.risk.bucket import Bucket

S = 1_000_000_000


def takes(bucket: Bucket, now_ns: int, times: int) -> list[bool]:
    taken = []
    for _ in range(times):
        bucket.take(now_ns, per_second=2, burst=3)
        taken.append(not bucket.over)
    return taken


def test_a_new_bucket_is_full_and_refills_with_time() -> None:
    bucket = Bucket()
    assert takes(bucket, S, 4) == [True, True, True, False]
    assert takes(bucket, S + S // 2 - 1, 1) == [False]
    assert takes(bucket, S + S // 2, 2) == [True, False]
    assert takes(bucket, 100 * S, 4) == [True, True, True, False]


def test_time_never_runs_back() -> None:
    bucket = Bucket()
    assert takes(bucket, 10 * S, 3) == [True, True, True]
    assert takes(bucket, 5 * S, 1) == [False]
    assert takes(bucket, 10 * S, 1) == [False]


def test_booking_ahead_waits_but_never_longer_than_allowed() -> None:
    bucket = Bucket()
    waits = [bucket.book(S, per_second=2, burst=1, max_wait_ns=S) for _ in range(5)]
    assert waits == [0, S // 2, S, S, S]
    assert bucket.book(3 * S, per_second=2, burst=1, max_wait_ns=S) == 0
