"""The lines of the list “Needs you”, and the alarms that no line is about yet."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from django.db.models import Model
from django.urls import reverse

from giftcodes.admin.common.confirmation import SHOWN
from giftcodes.admin.common.html import list_url
from giftcodes.domain.served import Tone
from giftcodes.models import Alarm
from giftcodes.models.alarm import without_empty_guilds
from giftcodes.queries import scope


class Urgency(IntEnum):
    """The place of a line in the list. The most urgent lines come first."""

    SYSTEM = 0
    GAME = 1
    FEED = 2
    STUCK = 3
    GUILD = 4
    MEMBERS = 5
    CODE = 6
    REQUEST = 7
    PROPOSAL = 8
    CHANNEL = 9
    OTHER = 10


@dataclass(frozen=True, slots=True)
class Button:
    """A button that runs an action of a list for one row, and leads back to a page.

    Args:
        label: its words.
        url: the address of the list.
        fields: the names and values of the form's hidden fields.
    """

    label: Any
    url: str
    fields: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, label: Any, model: type[Model], action: str, pk: Any, *, back: str = "") -> Button:
        """The button for the row with this primary key. An empty `back` stands for Home.

        The button runs the action at once, even if the list asks for confirmation.
        """
        fields = {"action": action, "_selected_action": str(pk), "index": "0", SHOWN: "yes"}
        back = back or reverse("admin:index")
        return cls(label, list_url(model), (*fields.items(), ("back", back)))


@dataclass(frozen=True, slots=True)
class Need:
    """A line of the list.

    Args:
        urgency: the place of the line.
        title: what is wrong, or who waits for what.
        todo: what to do, or what happens next.
        tone: how bad it is.
        url, link: the page on which a person can do what `todo` says, and the words of the link.
        more: further links, each with its words.
        since: when the trouble or the wait began.
        until, until_words: when Redeemer tries again, as ISO 8601, and the words that precede
            it in the line.
        guild: the form to correct a guild, as `guild_correction_of` makes it.
        corrections: the forms to correct members, as `correction_of` makes them.
        button: an action that the person can run from this line.
        proposal: a code that an officer proposed. The person approves or rejects it here.
    """

    urgency: Urgency
    title: Any
    todo: Any = ""
    tone: Tone = Tone.ATTENTION
    url: str = ""
    link: Any = ""
    more: tuple[tuple[str, Any], ...] = ()
    since: dt.datetime | None = None
    until: str | None = None
    until_words: Any = ""
    guild: dict[str, Any] | None = None
    corrections: tuple[dict[str, Any], ...] = ()
    button: Button | None = None
    proposal: Any = None


#: Links to what the list leaves out: the address of a full list, and words such as `3 more alarms`.
More = list[tuple[str, str]]


def joined(*sentences: str) -> str:
    """Sentences with a space between them. Empty ones are left out."""
    return " ".join(sentence for sentence in sentences if sentence)


class Alarms:
    """The alarms that a person may see. `take` removes those that another line is about."""

    def __init__(self, person: Any) -> None:
        """Read the alarms, in two SQL statements at most."""
        rows = scope.visible(Alarm.objects.listed().filter(cleared_at__isnull=True), person)
        found = list(rows.order_by("suspected_at", "pk"))
        self._rows = {(row.kind, row.subject): row for row in without_empty_guilds(found)}

    def take(self, kind: str, subject: Any) -> Alarm | None:
        """Remove and return an alarm, if there is one, so that it gets no line of its own."""
        return self._rows.pop((kind, str(subject)), None)

    def has(self, kind: str, subject: Any) -> bool:
        """Whether there is this alarm, and no line is about it yet."""
        return (kind, str(subject)) in self._rows

    @property
    def left(self) -> list[Alarm]:
        """The raised alarms that no line is about. A suspected alarm gets no line of its own."""
        return [row for row in self._rows.values() if row.raised_at]
