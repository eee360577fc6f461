"""The history of a row, newest first: its versions, and the actions that the admin logged."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import display_for_field
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Field, ForeignKey, Model, OuterRef, Q, Subquery, TextField
from django.utils.translation import gettext as _

from giftcodes.admin.common.html import NOTHING
from giftcodes.domain.lists import joined
from giftcodes.domain.numbers import grouped, row_id
from giftcodes.domain.sentences import Sentence
from giftcodes.models import GiftCode, Guild, Member
from giftcodes.models.fields import without_notes
from giftcodes.models.history import FIRST_KNOWN
from giftcodes.models.self_service_event import reason_words
from giftcodes.queries import scope
from giftcodes.services.changes import words_of

#: The maximum number of versions, and of actions, that a page shows.
MOST_ENTRIES = 200
#: The maximum number of characters of a value that a page shows.
MOST_SHOWN = 300
#: If a version and a logged action of the same person are less than this apart, both are one entry.
_SOON = dt.timedelta(seconds=2)
#: The keys of entries about members who moved. Their value `guild` is the other guild's number.
_MOVED = {"member_moved_from", "member_moved_to"}
#: Entries of earlier releases about members who moved. Some have the name of the other guild.
_MOVES = re.compile(
    r"(?P<start>Moved (?:from|to)|[0-9]+ members? moved to) (?:guild #(?P<id>[0-9]+)|.+)\."
)


@dataclass(frozen=True, slots=True)
class Change:
    """A field that has changed.

    Args:
        name: the label of the field.
        old, new: its values as text.
    """

    name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the history.

    Args:
        at: the time of the action.
        who: the user's name, or an empty string for the command line and the pipeline.
        words: the action in words.
        changes: the fields that the action changed.
    """

    at: dt.datetime
    who: str
    words: str
    changes: list[Change] = field(default_factory=list)


def entries_of(row: Any, person: scope.Person) -> tuple[list[Entry], bool]:
    """The history of a row of a model that has versions.

    Args:
        row: the row.
        person: the person who reads the history. The entries name only guilds that this person may
            see.

    Returns:
        The newest entries, newest first, and whether there are older ones.
    """
    newest = row.history.select_related("history_user").order_by("-history_id")[: MOST_ENTRIES + 1]
    versions = list(reversed(newest))
    has_older = len(versions) > MOST_ENTRIES
    related = _Related(versions)
    pairs = pairwise(versions if has_older else [None, *versions])
    of_versions = [entry for pair in pairs if (entry := _of_version(*pair, related))]
    of_actions, has_older_actions = _logged(row, versions[0].history_date if versions else None)
    has_older = has_older or has_older_actions
    named = with_guilds([*of_versions, *of_actions], person)
    if isinstance(row, GiftCode | Member):
        named = _without_strangers(named, person, with_former=isinstance(row, Member))
    entries = named[: len(of_versions)]
    for logged in named[len(of_versions) :]:
        _add(logged, entries)
    entries.sort(key=lambda entry: entry.at, reverse=True)
    return entries[:MOST_ENTRIES], has_older or len(entries) > MOST_ENTRIES


def actions_on(row: Model, person: scope.Person) -> tuple[list[Entry], bool]:
    """What people did with a row of a model without versions.

    Returns:
        The newest entries, newest first, and whether there are older ones.
    """
    entries, has_older = _logged(row, None)
    return with_guilds(entries, person), has_older


def with_guilds(entries: list[Entry], person: scope.Person) -> list[Entry]:
    """The entries, in words that name only guilds that this person may see."""
    moves = [move for entry in entries for move in _MOVES.finditer(entry.words)]
    found = {_guild_of_move(entry.words) for entry in entries}
    if found <= {None} and not moves:
        return entries
    ids = {pk for pk in (*found, *(row_id(move["id"]) for move in moves)) if pk}
    names = without_notes(scope.visible(Guild.objects.filter(pk__in=ids), person)).in_bulk()
    sees_all = scope.sees_all(person)

    def named(move: re.Match[str]) -> str:
        if move["id"] is None and sees_all:
            return move[0]
        guild = names.get(row_id(move["id"])) or _("another guild")
        return f"{move['start']} {guild}."

    def in_words(words: str) -> str:
        if isinstance(words, Sentence) and (pk := _guild_of_move(words)):
            return words.in_words(guild=str(names.get(pk) or _("another guild")))
        return _MOVES.sub(named, words)

    return [replace(entry, words=in_words(entry.words)) for entry in entries]


