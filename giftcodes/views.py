"""Views outside the admin."""

from __future__ import annotations

from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from giftcodes.models import database_now
from giftcodes.queries.heartbeat import SILENT_SECONDS, pulse_age_seconds


@require_safe
@never_cache
def healthz(_request: HttpRequest) -> JsonResponse:
    """The age of beat's last tick in seconds.

    The status is 200 if the tick is recent, and 503 if it is too old or the database does not
    answer. This view raises no alarm. The web server's process does (`redeemer.serving`).
    """
    try:
        age = pulse_age_seconds(database_now())
    except DatabaseError:
        return JsonResponse({"ok": False, "error": "The database does not answer."}, status=503)
    healthy = age is not None and age < SILENT_SECONDS
    body = {"ok": healthy, "beat_age_seconds": None if age is None else round(max(age, 0.0), 1)}
    return JsonResponse(body, status=200 if healthy else 503)
