"""How long to wait before trying again: pure functions, the randomness is handed in.

Waits grow by doubling up to a cap. Jitter makes them longer by up to a quarter, never shorter: what a service
asked for is kept, and many who failed together do not come back together.
"""

from __future__ import annotations

_JITTER_SHARE = 0.25
#: Doubling further than this changes nothing and would overflow.
_MOST_DOUBLINGS = 32


def feed_delay_seconds(failures: int, *, jitter: float) -> float:
    """Seconds until a feed is asked again after so many failures in a row.

    From 30 s, doubling to 300 s (docs/reference/protocol.md section 2).

    Args:
        failures: 1 after the first; less counts as 1.
        jitter: from 0 up to, and not including, 1.

    Raises:
        ValueError: jitter is outside of its range.
    """
    return _delay(failures, jitter=jitter, base=30.0, cap=300.0)


def retry_delay_seconds(
    uncounted_failures: int, *, jitter: float, base: float = 5, cap: float = 60
) -> float:
    """Seconds until a member is tried again after so many uncounted_failures in a row.

    Args:
        uncounted_failures: 1 after the first; less counts as 1.
        jitter: from 0 up to, and not including, 1.
        base, cap: the first and the longest wait in seconds, before jitter.

    Raises:
        ValueError: jitter is outside of its range.
    """
    return _delay(uncounted_failures, jitter=jitter, base=base, cap=cap)


def _delay(times: int, *, jitter: float, base: float, cap: float) -> float:
    if not 0 <= jitter < 1:
        raise ValueError(f"Jitter goes from 0 to just under 1, not {jitter}.")
    doublings = min(max(times, 1) - 1, _MOST_DOUBLINGS)
    return float(min(base * 2.0**doublings, cap) * (1 + _JITTER_SHARE * jitter))
