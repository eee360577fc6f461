"""The feeds of a game: where its codes are published, and when each feed is polled next."""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlsplit

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from giftcodes.models.clock import Clock
from giftcodes.models.encrypted import EncryptedTextField, Unreadable
from giftcodes.models.fields import NameField, SentenceField, SentencesField, provider_choices
from giftcodes.models.game_words import title_of

#: The name of the feed that the settings of a game describe.
MAIN_NAME = "main"
#: The shortest and the longest time between two polls of a feed, in seconds.
SHORTEST_INTERVAL, LONGEST_INTERVAL = 30, 1_800
USUAL_INTERVAL = 60


class FeedKind(models.TextChoices):
    """Where a feed's codes come from.

    Except for MAIN and PUSHED, the value names the reader of the feed's answer.
    """

    MAIN = "main", _("the feed of the settings")
    COMMUNITY = "community", _("community list")
    KINGSHOT_NET = "kingshot.net", _("list of kingshot.net")
    JSON = "json", _("JSON from any address")
    RSS = "rss", _("RSS or Atom")
    WEB_PAGE = "page", _("web page")
    PUSHED = "pushed", _("webhook: another program sends the codes")


class FeedTrust(models.TextChoices):
    """What happens to a new code of a feed."""

    TRUSTED = "trusted", _("is tried at once, for one member first")
    PERSON = "person", _("waits for an administrator")


class FeedQuerySet(models.QuerySet["Feed"]):
    def main_of(self, provider: str) -> Feed:
        """The feed that the settings of a game describe. Its row is made if it is missing."""
        return self.get_or_create(
            provider=provider, kind=FeedKind.MAIN, defaults={"name": MAIN_NAME}
        )[0]

    def mains(self) -> dict[str, Feed]:
        """The feed of the settings of each game that has a row, by the game's name."""
        return {feed.provider: feed for feed in self.filter(kind=FeedKind.MAIN)}

    def added(self) -> FeedQuerySet:
        """The feeds that a person has added in the browser."""
        return self.exclude(kind=FeedKind.MAIN)

    def polled(self) -> FeedQuerySet:
        """The added feeds that are asked from time to time, because no program sends their codes.

        The game of such a feed may be off.
        """
        return self.added().filter(enabled=True).exclude(kind=FeedKind.PUSHED)

    def believed(self) -> FeedQuerySet:
        """The feeds whose codes, days and ends are used without a person."""
        return self.filter(enabled=True, trust=FeedTrust.TRUSTED)


class Feed(models.Model):
    """A feed of a game: its address, its last answer, its failures, and the next poll.

    The address and the key of a game's main feed are in the settings of the game; those of the
    other feeds are here.
    """

    provider = models.CharField(_("game"), max_length=20, choices=provider_choices)
    name = NameField(
        _("name"),
        max_length=40,
        default=MAIN_NAME,
        db_default=MAIN_NAME,
        help_text=_("A short name, such as the name of the page. Guilds do not see it."),
    )
    kind = models.CharField(
        _("kind"),
        max_length=20,
        choices=FeedKind,
        default=FeedKind.MAIN,
        db_default=FeedKind.MAIN,
        editable=False,
    )
    address = EncryptedTextField(_("address"), blank=True, default="", db_default="")
    api_key = EncryptedTextField(_("API key"), blank=True, default="", db_default="")
    #: How the answer is read, as the fields of `SourceOptions`.
    options = models.JSONField(default=dict, db_default={}, editable=False)
    #: The hash of the token with which another program sends codes. Empty if there is no token.
    token_hash = models.CharField(
        max_length=64, blank=True, default="", db_default="", editable=False
    )
    interval_seconds = models.PositiveIntegerField(
        _("seconds between two polls"),
        default=USUAL_INTERVAL,
        db_default=USUAL_INTERVAL,
        validators=[MinValueValidator(SHORTEST_INTERVAL), MaxValueValidator(LONGEST_INTERVAL)],
    )
    trust = models.CharField(
        _("a new code"),
        max_length=10,
        choices=FeedTrust,
        default=FeedTrust.TRUSTED,
        db_default=FeedTrust.TRUSTED,
    )
    #: When Redeemer itself stopped trusting the feed, because its codes were wrong again and again.
    distrusted_at = models.DateTimeField(_("trusted until"), null=True, editable=False)
    #: Only codes that the feed listed after this time count for or against it. The first answer
    #: does not count, because it may list very old codes.
    judged_from = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("added"), db_default=Clock(), editable=False)

    enabled = models.BooleanField(_("switched on"), default=True)
    next_poll_at = models.DateTimeField(_("next poll"), default=timezone.now)
    polled_at = models.DateTimeField(_("last poll"), null=True, editable=False)
    answered_at = models.DateTimeField(_("last good answer"), null=True, editable=False)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    error = SentenceField(_("last error"), blank=True, editable=False)
    listed = models.PositiveIntegerField(_("codes in the last answer"), default=0, editable=False)
    skipped = models.PositiveIntegerField(
        _("lines skipped in the last answer"), default=0, editable=False
    )
    skipped_lines = SentencesField(_("skipped lines"), blank=True, default=list, editable=False)
    #: How many new codes of the last answer wait, because enough codes of the feed are being tried.
    held = models.PositiveIntegerField(
        _("new codes that wait"), default=0, db_default=0, editable=False
    )
    etag = models.CharField(max_length=200, blank=True, editable=False)
    last_modified = models.CharField(max_length=100, blank=True, editable=False)

    objects = FeedQuerySet.as_manager()

    class Meta:
        ordering = ["provider", "id"]
        verbose_name = _("feed")
        verbose_name_plural = _("feeds")
        constraints = [
            models.UniqueConstraint(fields=["provider", "name"], name="one_feed_of_a_name"),
            models.UniqueConstraint(
                fields=["provider"], condition=Q(kind="main"), name="one_main_feed_of_a_game"
            ),
            models.UniqueConstraint(
                fields=["token_hash"], condition=~Q(token_hash=""), name="one_feed_of_a_token"
            ),
        ]

    def __str__(self) -> str:
        title = title_of(self.provider)
        if self.is_main:
            return gettext("Feed of %s") % title
        return gettext("Feed “%(name)s” of %(game)s") % {"name": self.name, "game": title}

    @property
    def is_main(self) -> bool:
        """Whether the settings of the game hold its address."""
        return self.kind == FeedKind.MAIN

    @property
    def is_pushed(self) -> bool:
        """Whether another program sends the codes, so that nothing is polled."""
        return self.kind == FeedKind.PUSHED

    @property
    def is_trusted(self) -> bool:
        """Whether a new code is tried without a person."""
        return self.trust == FeedTrust.TRUSTED

    @property
    def is_readable(self) -> bool:
        """Whether there is a key for the address and the API key."""
        return not any(isinstance(text, Unreadable) for text in (self.address, self.api_key))

    @property
    def host(self) -> str:
        """The scheme and host of the address. The rest may contain a secret."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else ""

    def believe(self, trust: str, now: dt.datetime) -> None:
        """Save a person's decision whether to trust the feed, and forget its earlier mistakes."""
        self.trust, self.distrusted_at, self.judged_from = trust, None, now
        self.save(update_fields=["trust", "distrusted_at", "judged_from"])
