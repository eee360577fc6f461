"""Gift codes. There is one row for each issue of a game's code."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import F, Q
from django.db.models.expressions import RawSQL
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.outcomes import Outcome
from giftcodes.domain.served import Ending
from giftcodes.domain.text import visible
from giftcodes.domain.validators import (
    validate_day,
    validate_moment,
)
from giftcodes.models.clock import Clock
from giftcodes.models.code_answers import CodeLife
from giftcodes.models.code_spellings import LIFE_FIELDS
from giftcodes.models.code_state import CodeState
from giftcodes.models.date_bounds import DAYS, MOMENTS, within
from giftcodes.models.deadline import deadline
from giftcodes.models.fields import NotesField, provider_choices
from giftcodes.models.history import Versions

if TYPE_CHECKING:
    from collections.abc import Iterable


_ENDINGS = {
    Outcome.CODE_NOT_FOUND: Ending.UNKNOWN,
    Outcome.CODE_EXPIRED: Ending.EXPIRED,
    Outcome.CLAIM_LIMIT: Ending.USED_UP,
}


class Source(models.TextChoices):
    FEED = "feed", _("feed")
    ADMIN = "admin", _("admin")
    COMMAND = "command", _("command line")


def code_words(code: str, issue: int) -> str:
    """A gift code as logs and pages show it."""
    code = visible(code)
    return code if issue == 1 else f"{code} (issue {issue})"


class GiftCodeQuerySet(models.QuerySet["GiftCode"]):
    def active(self) -> GiftCodeQuerySet:
        return self.filter(state=CodeState.ACTIVE)

    def latest_issues(self, provider: str, folded: Iterable[str]) -> dict[str, GiftCode]:
        """The newest issue of each of these codes, by folded code."""
        rows = self.filter(provider=provider, folded__in=list(folded)).order_by("folded", "issue")
        return {row.folded: row for row in rows}

    def release(self) -> int:
        """Release codes that unclear answers hold back, because a person has looked at them.

        After the next unclear answer, the code waits longer. It cannot be released again before
        the wait that was cut short would have ended.

        Returns:
            The number of released codes.
        """
        may_again = Q(released_until__isnull=True) | Q(released_until__lte=Clock())
        return self.filter(may_again, held_until__isnull=False).update(
            odd_players=[], odd_since=None, held_until=None, released_until=F("held_until")
        )

    def in_order(self) -> GiftCodeQuerySet:
        """Order as dispatch serves codes: by the moment that `deadline` gives, soonest first."""
        end = RawSQL(deadline(self.model._meta.db_table), (), output_field=models.DateTimeField())  # noqa: S611
        return self.order_by(end, "id")


class GiftCode(CodeLife):
    """One issue of a game's code. It is kept as published, and compared without case."""

    provider = models.CharField(_("game"), max_length=20, choices=provider_choices)
    folded = models.CharField(max_length=32, editable=False)
    issue = models.PositiveIntegerField(_("issue"), default=1, editable=False)
    source = models.CharField(
        _("source"), max_length=10, choices=Source, default=Source.ADMIN, editable=False
    )
    published_on = models.DateField(
        _("published"), null=True, blank=True, validators=[validate_day]
    )
    expires_at = models.DateTimeField(
        _("expires"), null=True, blank=True, validators=[validate_moment]
    )
    # The end that was taken from the feed. If `expires_at` differs, a person has set or cleared the
    # end.
    feed_end = models.DateTimeField(null=True, editable=False)
    rewards = NotesField(_("rewards"), blank=True)
    #: The guild of the officer who added the code in Discord, if that officer has no account. Until
    #: the game accepts the code, only this guild tries it (giftcodes.models.trial).
    trial_guild = models.ForeignKey(
        "giftcodes.Guild", on_delete=models.PROTECT, null=True, related_name="+", editable=False
    )
    first_seen_at = models.DateTimeField(_("first seen"), default=timezone.now, editable=False)
    last_seen_at = models.DateTimeField(_("last seen in the feed"), null=True, editable=False)

    objects = GiftCodeQuerySet.as_manager()
    history = Versions(
        excluded_fields=[
            "folded",
            "issue",
            "source",
            "feed_end",
            "trial_guild",
            "first_seen_at",
            "last_seen_at",
            *LIFE_FIELDS,
        ]
    )

    class Meta:
        ordering = ["-first_seen_at", "-id"]
        verbose_name = _("gift code")
        verbose_name_plural = _("gift codes")
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "folded", "issue"], name="one_row_for_each_issue_of_a_code"
            ),
            within(DAYS, "published_on", name="published_within_bounds"),
            within(MOMENTS, "expires_at", name="end_within_bounds"),
        ]
        indexes = [
            models.Index(
                fields=["provider"], name="code_open", condition=Q(state__in=["active", "probing"])
            ),
            models.Index(
                fields=["next_probe_at"],
                name="code_to_probe",
                condition=Q(next_probe_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return code_words(self.code, self.issue)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.folded = self.code.casefold()
        super().save(*args, **kwargs)

    @property
    def ending(self) -> Ending:
        """How the code ended. A closed code that is being probed keeps its ending."""
        if self.state == CodeState.ACTIVE:
            return Ending.OPEN
        if self.closed_outcome in _ENDINGS:
            return _ENDINGS[Outcome(self.closed_outcome)]
        return Ending.EXPIRED if self.closed_at_its_end else Ending.CLOSED

    @property
    def is_over(self) -> bool:
        """Whether the code has ended or does not exist. If so, its members do not need a person."""
        return self.ending is not Ending.OPEN

    def newer_issues(self) -> GiftCodeQuerySet:
        """The newer issues of this code, the newest first."""
        rows = GiftCode.objects.filter(provider=self.provider, folded=self.folded)
        return rows.filter(issue__gt=self.issue).order_by("-issue")

    @property
    def is_unknown(self) -> bool:
        """Whether the game does not know the code, so no one can have it."""
        return self.ending is Ending.UNKNOWN

    @property
    def closed_at_its_end(self) -> bool:
        """Whether the code was closed because its end, set by a person or the feed, had come."""
        return (
            not self.closed_outcome
            and self.closed_at is not None
            and self.expires_at is not None
            and self.expires_at <= self.closed_at
        )

    @property
    def ended_on(self) -> dt.date | None:
        """The day, in the site's time zone, on which the code ended by a stored end. Else None."""
        if self.state == CodeState.ACTIVE or not self.closed_at_its_end:
            return None
        assert self.expires_at is not None
        return timezone.localdate(self.expires_at)

    @property
    def has_end_of_feed(self) -> bool:
        """Whether the end came from the feed, and no person has changed or cleared it since."""
        return self.expires_at is not None and self.expires_at == self.feed_end

    def takes_end(self, end: dt.datetime, now: dt.datetime) -> bool:
        """Whether this end, which the feed now gives, must be stored.

        An end that a person set is never overwritten. A past end is not stored either: only the
        game's answers decide that a code has ended, and a stored past end would close a reopened
        code again. A later end reopens a code that was closed only because the feed's earlier end
        had come.
        """
        if end <= now or end == self.expires_at:
            return False
        if not self.is_open and not self.ended_by_feed:
            return False
        return self.has_end_of_feed or (self.expires_at is None and self.feed_end is None)

    @property
    def ended_by_feed(self) -> bool:
        """Whether the code was closed only because the feed's end had come."""
        return self.state == CodeState.CLOSED and self.has_end_of_feed and self.closed_at_its_end
