"""Delete old rows of tables that grow even if no code is redeemed.

The pipeline's own step deletes old attempts and journal entries (giftcodes/pipeline/prune.py), and
`joining.prune` deletes what players leave behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from axes.helpers import get_cool_off
from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q

from giftcodes.models import Alarm, AlarmNotice, Announcement, ApiToken, Clock, RunState
from giftcodes.models.clock import clock_plus
from giftcodes.models.outbox import UNFINISHED
from giftcodes.services import api_answers

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.db.models.expressions import Combinable

_DAY_SECONDS = 86_400.0
#: How long pages show a token of the API that does not work any more.
_TOKENS_KEPT_DAYS = 30
#: How many rows are deleted in one transaction.
_BATCH = 1_000


def delete_old_rows() -> None:
    """Delete ended sessions, and old logins, messages, alarms, and tokens and answers of the API.

    Logins, messages and alarms are kept as long as the journal (`KEEP_JOURNAL_DAYS`). A message is
    kept while its run or its alarm lasts, or while it waits to be sent. This may be repeated,
    interrupted, and run twice at once.
    """
    _delete(Session.objects.filter(expire_date__lt=Clock()))
    _delete(api_answers.over())
    old = clock_plus(-_TOKENS_KEPT_DAYS * _DAY_SECONDS)
    _delete(ApiToken.objects.filter(Q(ends_at__lt=old) | Q(revoked_at__lt=old)))
    if cool_off := get_cool_off():
        # A failed login counts for this time only.
        old = clock_plus(-cool_off.total_seconds())
        _delete(AccessAttempt.objects.filter(attempt_time__lt=old))
    if days := settings.KEEP_JOURNAL_DAYS:
        before = clock_plus(-days * _DAY_SECONDS)
        _delete(AccessLog.objects.filter(attempt_time__lt=before))
        _delete(_finished_messages().filter(created_at__lt=before))
        while _delete_alarms(before):
            pass


def _delete(rows: QuerySet[Any]) -> None:
    while ids := list(rows.order_by("pk").values_list("pk", flat=True)[:_BATCH]):
        rows.model._default_manager.filter(pk__in=ids).delete()


def _finished_messages() -> QuerySet[Announcement]:
    """The messages that no step needs any more."""
    return (
        Announcement.objects.exclude(state__in=UNFINISHED)
        .filter(lease_until__isnull=True)
        .exclude(redemption__state=RunState.RUNNING)
        .exclude(alarm__isnull=False, alarm__cleared_at__isnull=True)
    )


@transaction.atomic(durable=True)
def _delete_alarms(before: Combinable) -> int:
    """Delete some alarms that were cleared before a moment, with the messages about them."""
    over = Alarm.objects.filter(cleared_at__lt=before).select_for_update(skip_locked=True)
    ids = list(over.order_by("pk").values_list("pk", flat=True)[:_BATCH])
    AlarmNotice.objects.filter(alarm__in=ids).delete()
    Announcement.objects.filter(alarm__in=ids).delete()
    Alarm.objects.filter(pk__in=ids).delete()
    return len(ids)
