"""A member's part of a redemption: its state, its claim, and what may reopen or settle it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models import Count, Exists, IntegerField, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.db.models.lookups import LessThanOrEqual
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.outcomes import ACCOUNT_CONDITIONS, UNDECIDED, Outcome
from giftcodes.domain.sentences import Sentence
from giftcodes.domain.transitions import (
    CLOSED,
    HOLDING,
    MAX_TRIES,
    OPEN,
    PARKED,
    SETTLED,
    State,
    values,
)
from giftcodes.models.attempt import Attempt
from giftcodes.models.clock import Clock, clock_plus
from giftcodes.models.code import GiftCode
from giftcodes.models.code_state import CodeState
from giftcodes.models.fields import SentenceField
from giftcodes.models.guild import Member
from giftcodes.models.redemption import Redemption, RunState
from giftcodes.sql import execute, fetch, statement

STATE_LABELS = {
    State.PENDING: _("waiting"),
    State.IN_FLIGHT: _("being asked"),
    State.UNCONFIRMED: _("unconfirmed"),
    State.REDEEMED: _("redeemed"),
    State.ALREADY_RECEIVED: _("had it already"),
    State.SAME_TYPE: _("has one of the same group"),
    State.NEEDS_CORRECTION: _("needs correction"),
    State.NOT_ELIGIBLE: _("not eligible now"),
    State.FAILED: _("failed"),
    State.CANCELLED: _("cancelled"),
}


#: The unsettled states in which a recorded SUCCESS may still settle a row.
IN_VAIN = PARKED | CLOSED | {State.PENDING, State.UNCONFIRMED}

#: If the game does not know a player ID in a realm, no request for that ID and realm is sent for
#: this long.
REFUSED_FOR = timedelta(days=7)

#: An officer may reopen a parked or stopped row if the row had at most this many requests in the
#: last `ASKED_WITHIN`. One request parks a row as not eligible, and `MAX_TRIES` or fewer park it as
#: failed. Only requests without a clear answer, or with the answer “not eligible”, count.
ASKED_AT_MOST = {State.NOT_ELIGIBLE: 1, State.FAILED: MAX_TRIES, State.CANCELLED: MAX_TRIES}
ASKED_WITHIN = timedelta(days=1)
_COUNTED = ["", *UNDECIDED, *ACCOUNT_CONDITIONS, Outcome.CLAIM_LIMIT]

#: Earlier releases stored a reason that begins with this word and mentions the other guild.
_EARLIER_COVERED = "Covered: "


def is_refused_sql(member: str, guild: str) -> str:
    """An SQL condition: less than `REFUSED_FOR` ago, the game did not know a member in their realm.

    `MemberRedemptionQuerySet.reopenable` expresses this condition with the ORM, and also compares
    `asked_realm`. A statement with the SQL condition needs the parameter `refused_for`.

    Args:
        member, guild: the aliases of the member and of the member's guild in the statement.
    """
    return (
        f"coalesce({member}.refused_realm = coalesce({member}.realm, {guild}.realm)"
        f" AND {member}.refused_at > clock_timestamp() - %(refused_for)s, false)"
    )


class CancelKind(models.TextChoices):
    """Why a member's row was cancelled. This decides what may reopen the row."""

    STOPPED = "stopped", _("stopped by a person")
    CODE_CLOSED = "code_closed", _("the code was closed")
    LEFT = "left", _("the member left or opted out")


#: The key of the sentence about each kind.
_CANCEL_REASONS = {
    CancelKind.STOPPED: "stopped_by_person",
    CancelKind.CODE_CLOSED: "code_closed_before_turn",
    CancelKind.LEFT: "member_left",
}


def cancel_reason(kind: CancelKind) -> Sentence:
    """Why rows are cancelled, in the active language."""
    return Sentence.of(_CANCEL_REASONS[kind])