def _guild_of_move(words: str) -> int | None:
    """The number of the other guild, if words say that a member moved."""
    if not isinstance(words, Sentence) or words.key not in _MOVED:
        return None
    return row_id(str(words.values.get("guild", "")).removeprefix("#"))


def _without_strangers(
    entries: list[Entry], person: scope.Person, *, with_former: bool
) -> list[Entry]:
    """The entries of a code or a member, without the names of officers of other guilds.

    Officers of all guilds read the entries of a code, and an earlier release of Redeemer wrote what
    was done in other guilds into the entries of a member. So an entry names only the reader,
    officers of the reader's guilds, and administrators.

    Args:
        entries: the entries.
        person: the reader.
        with_former: whether former officers of the reader's guilds are named, too.
    """
    if scope.sees_all(person):
        return entries
    own = Guild.objects.filter(officers=person)
    known = Q(pk=person.pk) | Q(is_superuser=True) | Q(guilds__in=own)
    if with_former:
        kept = Guild.history.model.officers.model.objects
        known |= Q(pk__in=kept.filter(history__id__in=own.values("pk")).values("user"))
    names = {entry.who for entry in entries if entry.who}
    shown = set(User.objects.filter(known, username__in=names).values_list("username", flat=True))
    return [
        entry if not entry.who or entry.who in shown else replace(entry, who=_("another person"))
        for entry in entries
    ]


def _add(logged: Entry, entries: list[Entry]) -> None:
    """Add a logged action to the entry of the version that it made, or as a separate entry."""
    same = next(
        (one for one in entries if one.who == logged.who and abs(one.at - logged.at) < _SOON), None
    )
    if same is None:
        entries.append(logged)
    elif logged.words not in same.words:
        entries[entries.index(same)] = replace(same, words=f"{same.words} {logged.words}".strip())


def changes_between(before: Any, after: Any) -> list[Change]:
    """The fields in which two versions of a row differ.

    If there is no earlier version, the list is empty.
    """
    if before is None:
        return []
    return [
        Change(str(column.verbose_name), _shown(before, column), _shown(after, column))
        for column in after.tracked_fields
        if getattr(before, column.attname) != getattr(after, column.attname)
    ]


def changes_logged(logs: Sequence[LogEntry]) -> dict[int, list[Change]]:
    """The values that changed with each logged action, by the action's id.

    Long texts and related rows are left out. An action is in the result only if it wrote a version
    of its row and there is an earlier version to compare it with. This takes two statements for
    each model that has versions.
    """
    found: dict[int, list[Change]] = {}
    by_model: dict[Any, list[LogEntry]] = defaultdict(list)
    for log in logs:
        model = log.content_type.model_class() if log.content_type else None
        if log.is_change() and hasattr(model, "history") and row_id(log.object_id or ""):
            by_model[model].append(log)
    for model, of_model in by_model.items():
        found.update(_changes_of(model, of_model))
    return found


def _changes_of(model: Any, logs: list[LogEntry]) -> dict[int, list[Change]]:
    wanted = Q()
    for log in logs:
        about = {"id": log.object_id, "history_user": log.user_id, "history_type": "~"}
        wanted |= Q(history_date__range=(log.action_time - _SOON, log.action_time + _SOON), **about)
    earlier = model.history.filter(id=OuterRef("id"), history_id__lt=OuterRef("history_id"))
    newest = Subquery(earlier.order_by("-history_id").values("history_id")[:1])
    versions = list(model.history.filter(wanted).annotate(before=newest))
    befores = {
        one.history_id: one
        for one in model.history.filter(history_id__in=[one.before for one in versions])
    }
    found = {}
    for log in logs:
        near = [
            one
            for one in versions
            if str(one.id) == log.object_id
            and one.history_user_id == log.user_id
            and one.before in befores
            and one.history_change_reason != FIRST_KNOWN
            and abs(one.history_date - log.action_time) <= _SOON
        ]
        if near:
            version = min(near, key=lambda one: abs(one.history_date - log.action_time))
            found[log.pk] = _short_changes(befores[version.before], version)
    return found


