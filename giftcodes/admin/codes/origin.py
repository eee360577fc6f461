"""Where a code came from, and what has happened to it: the facts at the end of its page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from giftcodes.admin.common.adders import adders_of
from giftcodes.domain.dates import worded
from giftcodes.domain.lists import joined
from giftcodes.domain.sentences import reason_of
from giftcodes.models import GiftCode
from giftcodes.models.code import Source
from giftcodes.queries import scope


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact about a code: its name, and either words or a moment."""

    name: str
    words: str = ""
    at: dt.datetime | None = None


def source_words(source: str, adder: str = "") -> str:
    """Where a code came from. The source `admin` is shown as a person, who may be an officer.

    Args:
        source: the code's source.
        adder: the name of the person who added it, if there is one and the reader may know it.
    """
    if source == Source.ADMIN and adder:
        return _("a person (%s)") % adder
    return _("a person") if source == Source.ADMIN else str(Source(source).label)


def facts(code: GiftCode, person: scope.Person, *, shows_times: bool) -> list[Fact]:
    """The facts about a code, without those that are empty or that stand elsewhere on its page.

    Officers do not see when the game accepted the code, because that is a moment in the run of some
    guild. For the same reason, they do not see the time at which a code was closed until a run of
    the code has begun for a guild of theirs.

    Args:
        code: the code.
        person: the person who looks at them.
        shows_times: whether the person may see the moments of closing (`scope.sees_times`).
    """
    reason = reason_of(code.closed_outcome) if code.closed_outcome else ""
    adder = adders_of([code.pk], person).get(code.pk, "") if code.source == Source.ADMIN else ""
    found = [
        Fact(_("Came from"), source_words(code.source, adder)),
        Fact(_("Issue"), str(code.issue) if code.issue > 1 else ""),
        Fact(_("First seen"), at=code.first_seen_at),
        Fact(_("Last seen in the feed"), at=code.last_seen_at),
    ]
    if scope.sees_all(person):
        found.append(Fact(_("First accepted by the game"), at=code.proven_at))
    if shows_times:
        found.append(Fact(_("Closed"), at=code.closed_at))
    found.append(Fact(_("Closed by the answer"), reason if reason != code.reason else ""))
    if shows_times:
        found.append(Fact(_("Tries since it was closed"), str(code.probes or "")))
    if scope.sees_all(person):
        found += _seen_in(code)
    return [fact for fact in found if fact.words or fact.at]


def _seen_in(code: GiftCode) -> Iterator[Fact]:
    """Each feed that has listed the code, and since when."""
    for row in code.sightings.select_related("feed"):
        words = [row.feed.name]
        if row.is_first:
            words.append(_("was first"))
        if not row.is_listed:
            words.append(_("no longer listed"))
        if row.expires_at:
            words.append(_("ends %s") % worded(row.expires_at, "j F Y, H:i"))
        yield Fact(_("Seen in"), joined(words), at=row.first_seen_at)
