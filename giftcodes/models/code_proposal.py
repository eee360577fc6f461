"""Codes about which an administrator decides: those that officers propose, and those of a feed."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from giftcodes.domain.validators import validate_moment
from giftcodes.models.clock import Clock
from giftcodes.models.code import GiftCode
from giftcodes.models.date_bounds import MOMENTS, within
from giftcodes.models.feed import Feed
from giftcodes.models.fields import NameField, NotesField, provider_choices

#: How many proposals of one officer, or of one feed, may wait.
MOST_WAITING = 20


class ProposalState(models.TextChoices):
    WAITING = "waiting", _("waits for an administrator")
    APPROVED = "approved", _("approved")
    REJECTED = "rejected", _("rejected")


#: The words for a proposal that still waits although the feed or another person has added the code.
KNOWN_WORDS = _("added in the meantime")


def _is_known() -> Exists:
    """A condition: there is already a gift code with exactly the proposed spelling."""
    known = GiftCode.objects.filter(provider=OuterRef("provider"), code=OuterRef("code"))
    return Exists(known)


class CodeProposalQuerySet(models.QuerySet["CodeProposal"]):
    def with_known(self) -> CodeProposalQuerySet:
        """Add `is_known` to each row: whether there is a code of this spelling by now."""
        return self.annotate(is_known=_is_known())

    def waiting(self) -> CodeProposalQuerySet:
        """Proposals that need a decision: no gift code has the proposed spelling yet."""
        return self.filter(~_is_known(), state=ProposalState.WAITING)


class CodeProposal(models.Model):
    """A code that an officer or a feed proposed, and the decision of an administrator."""

    provider = models.CharField(_("game"), max_length=20, choices=provider_choices)
    code = models.CharField(_("code"), max_length=32)
    folded = models.CharField(max_length=32, editable=False)
    expires_at = models.DateTimeField(
        _("expires"), null=True, blank=True, validators=[validate_moment]
    )
    rewards = NotesField(_("rewards"), blank=True)
    state = models.CharField(
        pgettext_lazy("of a row", "state"),
        max_length=10,
        choices=ProposalState,
        default=ProposalState.WAITING,
    )
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        related_name="code_proposals",
        verbose_name=_("proposed by"),
    )
    #: The feed that lists the code, if its new codes wait for an administrator.
    feed = models.ForeignKey(
        Feed,
        on_delete=models.CASCADE,
        null=True,
        related_name="proposals",
        verbose_name=_("feed"),
    )
    proposed_at = models.DateTimeField(_("proposed"), db_default=Clock())
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("decided by"),
    )
    decided_at = models.DateTimeField(_("decided"), null=True)
    answer = NameField(_("answer"), max_length=200, blank=True)
    gift_code = models.ForeignKey(
        GiftCode,
        on_delete=models.SET_NULL,
        null=True,
        related_name="proposals",
        verbose_name=_("gift code"),
    )

    objects = CodeProposalQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("proposed code")
        verbose_name_plural = _("proposed codes")
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "folded", "proposed_by"],
                condition=Q(state="waiting"),
                name="one_waiting_proposal_of_a_code_by_a_person",
            ),
            models.UniqueConstraint(
                fields=["provider", "folded", "feed"],
                condition=Q(state="waiting"),
                name="one_waiting_proposal_of_a_code_by_a_feed",
            ),
            models.CheckConstraint(
                condition=Q(proposed_by__isnull=True, feed__isnull=False)
                | Q(proposed_by__isnull=False, feed__isnull=True),
                name="a_person_or_a_feed_proposed_it",
            ),
            within(MOMENTS, "expires_at", name="proposed_end_within_bounds"),
        ]
        indexes = [
            models.Index(fields=["id"], name="proposal_waiting", condition=Q(state="waiting"))
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def proposer(self) -> str:
        """The officer or the feed, in words."""
        return str(self.feed if self.feed_id else self.proposed_by)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.folded = self.code.casefold()
        super().save(*args, **kwargs)
