"""Which feeds list a code: since when, and with which day and end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db import models
from django.db.models import F, Max, Q
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.outcomes import Outcome
from giftcodes.models.code import GiftCode
from giftcodes.models.feed import Feed, FeedTrust

#: After this many codes in a row that the game does not know, a feed is no longer trusted.
MOST_WRONG = 5
#: The game has said with these answers that it knows the code.
_KNOWN_ENDINGS = (Outcome.CODE_EXPIRED, Outcome.CLAIM_LIMIT)

#: The game does not know the code.
WRONG = Q(gift_code__proven_at__isnull=True, gift_code__closed_outcome=Outcome.CODE_NOT_FOUND)
#: The feed listed the code, and later the game showed that it knows the code. If the game had shown
#: this before the feed listed the code, the sighting says nothing about the feed.
RIGHT = Q(gift_code__proven_at__gte=F("first_seen_at")) | Q(
    gift_code__closed_outcome__in=_KNOWN_ENDINGS, gift_code__closed_at__gte=F("first_seen_at")
)


class CodeSightingQuerySet(models.QuerySet["CodeSighting"]):
    def believed(self) -> CodeSightingQuerySet:
        """What feeds that are trusted and switched on list now."""
        return self.filter(is_listed=True, feed__enabled=True, feed__trust=FeedTrust.TRUSTED)

    def latest_ends(self, code_ids: Iterable[int]) -> dict[int, dt.datetime]:
        """For each of these codes, the latest end that a trusted feed gives now, if one does.

        The feeds of a game may give different ends. The latest one is always used, so the end does
        not change back and forth with the polls.
        """
        rows = self.believed().filter(gift_code__in=list(code_ids), expires_at__isnull=False)
        return dict(rows.order_by().values_list("gift_code").annotate(Max("expires_at")))

    def lists_without_end(self, code: GiftCode) -> bool:
        """Whether a trusted feed lists a code now, and gives no end."""
        return self.believed().filter(gift_code=code, expires_at__isnull=True).exists()

    def note_proposals(self, code: GiftCode) -> None:
        """Record the feeds whose proposals of this code were approved."""
        for feed_id, proposed_at in code.proposals.filter(feed__isnull=False).values_list(
            "feed", "proposed_at"
        ):
            self.get_or_create(
                feed_id=feed_id,
                gift_code=code,
                defaults={
                    "first_seen_at": proposed_at,
                    "last_seen_at": proposed_at,
                    "is_first": proposed_at < code.first_seen_at,
                },
            )

    def wrong_in_a_row(self, feed: Feed) -> int:
        """How many of the feed's newest codes the game does not know, with no right one between.

        At most `MOST_WRONG` codes are looked at, in one statement.
        """
        judged = self.filter(WRONG | RIGHT, feed=feed)
        if feed.judged_from is not None:
            judged = judged.filter(first_seen_at__gt=feed.judged_from)
        newest = judged.order_by("-first_seen_at", "-pk").annotate(
            is_wrong=models.Case(models.When(WRONG, then=True), default=False)
        )
        number = 0
        for is_wrong in newest.values_list("is_wrong", flat=True)[:MOST_WRONG]:
            if not is_wrong:
                break
            number += 1
        return number


class CodeSighting(models.Model):
    """That a feed lists an issue of a code.

    `published_on` and `expires_at` are what the feed's last answer with this code said.
    """

    feed = models.ForeignKey(
        Feed, on_delete=models.CASCADE, related_name="sightings", verbose_name=_("feed")
    )
    gift_code = models.ForeignKey(
        GiftCode, on_delete=models.CASCADE, related_name="sightings", verbose_name=_("gift code")
    )
    first_seen_at = models.DateTimeField(_("first seen"))
    last_seen_at = models.DateTimeField(_("last seen"))
    published_on = models.DateField(_("published"), null=True)
    expires_at = models.DateTimeField(_("expires"), null=True)
    #: Whether the code came to us from this feed, before any other feed or person had it.
    is_first = models.BooleanField(_("was first"), default=False)
    #: Whether the feed's last answer had the code. For a webhook, this stays true.
    is_listed = models.BooleanField(_("listed now"), default=True)

    objects = CodeSightingQuerySet.as_manager()

    class Meta:
        ordering = ["first_seen_at", "id"]
        verbose_name = _("code in a feed")
        verbose_name_plural = _("codes in feeds")
        #: The pages of codes and feeds show them; there is no list of them.
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["feed", "gift_code"], name="one_sighting_by_a_feed")
        ]

    def __str__(self) -> str:
        return f"{self.gift_code_id} in feed {self.feed_id}"
