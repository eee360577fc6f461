"""Views outside the admin: the health check, and the codes that other programs send."""

from __future__ import annotations

from axes.helpers import get_client_ip_address
from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from giftcodes import tasks
from giftcodes.clients.feeds import pushed
from giftcodes.models import database_now
from giftcodes.queries.heartbeat import SILENT_SECONDS, pulse_age_seconds
from giftcodes.services import sources


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


# No cookie is read, and the token is in a header that no form can send.
@csrf_exempt
@require_POST
@never_cache
def receive_codes(request: HttpRequest, feed_id: int) -> JsonResponse:
    """Take the codes that another program sends for a feed, and say what became of each.

    The status is 202 if at least one code could be read. It is 401 if the token is missing or
    wrong, 409 if the feed or its game is off, 413 if the body is too long, 422 if it has no code,
    and 429 if the program sends too often.
    """
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    feed = sources.feed_of(feed_id, token.strip()) if scheme.casefold() == "bearer" else None
    if feed is None:
        address = get_client_ip_address(request) or "unknown"
        if seconds := sources.seconds_after_wrong_token(address):
            return _too_often(seconds)
        words = "The token is missing or wrong. Send the header “Authorization: Bearer TOKEN”."
        return _refused(401, words, **{"WWW-Authenticate": "Bearer"})
    if seconds := sources.seconds_until_push(feed):
        return _too_often(seconds)
    if problem := sources.why_closed(feed):
        return _refused(409, problem)
    if len(request.body) > pushed.MAX_PUSHED_BYTES:
        most = pushed.MAX_PUSHED_BYTES
        return _refused(413, f"A body may have at most {most} bytes. Send fewer codes.")
    result = sources.push(feed, request.body)
    tasks.fan_out_each(result.fresh_code_ids)
    if result.problem:
        return JsonResponse({"error": result.problem, "skipped": result.skipped}, status=422)
    return JsonResponse(
        {
            "new": result.new,
            "known": result.known,
            "waiting_for_a_person": result.proposed,
            "send_again_later": result.held,
            "skipped": result.skipped,
        },
        status=202,
    )


def _refused(status: int, words: str, **headers: str) -> JsonResponse:
    return JsonResponse({"error": words}, status=status, headers=headers)


def _too_often(seconds: int) -> JsonResponse:
    words = f"Too many requests. Send the next one in {seconds} s."
    return _refused(429, words, **{"Retry-After": str(seconds)})