class MemberRedemptionQuerySet(models.QuerySet["MemberRedemption"]):
    def open(self) -> MemberRedemptionQuerySet:
        return self.filter(state__in=values(OPEN))

    def settled(self) -> MemberRedemptionQuerySet:
        return self.filter(state__in=values(SETTLED))

    def unsettled(self) -> MemberRedemptionQuerySet:
        return self.exclude(state__in=values(SETTLED))

    def remaining(self) -> MemberRedemptionQuerySet:
        """The rows that count: those of active members who have not opted out.

        A row that was cancelled because its member left counts only after it has been reopened.
        """
        counted = self.filter(member__active=True, member__opted_out=False)
        return counted.exclude(state=State.CANCELLED, cancel_kind=CancelKind.LEFT)

    def remaining_of_many(self) -> MemberRedemptionQuerySet:
        """The rows of `remaining`, in half the time if many are counted.

        It looks up the few members who are absent, instead of the many who are there. For the rows
        of one redemption, `remaining` takes a simpler plan.
        """
        absent = Member.objects.filter(Q(active=False) | Q(opted_out=True))
        counted = self.exclude(Exists(absent.filter(pk=OuterRef("member_id"))))
        return counted.exclude(state=State.CANCELLED, cancel_kind=CancelKind.LEFT)

    def in_flight(self) -> MemberRedemptionQuerySet:
        return self.filter(state=State.IN_FLIGHT)

    def pending(self) -> MemberRedemptionQuerySet:
        return self.filter(state=State.PENDING)

    def reopenable(self, *, is_person: bool, is_limited: bool = False) -> MemberRedemptionQuerySet:
        """Rows that may be tried again. Only this method has the rule (docs/reference/outcomes.md).

        Args:
            is_person: whether a person asks. A person reopens more rows than the automatic steps.
            is_limited: whether that person is an officer. All guilds share the limit of requests,
                so an officer cannot have the game asked the same question again and again.
        """
        realm_now = Coalesce("member__realm", "member__guild__realm")
        is_refused = Q(
            asked_realm=realm_now,
            member__refused_realm=realm_now,
            member__refused_at__gt=clock_plus(-REFUSED_FOR.total_seconds()),
        )
        again: Any = (
            Q(state=State.CANCELLED, cancel_kind__in=[CancelKind.CODE_CLOSED, CancelKind.LEFT])
            | (Q(state=State.NEEDS_CORRECTION) & ~is_refused)
            | (
                Q(state=State.NOT_ELIGIBLE, next_attempt_at__lte=Clock())
                & ~Exists(self._asked_first())
            )
        )
        if is_person:
            stopped = Q(state=State.CANCELLED, cancel_kind=CancelKind.STOPPED)
            parked = Q(state__in=values(PARKED))
            again |= (parked | stopped) & self._rarely_asked() if is_limited else parked | stopped
        return self.filter(again, member__active=True, member__opted_out=False)

    def _rarely_asked(self) -> Any:
        """A condition for rows that had few requests lately, and need no correction."""
        lately = Attempt.objects.filter(
            member_redemption=OuterRef("pk"),
            sent_at__gt=clock_plus(-ASKED_WITHIN.total_seconds()),
            outcome__in=_COUNTED,
        )
        counted = lately.order_by().values("member_redemption").annotate(number=Count("pk"))
        requests = Coalesce(Subquery(counted.values("number"), output_field=IntegerField()), 0)
        condition: Any = Q(pk__in=[])
        for state, most in ASKED_AT_MOST.items():
            condition |= Q(LessThanOrEqual(requests, most), state=state)
        return condition

    def kept_from_officers(self) -> MemberRedemptionQuerySet:
        """The parked and stopped rows that an officer's “Redeem now” does not reopen."""
        again = self.model._default_manager.reopenable(is_person=True, is_limited=True)
        stopped = Q(state=State.CANCELLED, cancel_kind=CancelKind.STOPPED)
        return self.filter(Q(state__in=values(PARKED)) | stopped).exclude(pk__in=again.values("pk"))

    def _asked_first(self) -> MemberRedemptionQuerySet:
        """The member's other rows whose turn is before that of a `not_eligible` row (`OuterRef`).

        All these rows have the same answer, and if the account meets the condition now, all of them
        can be redeemed. So one request a day is enough: the one for the row that was asked longest
        ago.
        """
        others = self.model._default_manager.filter(
            member=OuterRef("member"),
            outcome=OuterRef("outcome"),
            outcome__in=[o.value for o in ACCOUNT_CONDITIONS],
            # A code may be held back for a long time. No row waits for a row of such a code.
            gift_code__held_until__isnull=True,
        )
        is_due = Q(
            state=State.NOT_ELIGIBLE,
            next_attempt_at__lte=Clock(),
            gift_code__state=CodeState.ACTIVE,
        ) & ~Q(redemption__state=RunState.STOPPED)
        is_older = Q(updated_at__lt=OuterRef("updated_at")) | Q(
            updated_at=OuterRef("updated_at"), pk__lt=OuterRef("pk")
        )
        return others.filter(Q(state__in=values(OPEN)) | (is_due & is_older)).exclude(
            pk=OuterRef("pk")
        )

    def cancel(self, kind: CancelKind, reason: str = "") -> int:
        """Cancel the pending rows in this queryset, for which no request is under way.

        Returns:
            The number of cancelled rows.
        """
        return self.pending().update(
            state=State.CANCELLED,
            cancel_kind=kind,
            reason=reason or cancel_reason(kind),
            next_attempt_at=None,
            updated_at=Clock(),
        )

    def settle_by_evidence(self, ids: list[int]) -> list[int]:
        """Settle rows that have an Attempt with SUCCESS: what the game granted stays granted.

        A row in flight is left alone, because its own answer is still to come. An unconfirmed row
        of the same player is covered. The caller must be in a transaction. Returns the ids of the
        rows that were settled by their own attempts.

        Raises:
            django.db.IntegrityError: another row of the player is in flight or settled.
        """
        fetch(statement("members", "lock_players"), ids=ids)
        evidence = {"ids": ids, "unsettled": values(IN_VAIN)}
        covered, redeemed = Sentence.of("covered"), Sentence.of("redeemed")
        execute(statement("members", "cover_unconfirmed"), **evidence, reason=covered)
        found = fetch(statement("members", "settle_by_evidence"), **evidence, reason=redeemed)
        return [pk for (pk,) in found]

    def requeue(self) -> int:
        """Make these rows pending and due now, with no tries counted. Returns how many."""
        return self.update(
            state=State.PENDING,
            cancel_kind="",
            reason="",
            tries=0,
            uncounted_failures=0,
            next_attempt_at=Clock(),
            updated_at=Clock(),
        )


