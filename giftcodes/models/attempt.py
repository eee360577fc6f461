"""Attempts (one for each request to the game), and the counts of pruned rows."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.outcomes import MEANINGS, PROVING, UNDECIDED
from giftcodes.models.clock import Clock
from giftcodes.models.code import GiftCode

#: Answers that prove nothing and leave nothing open. No step needs them later, so they are pruned.
PRUNABLE = sorted(
    outcome.value
    for outcome, row in MEANINGS.items()
    if outcome not in PROVING and outcome not in UNDECIDED
)


class Attempt(models.Model):
    """One request to the game. It is written before the request is sent, and completed later."""

    member_redemption = models.ForeignKey(
        "giftcodes.MemberRedemption",
        on_delete=models.PROTECT,
        db_index=False,  # The index of `one_attempt_for_each_claim` begins with it.
        related_name="attempts",
        verbose_name=_("member redemption"),
    )
    gift_code = models.ForeignKey(
        GiftCode,
        on_delete=models.PROTECT,
        db_index=False,  # The index `attempt_of_player` begins with it.
        related_name="+",
        verbose_name=_("gift code"),
    )
    player_id = models.CharField(_("player ID"), max_length=20)
    realm = models.PositiveIntegerField(_("state or kingdom"))
    token = models.PositiveIntegerField(_("token"))
    sent_at = models.DateTimeField(_("sent"), db_default=Clock())
    answered_at = models.DateTimeField(_("answered"), null=True)
    outcome = models.CharField(
        _("outcome"),
        max_length=20,
        choices=[(outcome.value, row.words) for outcome, row in MEANINGS.items()],
        blank=True,
        default="",
        db_default="",
    )
    http_status = models.PositiveSmallIntegerField(_("HTTP status"), null=True)
    err_code = models.CharField(_("err_code"), max_length=20, blank=True, default="", db_default="")
    msg = models.CharField(_("msg"), max_length=200, blank=True, default="", db_default="")
    latency_ms = models.PositiveIntegerField(_("latency in ms"), null=True)
    body = models.TextField(_("unknown answer"), blank=True, default="", db_default="")

    class Meta:
        ordering = ["-id"]
        verbose_name = _("request")
        verbose_name_plural = _("requests")
        constraints = [
            models.UniqueConstraint(
                fields=["member_redemption", "token"], name="one_attempt_for_each_claim"
            )
        ]
        indexes = [
            models.Index(fields=["sent_at"], name="attempt_sent"),
            models.Index(fields=["answered_at"], name="attempt_answered"),
            models.Index(fields=["gift_code", "player_id"], name="attempt_of_player"),
            models.Index(
                fields=["answered_at"],
                name="attempt_too_frequent",
                condition=Q(outcome="too_frequent"),
            ),
            models.Index(fields=["id"], name="attempt_prunable", condition=Q(outcome__in=PRUNABLE)),
        ]

    def __str__(self) -> str:
        outcome = self.get_outcome_display() or gettext("not answered")
        return f"{self.player_id}: {outcome}"


class PrunedFigure(models.Model):
    """How many rows of one day were pruned, so that charts still count these rows."""

    class Of(models.TextChoices):
        ATTEMPT = "attempt", _("attempts")
        EVENT = "event", _("journal entries")

    provider = models.CharField(_("game"), max_length=20)
    day = models.DateField(_("day"))
    of = models.CharField(_("of"), max_length=10, choices=Of)
    #: The outcome of the attempts, or the kind of the journal entries.
    what = models.CharField(_("what"), max_length=20)
    number = models.PositiveIntegerField(_("number"))

    class Meta:
        ordering = ["-day", "provider", "of", "what"]
        verbose_name = _("pruned figure")
        verbose_name_plural = _("pruned figures")
        constraints = [
            models.UniqueConstraint(
                fields=["day", "provider", "of", "what"], name="one_figure_for_a_day"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.what} on {self.day}: {self.number}"
