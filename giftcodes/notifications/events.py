"""What a program reads in a message to a webhook: the event, with ids and numbers.

The fields are stable (docs/how-to/announce.md).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.core.serializers.json import DjangoJSONEncoder

from giftcodes.domain.sentences import in_active_language
from giftcodes.models import Announcement
from giftcodes.notifications.run_message import report_of

if TYPE_CHECKING:
    from giftcodes.models import Alarm, Redemption
    from giftcodes.notifications.run_message import RunReport

_NAMES = {
    Announcement.Kind.STARTED: "run.started",
    Announcement.Kind.COMPLETE: "run.complete",
    Announcement.Kind.RAISED: "alarm.raised",
    Announcement.Kind.OVER: "alarm.over",
    Announcement.Kind.SUMMARY: "summary",
    Announcement.Kind.TEST: "test",
}


def event_of(row: Announcement) -> str:
    """The event of an announcement as JSON.

    Args:
        row: an announcement whose channel still exists, and that is no thread.
    """
    channel = row.channel
    assert channel is not None  # The caller has checked it.
    found: dict[str, Any] = {
        "id": str(row.pk),
        "event": _NAMES[Announcement.Kind(row.kind)],
        "at": row.created_at,
        "guild": {"id": channel.guild_id, "name": channel.guild.name},
    }
    if row.alarm is not None:
        found["alarm"] = _alarm(row.alarm)
    elif row.redemption is not None:
        found["redemption"] = _run(row.redemption, row.run_number, report_of(row))
    return json.dumps(found, cls=DjangoJSONEncoder)


def _alarm(alarm: Alarm) -> dict[str, Any]:
    return {"id": alarm.pk, "kind": alarm.kind, "message": in_active_language(alarm.message)}


def _run(redemption: Redemption, run_number: int, report: RunReport) -> dict[str, Any]:
    code, served = redemption.gift_code, report.served
    names = ("has", "not_eligible", "needs_you", "waiting", "cannot", "total")
    return {
        "id": redemption.pk,
        "run_number": run_number,
        "code": {
            "id": code.pk,
            "code": code.code,
            "issue": code.issue,
            "game": code.provider,
            "is_new": run_number == 1,
        },
        "result": str(report.result.title),
        "progress": {name: getattr(served, name) for name in names},
        "needs_you": [{"member": name, "why": why} for name, why in report.in_trouble],
    }