class MemberRedemption(models.Model):
    """One member's part of a redemption. Only the pipeline writes it."""

    redemption = models.ForeignKey(
        Redemption,
        on_delete=models.PROTECT,
        related_name="member_redemptions",
        verbose_name=_("redemption"),
    )
    member = models.ForeignKey(
        Member,
        on_delete=models.PROTECT,
        related_name="member_redemptions",
        verbose_name=_("member"),
    )
    gift_code = models.ForeignKey(
        GiftCode,
        on_delete=models.PROTECT,
        db_index=False,  # The index `share_twins` begins with it.
        related_name="+",
        verbose_name=_("gift code"),
    )
    player_id = models.CharField(_("player ID"), max_length=20)
    state = models.CharField(
        pgettext_lazy("of a row", "state"),
        max_length=20,
        choices=[(state.value, label) for state, label in STATE_LABELS.items()],
        default=State.PENDING,
        db_default=State.PENDING.value,
    )
    cancel_kind = models.CharField(
        max_length=20, choices=CancelKind, blank=True, default="", db_default=""
    )
    outcome = models.CharField(
        _("last answer"), max_length=20, blank=True, default="", db_default=""
    )
    reason = SentenceField(_("reason"), blank=True, default="", db_default="")
    covered_by = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        db_index=False,  # The index `share_covered` has the few rows that are covered.
        related_name="covers",
        verbose_name=_("covered by"),
    )
    #: The realm of the last attempt. If the row was parked without a request, it is the realm in
    #: which the game did not know the member. If the member's realm differs, it has been corrected
    #: since.
    asked_realm = models.PositiveIntegerField(_("state or kingdom in the request"), null=True)
    tries = models.PositiveSmallIntegerField(
        _("tries without a clear answer"), default=0, db_default=0
    )
    uncounted_failures = models.PositiveSmallIntegerField(default=0, db_default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, db_default=Clock())
    settled_at = models.DateTimeField(_("settled"), null=True)
    created_at = models.DateTimeField(_("created"), db_default=Clock())
    updated_at = models.DateTimeField(_("changed"), db_default=Clock())

    # The claim. A worker with a lower token may not change the row.
    token = models.PositiveIntegerField(default=0, db_default=0)
    lease_until = models.DateTimeField(null=True)
    #: Until when the permit of the claim may be used. Null if the request opens a rate window.
    permit_until = models.DateTimeField(null=True)
    #: Whether the row was claimed while the effect of an earlier request was unknown.
    confirming = models.BooleanField(default=False, db_default=False)
    #: Whether the row was claimed to find out if a paused game answers again.
    is_probe = models.BooleanField(default=False, db_default=False)

    objects = MemberRedemptionQuerySet.as_manager()

    class Meta:
        ordering = ["redemption", "id"]
        verbose_name = _("member redemption")
        verbose_name_plural = _("member redemptions")
        constraints = [
            models.UniqueConstraint(
                fields=["redemption", "member"], name="one_share_for_each_member"
            ),
            models.UniqueConstraint(
                fields=["gift_code", "player_id"],
                condition=Q(covered_by__isnull=True, state__in=values(HOLDING)),
                name="one_request_for_a_player_and_a_code",
            ),
        ]
        indexes = [
            models.Index(
                fields=["redemption", "next_attempt_at", "id"],
                name="share_due",
                condition=Q(state="pending"),
            ),
            models.Index(
                fields=["redemption"], name="share_open", condition=Q(state__in=values(OPEN))
            ),
            models.Index(
                fields=["lease_until"], name="share_in_flight", condition=Q(state="in_flight")
            ),
            models.Index(
                fields=["next_attempt_at"],
                name="share_unconfirmed",
                condition=Q(state="unconfirmed"),
            ),
            models.Index(
                fields=["next_attempt_at"],
                name="share_not_eligible",
                condition=Q(state="not_eligible"),
            ),
            models.Index(fields=["gift_code", "player_id"], name="share_twins"),
            models.Index(
                fields=["covered_by"],
                name="share_covered",
                condition=Q(covered_by__isnull=False),
            ),
            # For the sweep: rows that had a request and are not settled, and rows that were settled
            # recently (decision 10).
            models.Index(
                fields=["id"],
                name="share_asked_in_vain",
                condition=Q(state__in=values(IN_VAIN), token__gt=0, covered_by__isnull=True),
            ),
            models.Index(
                fields=["settled_at"],
                name="share_proofs",
                condition=Q(state__in=values(SETTLED), covered_by__isnull=True),
            ),
            models.Index(
                fields=["redemption"],
                name="share_code_closed",
                condition=Q(state="cancelled", cancel_kind="code_closed"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.player_id}: {self.get_state_display()}"

    @property
    def full_reason(self) -> str:
        """The reason. For a covered row, it names the guild through which the player has the code.

        Not every officer may see that guild. For those who may not, `queries.scope.redact`
        removes `covered_by` from the rows of a page, and the reason mentions no guild.
        """
        if self.covered_by is None:
            is_earlier = self.reason.startswith(_EARLIER_COVERED)
            return Sentence.of("covered") if is_earlier else self.reason
        words = gettext("Covered: the player has it through guild %(guild)s.")
        return words % {"guild": self.covered_by.redemption.guild}

    def give_back(self) -> None:
        """Give back a claim whose request was not sent, without counting a try.

        The row must be locked. Its token is increased, so that the old claim is void.
        """
        self.state = State.UNCONFIRMED if self.confirming else State.PENDING
        self.token += 1
        self.lease_until = None
        self.save(update_fields=["state", "token", "lease_until"])
