"""When a gift code is expected to end. Everything that waits is ordered by this rule."""

from __future__ import annotations

import datetime as dt

from giftcodes.domain.validators import LATEST_DAY

#: How long a code without a known end is expected to last.
USUAL_DAYS = 7
#: A feed may be a day ahead of UTC. A published day that is further in the future is not believed.
DAYS_AHEAD = 1


#: On its first day a new code is served as if it ended in an hour, so that it does not wait behind
#: the members of older codes. A code whose known end is even nearer goes first. A tiny part
#: (1/SHRUNK) of the time until the code's known or estimated end is added to the hour, so that new
#: codes stay in order among themselves.
NEW_FOR = "1 day"
NEW_LASTS = "1 hour"
SHRUNK = 1_000_000


def deadline(row: str) -> str:
    """SQL for the moment by which codes are ordered.

    It is the code's end if that is known, and otherwise a week after the code's day (`day_of`). For
    a new code it is about an hour from now, or the code's end if that is nearer.

    Args:
        row: the alias of giftcodes_giftcode in the statement.
    """
    usual = f"""coalesce({row}.expires_at, (least(
        CASE WHEN {row}.published_on <= (now() AT TIME ZONE 'UTC')::date + {DAYS_AHEAD}
             THEN {row}.published_on
             ELSE ({row}.first_seen_at AT TIME ZONE 'UTC')::date END,
        date '{LATEST_DAY.isoformat()}') + {USUAL_DAYS})::timestamp AT TIME ZONE 'UTC')"""
    return f"""least({usual}, CASE WHEN {row}.first_seen_at > now() - interval '{NEW_FOR}'
        THEN now() + interval '{NEW_LASTS}' + ({usual} - now()) / {SHRUNK} END)"""


def believed(published_on: dt.date | None) -> dt.date | None:
    """The published day. None if it is unknown, or too far in the future to be believed."""
    if published_on is None or published_on > dt.datetime.now(dt.UTC).date() + dt.timedelta(
        days=DAYS_AHEAD
    ):
        return None
    return published_on


def day_of(published_on: dt.date | None, first_seen_at: dt.datetime) -> dt.date:
    """The day on which a code was published, or first seen if that is not known or not believed."""
    return believed(published_on) or first_seen_at.astimezone(dt.UTC).date()
