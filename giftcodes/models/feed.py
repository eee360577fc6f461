"""The feed of a game: where its codes are published, and when it is polled next."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from giftcodes.models.fields import provider_choices
from giftcodes.models.game_words import title_of


class Feed(models.Model):
    """The feed of a game: its last answer, its failures, and the next poll."""

    provider = models.CharField(
        _("game"), max_length=20, choices=provider_choices, primary_key=True
    )
    enabled = models.BooleanField(_("polled"), default=True)
    next_poll_at = models.DateTimeField(_("next poll"), default=timezone.now)
    polled_at = models.DateTimeField(_("last poll"), null=True, editable=False)
    answered_at = models.DateTimeField(_("last good answer"), null=True, editable=False)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    error = models.TextField(_("last error"), blank=True, editable=False)
    listed = models.PositiveIntegerField(_("codes in the last answer"), default=0, editable=False)
    skipped = models.PositiveIntegerField(
        _("lines skipped in the last answer"), default=0, editable=False
    )
    skipped_lines = models.TextField(_("skipped lines"), blank=True, editable=False)
    etag = models.CharField(max_length=200, blank=True, editable=False)
    last_modified = models.CharField(max_length=100, blank=True, editable=False)

    class Meta:
        verbose_name = _("feed")
        verbose_name_plural = _("feeds")

    def __str__(self) -> str:
        return gettext("Feed of %s") % title_of(self.provider)