def _short_changes(before: Any, after: Any) -> list[Change]:
    """The changes of fields that are neither long nor related rows."""
    return [
        Change(str(column.verbose_name), _shown(before, column), _shown(after, column))
        for column in after.tracked_fields
        if not isinstance(column, ForeignKey | TextField)
        and getattr(before, column.attname) != getattr(after, column.attname)
    ]


class _Related:
    """Related rows, such as a guild's officers, fetched for many versions at once."""

    def __init__(self, versions: list[Any]) -> None:
        self._fields = versions[0]._history_m2m_fields if versions else []
        self._names: dict[tuple[str, int], list[str]] = defaultdict(list)
        for many in self._fields:
            kept, named = getattr(type(versions[0]), many.name).model, many.m2m_reverse_field_name()
            for row in kept.objects.filter(history__in=versions).select_related(named):
                self._names[many.name, row.history_id].append(str(getattr(row, named) or NOTHING))

    def changes(self, before: Any, after: Any) -> list[Change]:
        """The many-to-many fields in which two versions differ."""
        if before is None:
            return []
        found = [
            (many, self._named(many, before), self._named(many, after)) for many in self._fields
        ]
        return [Change(str(many.verbose_name), old, new) for many, old, new in found if old != new]

    def _named(self, many: Any, version: Any) -> str:
        return joined(sorted(self._names[many.name, version.history_id])) or NOTHING


def _of_version(before: Any, version: Any, related: _Related) -> Entry | None:
    if version is None or version.history_change_reason == FIRST_KNOWN:
        return None
    changes = changes_between(before, version) + related.changes(before, version)
    words = reason_words(version.history_change_reason or "")
    if version.history_type == "+":
        words = words or _("Added.")
    elif not changes and not words:
        return None
    who = version.history_user.get_username() if version.history_user else ""
    return Entry(version.history_date, who, words, changes)


def _logged(row: Model, since: dt.datetime | None) -> tuple[list[Entry], bool]:
    """The actions that the admin logged, except changes of fields, which the versions describe.

    Changes of fields before the first version are included, because no version describes them.

    Returns:
        The newest entries, newest first, and whether there are older ones.
    """
    newest = list(islice(_all_logged(row, since), MOST_ENTRIES + 1))
    return newest[:MOST_ENTRIES], len(newest) > MOST_ENTRIES


def _all_logged(row: Model, since: dt.datetime | None) -> Iterator[Entry]:
    kind = ContentType.objects.get_for_model(row)
    logs = LogEntry.objects.filter(content_type=kind, object_id=str(row.pk)).select_related("user")
    for log in logs.order_by("-action_time").iterator(chunk_size=MOST_ENTRIES):
        if (
            since is None
            or log.action_time < since - _SOON
            or not _is_about_fields(log.change_message)
        ):
            yield Entry(log.action_time, log.user.get_username(), words_of(log))


def _is_about_fields(message: str) -> bool:
    """Whether a log entry is only about the row's own fields.

    Changes of related rows (such as a guild's channel) are not in the versions.
    """
    try:
        parts = json.loads(message)
    except ValueError:
        return False
    return isinstance(parts, list) and not any(
        "name" in what for part in parts for what in part.values()
    )


def _shown(version: Any, column: Field[Any, Any]) -> str:
    if isinstance(column, ForeignKey):
        value = getattr(version, column.attname)
        row = column.related_model._default_manager.filter(pk=value).first()
        return str(row or NOTHING)
    if column.choices:
        return str(getattr(version, f"get_{column.name}_display")())
    value = getattr(version, column.attname)
    if value is None and column.name == "realm":
        return _("the guild's")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return _shortened(str(display_for_field(value, column, NOTHING))) or NOTHING


def _shortened(text: str) -> str:
    """The beginning of a long text, and the length of the whole text."""
    if len(text) <= MOST_SHOWN:
        return text
    return _("%(start)s… (%(length)s characters)") % {
        "start": text[:MOST_SHOWN],
        "length": grouped(len(text)),
    }
