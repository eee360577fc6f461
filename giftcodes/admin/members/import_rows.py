"""The rows of the review of a list: what was read and changed, and what the import would do.

Nothing is stored between two requests. The form carries the list itself, and the changes of all
rows, also of those that it does not show. The list is read again each time, so what is imported is
what was shown.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common.html import NOTHING
from giftcodes.domain.text import isolated
from giftcodes.models import Guild
from giftcodes.models.game_words import place_noun
from giftcodes.roster import ListedMember, Review, ReviewedLine, Verdict, listed_values
from giftcodes.roster.cells import CellError
from giftcodes.roster.chat import read_line
from giftcodes.services.imports import ImportResult, import_members

FIELDS = ("player_id", "nickname", "realm", "consented_on")
#: The rows of one page. Django accepts 1,000 fields in a form, and a row has up to five.
ROWS_OF_PAGE = 100
#: The maximum bytes of the changes that a form carries, and the maximum characters of one value.
MOST_CHANGES, MOST_VALUE = 500_000, 1_000
#: A longer text in the field of a player ID is not searched for separators: it is no player ID.
_MOST_OF_ID = 60

NEW, CHANGED, BACK, THERE, OPTED_OUT = "new", "changed", "back", "there", "opted-out"
#: The badge and the words of each effect.
EFFECTS: dict[str, tuple[str, Any]] = {
    NEW: ("redeemed", _("New")),
    CHANGED: ("running", _("Changes")),
    BACK: ("redeemed", _("Active again")),
    THERE: ("pending", _("Already there")),
    OPTED_OUT: ("opted-out", _("Opted out: is left out")),
}
#: Effects on known players, which may surprise a person who has just changed a row: the page has
#: not shown the new effect yet.
_SURPRISING = (CHANGED, BACK, OPTED_OUT)


class TooManyChangesError(ValueError):
    """The form cannot carry so many changes."""


@dataclass(slots=True)
class Row:
    """A line of the review.

    Args:
        key: names the row in the form. It depends on the text of the line, not on its number.
        line: what was read.
        values: the values in the form.
        is_used: whether the row is selected for the import.
        is_fresh: whether this request changed the values.
        is_forgotten: whether this request changed the values of a row that was not selected, and
            did not select it.
        member: the member, if the values can be used.
        error, error_field: why a value cannot be used, and the name of the value. Both are empty if
            all values can be used.
        effect: what the import would do.
        changes: the name, the old and the new value of each field that the import would change.
    """

    key: str
    line: ReviewedLine
    values: dict[str, str]
    is_used: bool
    is_fresh: bool = False
    is_forgotten: bool = False
    member: ListedMember | None = None
    error: str = ""
    error_field: str = ""
    effect: str = ""
    changes: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def doubtful(self) -> str:
        """The name of the value that needs a look. Empty if none does."""
        if self.is_used:
            return self.error_field
        return self.line.field if self.line.verdict is Verdict.UNSURE else ""

    @property
    def badge(self) -> str:
        """The state whose badge has the right colour for the effect."""
        return EFFECTS[self.effect][0] if self.effect else ""

    @property
    def effect_label(self) -> Any:
        """The effect in words."""
        return EFFECTS[self.effect][1] if self.effect else ""

    @property
    def shows_effect(self) -> bool:
        """Whether the page shows the effect. Without a tick, “New” is hidden: no one is added."""
        return bool(self.effect) and (self.is_used or self.effect != NEW)

    @property
    def counts(self) -> bool:
        """Whether the row can be imported if it is selected."""
        return self.effect != OPTED_OUT

    def inputs(self) -> Iterator[dict[str, Any]]:
        """The fields of the row."""
        for name in FIELDS:
            yield {
                "name": f"{self.key}.{name}",
                "field": name,
                "value": self.values[name],
                "is_doubtful": self.doubtful == name,
                "is_wrong": self.is_used and self.error_field == name,
            }


@dataclass(slots=True)
class Rows:
    """All rows of a review, in the order in which they are shown."""

    rows: list[Row]
    ignored_columns: tuple[str, ...] = ()
    result: ImportResult = field(default_factory=ImportResult)

    @property
    def used(self) -> list[Row]:
        """The rows to import."""
        return [row for row in self.rows if row.is_used]

    @property
    def number(self) -> int:
        """How many members the import would take."""
        return sum(row.counts for row in self.used)

    @property
    def wrong(self) -> list[Row]:
        """The rows to import whose values cannot be used."""
        return [row for row in self.used if row.error]

    @property
    def surprising(self) -> list[Row]:
        """Rows that were just changed, and whose effect on a known member was not shown before."""
        return [row for row in self.used if row.is_fresh and row.effect in _SURPRISING]

    @property
    def has_consent(self) -> bool:
        """Whether the list has days of consent."""
        return any(row.values["consented_on"] for row in self.rows)

    def of(self, *verdicts: Verdict) -> list[Row]:
        """The rows with one of these verdicts."""
        return [row for row in self.rows if row.line.verdict in verdicts]

    def page_of(self, row: Row) -> int:
        """The number of the page that shows a row, from 1."""
        return self.rows.index(row) // ROWS_OF_PAGE + 1

    def changes(self) -> str:
        """All changes, for a hidden field.

        Raises:
            TooManyChangesError: the form cannot carry them.
        """
        changes: dict[str, int | list[int | str]] = {}
        for row in self.rows:
            if row.values != _values_of(row.line):
                changes[row.key] = [int(row.is_used), *(row.values[name] for name in FIELDS)]
            elif row.is_used != _is_used_by_default(row.line):
                changes[row.key] = int(row.is_used)
        text = json.dumps(changes, ensure_ascii=False, separators=(",", ":"))
        if len(text.encode("utf-8", "replace")) > MOST_CHANGES:
            raise TooManyChangesError
        return text


def rows_of(review: Review, changes: str, form: Mapping[str, Any]) -> Rows:
    """The rows of a review.

    Args:
        review: what was read.
        changes: the changes of earlier requests (`Rows.changes`). Unusable ones are ignored.
        form: the form of this request, with the rows that it showed.
    """
    rows = list(_rows(review.lines))
    known = _known_changes(changes)
    for row in rows:
        if row.key in known:
            row.is_used, values = known[row.key]
            row.values = values or row.values
        _take(row, form)
    order = {Verdict.UNSURE: 0, Verdict.GOOD: 1}
    rows.sort(key=lambda row: order.get(row.line.verdict, 2))
    _check(rows)
    return Rows(rows, review.ignored_columns)


def preview(guild: Guild, rows: Rows) -> None:
    """Find out what the import would do with each row, and change nothing.

    Raises:
        GuildFullError: the guild has no room for the selected rows.
    """
    labels = {
        "nickname": gettext("name"),
        "realm": place_noun(guild.provider),
        "consented_on": gettext("consented on"),
    }
    used: dict[str, ListedMember] = {}
    others: dict[str, ListedMember] = {}
    for row in rows.used:
        if row.member:
            used.setdefault(row.member.player_id, row.member)
    for row in rows.rows:
        if row.member and row.member.player_id not in used:
            others.setdefault(row.member.player_id, row.member)
    rows.result = result = import_members(
        guild.pk, list(used.values()), dry_run=True, also_report=list(others.values())
    )
    effects = {
        **dict.fromkeys(result.changes, CHANGED),
        **dict.fromkeys(result.reactivated, BACK),
        **dict.fromkeys(result.added, NEW),
        **dict.fromkeys(result.opted_out, OPTED_OUT),
    }
    for row in rows.rows:
        if row.member:
            row.effect = effects.get(row.member.player_id, THERE)
            row.changes = [
                (labels[name], isolated(old) or NOTHING, isolated(new))
                for name, old, new in result.changes.get(row.member.player_id, [])
            ]


def select_unsure(rows: Rows) -> None:
    """Select the unsure rows whose values can be used."""
    for row in rows.of(Verdict.UNSURE):
        row.is_used = row.is_used or row.member is not None
    _check(rows.rows)


def _rows(lines: Sequence[ReviewedLine]) -> Iterator[Row]:
    """A row for each line. Lines with the same text are numbered."""
    seen: Counter[str] = Counter()
    for line in lines:
        name = hashlib.sha256(line.original.encode("utf-8", "replace")).hexdigest()[:12]
        seen[name] += 1
        yield Row(f"{name}-{seen[name]}", line, _values_of(line), _is_used_by_default(line))


def _values_of(line: ReviewedLine) -> dict[str, str]:
    return {name: getattr(line, name) for name in FIELDS}


def _is_used_by_default(line: ReviewedLine) -> bool:
    return line.verdict is Verdict.GOOD


def _known_changes(text: str) -> dict[str, tuple[bool, dict[str, str] | None]]:
    """The changes in the hidden field, which a person may have tampered with.

    The values are None if only the tick was changed.
    """
    try:
        changes = json.loads(text) if text and len(text) <= MOST_CHANGES else {}
    except (ValueError, RecursionError):
        return {}
    known: dict[str, tuple[bool, dict[str, str] | None]] = {}
    for key, entry in changes.items() if isinstance(changes, dict) else ():
        if isinstance(entry, int):
            known[key] = (bool(entry), None)
        elif (
            isinstance(entry, list)
            and len(entry) == len(FIELDS) + 1
            and all(isinstance(value, str) and len(value) <= MOST_VALUE for value in entry[1:])
        ):
            known[key] = (bool(entry[0]), dict(zip(FIELDS, entry[1:], strict=True)))
    return known


def _take(row: Row, form: Mapping[str, Any]) -> None:
    """Take the values of the form, if it showed the row."""
    if f"{row.key}.player_id" not in form:
        return
    was_used, values = row.is_used, row.values
    row.values = {
        name: str(form.get(f"{row.key}.{name}", values[name])).strip()[:MOST_VALUE]
        for name in FIELDS
    }
    row.is_used = f"{row.key}.use" in form
    row.is_fresh = row.values != values
    row.is_forgotten = row.is_fresh and not row.is_used and not was_used


def _check(rows: Sequence[Row]) -> None:
    """Convert the values of each row. A player who is selected twice is an error."""
    selected: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: row.line.line):
        row.member, row.error, row.error_field = None, "", ""
        if not row.is_used and not row.values["player_id"]:
            continue
        if row.line.verdict is Verdict.REPEATED and not row.is_used:
            continue
        try:
            row.member = listed_values(row.line.line, **_typed(row.values))
        except CellError as error:
            row.error, row.error_field = str(error), error.field
            continue
        if not row.is_used:
            continue
        earlier = selected.setdefault(row.member.player_id, row)
        if earlier is not row:
            row.error_field = "player_id"
            row.error = gettext(
                "Player %(player_id)s is already on line %(line)d. Untick one of the two lines."
            ) % {"player_id": row.member.player_id, "line": earlier.line.line}


def _typed(values: dict[str, str]) -> dict[str, str]:
    """The values, without the separators that people type within an ID."""
    player_id = values["player_id"]
    is_plain = player_id.isdecimal() or len(player_id) > _MOST_OF_ID
    players = [] if is_plain else read_line(player_id).players
    if len(players) == 1 and not players[0].nickname and not players[0].doubt:
        player_id = players[0].player_id
    return {**values, "player_id": player_id}
