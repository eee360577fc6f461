from __future__ import annotations

import pytest

from giftcodes.domain.backoff import feed_delay_seconds, retry_delay_seconds


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(-1, 30), (0, 30), (1, 30), (2, 60), (3, 120), (4, 240), (5, 300), (6, 300), (10**9, 300)],
)
def test_the_delay_of_a_failing_feed_doubles(failures: int, seconds: float) -> None:
    assert feed_delay_seconds(failures, jitter=0) == seconds


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 5), (1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (99, 60)],
)
def test_the_delay_of_a_retry_doubles(failures: int, seconds: float) -> None:
    assert retry_delay_seconds(failures, jitter=0) == seconds


def test_the_first_and_the_longest_wait_can_be_chosen() -> None:
    assert [retry_delay_seconds(n, jitter=0, base=1, cap=3) for n in (1, 2, 3)] == [1, 2, 3]


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_jitter_makes_a_wait_longer_by_at_most_a_quarter_and_never_shorter(jitter: float) -> None:
    assert 30 <= feed_delay_seconds(1, jitter=jitter) < 37.5
    assert 300 <= feed_delay_seconds(9, jitter=jitter) < 375


@pytest.mark.parametrize("jitter", [-0.1, 1.0, float("nan")])
def test_a_jitter_out_of_its_range_is_refused(jitter: float) -> None:
    with pytest.raises(ValueError, match="Jitter"):
        retry_delay_seconds(1, jitter=jitter)
