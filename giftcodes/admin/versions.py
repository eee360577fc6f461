"""The history of a row: its versions (who changed what, from what to what) and what was done with it, newest first."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import display_for_field
from django.contrib.contenttypes.models import ContentType
from django.db.models import Field, ForeignKey, Model
from django.utils.translation import gettext as _

from giftcodes.admin.words import NOTHING
from giftcodes.models.versions import FIRST_KNOWN

#: So many versions, and so many actions, are shown at most.
MOST_ENTRIES = 200
#: What was logged so soon after a version belongs to it.
_SOON = dt.timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a field.

    Args:
        name: of the field, for people.
        old, new: its values, for people.
    """

    name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was done.

    Args:
        at: when.
        who: the user's name; empty: the command line, or the machine.
        words: what was done.
        changes: what has changed by it.
    """

    at: dt.datetime
    who: str
    words: str
    changes: list[Change] = field(default_factory=list)


def entries_of(row: Any) -> list[Entry]:
    """What is known to have been done with a row of a model that has versions, newest first."""
    newest = row.history.select_related("history_user").order_by("-history_id")[: MOST_ENTRIES + 1]
    versions = list(reversed(newest))
    entries = [entry for pair in pairwise([None, *versions]) if (entry := _of_version(*pair))]
    since = versions[0].history_date if versions else None
    for entry in _logged(row, since):
        twin = next((one for one in entries if one.who == entry.who and abs(one.at - entry.at) < _SOON), None)
        if twin is None:
            entries.append(entry)
        elif entry.words not in twin.words:
            words = f"{twin.words} {entry.words}".strip()
            entries[entries.index(twin)] = replace(twin, words=words)
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def changes_between(before: Any, after: Any) -> list[Change]:
    """What differs between two versions of a row. Without a version before there is nothing to compare."""
    if before is None:
        return []
    changes = [
        Change(str(column.verbose_name), _shown(before, column), _shown(after, column))
        for column in after.tracked_fields
        if getattr(before, column.attname) != getattr(after, column.attname)
    ]
    names = [many.name for many in after._history_m2m_fields]
    for change in (
        after.diff_against(before, included_fields=names, foreign_keys_are_objs=True).changes if names else []
    ):
        many = after.instance_type._meta.get_field(change.field)
        old, new = (_names(rows, many.m2m_reverse_field_name()) for rows in (change.old, change.new))
        changes.append(Change(str(many.verbose_name), old, new))
    return changes


def _of_version(before: Any, version: Any) -> Entry | None:
    if version is None or version.history_change_reason == FIRST_KNOWN:
        return None
    changes = changes_between(before, version)
    words = str(version.history_change_reason or "")
    if version.history_type == "+":
        words = words or _("Added.")
    elif not changes and not words:
        return None
    who = version.history_user.get_username() if version.history_user else ""
    return Entry(version.history_date, who, words, changes)


def _logged(row: Model, since: dt.datetime | None) -> Iterable[Entry]:
    """What the admin logged, without what the versions tell better."""
    kind = ContentType.objects.get_for_model(row)
    logs = LogEntry.objects.filter(content_type=kind, object_id=str(row.pk)).select_related("user")
    for log in logs.order_by("-action_time")[:MOST_ENTRIES]:
        if since is None or log.action_time < since - _SOON or not _is_about_fields(log.change_message):
            yield Entry(log.action_time, log.user.get_username(), log.get_change_message())


def _is_about_fields(message: str) -> bool:
    """Whether a log entry tells of the row's own fields only. Rows beside it (a guild's channel) have no versions."""
    try:
        parts = json.loads(message)
    except ValueError:
        return False
    return isinstance(parts, list) and not any("name" in what for part in parts for what in part.values())


def _shown(version: Any, column: Field[Any, Any]) -> str:
    if isinstance(column, ForeignKey):
        value = getattr(version, column.attname)
        row = column.related_model._default_manager.filter(pk=value).first()
        return str(row or NOTHING)
    if column.choices:
        return str(getattr(version, f"get_{column.name}_display")())
    value = getattr(version, column.attname)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(display_for_field(value, column, NOTHING)) or NOTHING


def _names(rows: list[dict[str, Any]], of: str) -> str:
    return ", ".join(sorted(str(row[of]) for row in rows)) or NOTHING
