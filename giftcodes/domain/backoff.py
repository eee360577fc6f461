"""Exponential back-off with jitter. The functions are pure: they take the random number as input.

Delays double up to a cap. Jitter adds up to a quarter, so that requests that failed at the same
time are not all retried at the same time. Jitter never shortens a delay, because a service may have
asked for it.
"""

from __future__ import annotations

_MAX_JITTER = 0.25
#: More doublings would not change the delay, but would overflow.
_MAX_DOUBLINGS = 32


def feed_delay_seconds(failures: int, *, jitter: float) -> float:
    """Return the seconds until a feed is polled again: 30 to 300 s, before jitter.

    docs/reference/protocol.md, section 2, gives the reason.

    Args:
        failures: the number of failures in a row. Less than 1 counts as 1.
        jitter: a random number in [0, 1).

    Raises:
        ValueError: `jitter` is out of range.
    """
    return _delay(failures, jitter=jitter, base=30.0, cap=300.0)


def retry_delay_seconds(failures: int, *, jitter: float, base: float = 5, cap: float = 60) -> float:
    """Return the seconds until something that failed, such as a member redemption, is retried.

    Args:
        failures: the number of failures in a row. Less than 1 counts as 1.
        jitter: a random number in [0, 1).
        base, cap: the first and the longest delay in seconds, before jitter.

    Raises:
        ValueError: `jitter` is out of range.
    """
    return _delay(failures, jitter=jitter, base=base, cap=cap)


def _delay(times: int, *, jitter: float, base: float, cap: float) -> float:
    if not 0 <= jitter < 1:
        raise ValueError(f"Jitter must be in [0, 1), not {jitter}.")
    doublings = min(max(times, 1) - 1, _MAX_DOUBLINGS)
    return float(min(base * 2.0**doublings, cap) * (1 + _MAX_JITTER * jitter))
