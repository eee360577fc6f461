"""Pages that are not the admin's."""

from __future__ import annotations

import time

from django.db import DatabaseError
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Max
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from giftcodes.models import Heartbeat, database_now
from giftcodes.notifications.alarms import beat_is_silent

#: Beat ticks four times a second; after this long without one something is wrong.
STALE_SECONDS = 30.0
#: When this process began, by its monotonic clock: a site that has just started cannot know that nothing will tick.
_STARTED_AT = time.monotonic()


@require_safe
@never_cache
def healthz(_request: HttpRequest) -> JsonResponse:
    """The age of beat's last tick in seconds: 200 while it is young, 503 when it is old or the database is away.

    Whoever asks while it is old raises the alarm: nothing else runs that could. Not in the first half minute of the
    site: after a stop the last tick is old, and the workers start beside the site.
    """
    try:
        beat = Heartbeat.objects.filter(name="tick").first()
        age = (database_now() - beat.at).total_seconds() if beat else None
        silent_for = _seconds_installed() if age is None else age
        if min(silent_for, time.monotonic() - _STARTED_AT) >= STALE_SECONDS:
            beat_is_silent(silent_for)
    except DatabaseError:
        return JsonResponse({"ok": False, "error": "The database does not answer."}, status=503)
    healthy = age is not None and age < STALE_SECONDS
    body = {"ok": healthy, "beat_age_seconds": None if age is None else round(age, 1)}
    return JsonResponse(body, status=200 if healthy else 503)


def _seconds_installed() -> float:
    """How long nothing has ticked that has never ticked: since the database was made, or last brought up to date."""
    newest = MigrationRecorder.Migration.objects.aggregate(at=Max("applied"))["at"]
    return (database_now() - newest).total_seconds() if newest else 0.0
