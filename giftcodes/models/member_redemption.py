"""A member's part of a redemption: its state, its claim, and what may reopen or settle it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.outcomes import ACCOUNT_CONDITIONS
from giftcodes.domain.transitions import CLOSED, HOLDING, OPEN, PARKED, SETTLED, State
from giftcodes.models.clock import Clock, clock_plus
from giftcodes.models.code import GiftCode
from giftcodes.models.code_life import CodeState
from giftcodes.models.event import Trigger
from giftcodes.models.fields import SentenceField
from giftcodes.models.guild import Member
from giftcodes.models.redemption import Redemption, RunState

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


def values(states: frozenset[State]) -> list[str]:
    """States as a sorted list of strings, as a constraint or a query wants them."""
    return sorted(state.value for state in states)


#: Of a row that is not settled, though an answer may say that it is to be.
IN_VAIN = PARKED | CLOSED | {State.PENDING, State.UNCONFIRMED}


#: A player ID and a realm that the game does not know are not asked for again within this time.
REFUSED_FOR = timedelta(days=7)


WAITS_FOR_CORRECTION = (
    "Waits for correction: the game does not know this player ID in this realm. Correct the member, and every code is "
    "tried at once; otherwise the game is asked once a week."
)


class CancelKind(models.TextChoices):
    """Why a member's row is cancelled, which decides what may reopen it."""

    STOPPED = "stopped", _("stopped by a person")
    CODE_CLOSED = "code_closed", _("the code was closed")
    LEFT = "left", _("the member left or opted out")


CANCEL_REASONS = {
    CancelKind.STOPPED: "Stopped by a person before it was this member's turn. Redeem now goes on.",
    CancelKind.CODE_CLOSED: "The code was closed before it was this member's turn.",
    CancelKind.LEFT: "The member left the guild, or asked not to be redeemed for.",
}


class MemberRedemptionQuerySet(models.QuerySet["MemberRedemption"]):
    def open(self) -> MemberRedemptionQuerySet:
        return self.filter(state__in=values(OPEN))

    def settled(self) -> MemberRedemptionQuerySet:
        return self.filter(state__in=values(SETTLED))

    def unsettled(self) -> MemberRedemptionQuerySet:
        return self.exclude(state__in=values(SETTLED))

    def in_flight(self) -> MemberRedemptionQuerySet:
        return self.filter(state=State.IN_FLIGHT)

    def pending(self) -> MemberRedemptionQuerySet:
        return self.filter(state=State.PENDING)

    def reopenable(self, *, is_person: bool) -> MemberRedemptionQuerySet:
        """Rows that may be tried again (docs/reference/outcomes.md): by themselves, or because a person asks for it."""
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
            parked = values(PARKED)
            again |= Q(state__in=parked) | Q(state=State.CANCELLED, cancel_kind=CancelKind.STOPPED)
        return self.filter(again, member__active=True, member__opted_out=False)

    def _asked_first(self) -> MemberRedemptionQuerySet:
        """Of a row that is not eligible: other rows of the member with the same answer, which are asked before it. A
        level that has risen helps all of them, so one request a day finds out: for the row that was asked longest ago.
        """
        others = self.model._default_manager.filter(
            member=OuterRef("member"),
            outcome=OuterRef("outcome"),
            outcome__in=[o.value for o in ACCOUNT_CONDITIONS],
            # Nothing is asked soon for a code that is held back.
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
        """Close the pending rows among these: what was never sent need not be."""
        return self.pending().update(
            state=State.CANCELLED,
            cancel_kind=kind,
            reason=reason or CANCEL_REASONS[kind],
            next_attempt_at=None,
            updated_at=Clock(),
        )

    def settle_by_evidence(self, ids: list[int]) -> list[int]:
        """Settle rows whose Attempts hold a SUCCESS, whatever their state: what the game granted stays granted.

        A row in flight is left alone; its own answer is under way.

        Returns:
            The ids of the rows that were settled.

        Raises:
            django.db.IntegrityError: another row of the player holds this code.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE giftcodes_memberredemption m
                SET state = 'redeemed', outcome = 'success', reason = 'Redeemed.', cancel_kind = '',
                    next_attempt_at = NULL, settled_at = clock_timestamp(), updated_at = clock_timestamp()
                WHERE m.id = ANY(%s) AND m.covered_by_id IS NULL
                  AND m.state IN ('pending', 'unconfirmed', 'needs_correction', 'not_eligible', 'failed', 'cancelled')
                  AND EXISTS (
                      SELECT FROM giftcodes_attempt a WHERE a.member_redemption_id = m.id AND a.outcome = 'success')
                RETURNING m.id
                """,
                [ids],
            )
            return [row[0] for row in cursor.fetchall()]

    def requeue(self) -> int:
        """Open these rows again, with all their tries."""
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
    """One member's share of a redemption. Written by the flow alone."""

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
        GiftCode, on_delete=models.PROTECT, related_name="+", verbose_name=_("gift code")
    )
    player_id = models.CharField(_("player ID"), max_length=20)
    state = models.CharField(
        _("state"),
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
        related_name="covers",
        verbose_name=_("covered by"),
    )
    #: The realm of the last attempt: where it differs from today's, the member has been corrected.
    asked_realm = models.PositiveIntegerField(_("realm asked for"), null=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0, db_default=0)
    uncounted_failures = models.PositiveSmallIntegerField(default=0, db_default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, db_default=Clock())
    settled_at = models.DateTimeField(_("settled"), null=True)
    created_at = models.DateTimeField(_("created"), db_default=Clock())
    updated_at = models.DateTimeField(_("changed"), db_default=Clock())

    # The claim: who holds a lower token may not record.
    token = models.PositiveIntegerField(default=0, db_default=0)
    lease_until = models.DateTimeField(null=True)
    #: End of the rate window that the permit belongs to; null for the request that opens a window.
    permit_until = models.DateTimeField(null=True)
    #: Claimed while an earlier request's effect is unknown.
    confirming = models.BooleanField(default=False, db_default=False)
    #: Claimed to find out whether a paused provider answers again.
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
            # For the sweep: who was asked and has nothing, and what was settled lately (decision 10).
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

    def give_back(self) -> None:
        """Hand an unsent claim back, uncounted. The row must be locked; its token grows, so that the claim is void."""
        self.state = State.UNCONFIRMED if self.confirming else State.PENDING
        self.token += 1
        self.lease_until = None
        self.save(update_fields=["state", "token", "lease_until"])


def admit_members(*, redemption_ids: list[int]) -> tuple[int, bool]:
    """Give every eligible member of these redemptions' guilds a row, set-based. The redemptions must be locked or new.

    The rows of members whom the game does not know with their realm wait for correction.

    Returns:
        How many rows were added that wait to be asked for; whether there are rows in other states than waiting.
    """
    refused_for: Any = REFUSED_FOR
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH added AS (
                INSERT INTO giftcodes_memberredemption
                    (redemption_id, member_id, gift_code_id, player_id, state, reason, asked_realm, next_attempt_at)
                SELECT r.id, m.id, r.gift_code_id, m.player_id,
                       CASE WHEN is_refused THEN 'needs_correction' ELSE 'pending' END,
                       CASE WHEN is_refused THEN %(waits)s ELSE '' END,
                       CASE WHEN is_refused THEN m.refused_realm END,
                       CASE WHEN NOT is_refused THEN clock_timestamp() END
                FROM giftcodes_redemption r
                JOIN giftcodes_guild g ON g.id = r.guild_id
                JOIN giftcodes_member m ON m.guild_id = r.guild_id AND m.active AND NOT m.opted_out
                CROSS JOIN LATERAL (
                    SELECT coalesce(m.refused_realm = coalesce(m.realm, g.realm)
                                    AND m.refused_at > clock_timestamp() - %(refused_for)s, false) AS is_refused
                ) known
                WHERE r.id = ANY(%(ids)s)
                ORDER BY r.id, m.id
                ON CONFLICT (redemption_id, member_id) DO NOTHING
                RETURNING state
            )
            SELECT count(*) FILTER (WHERE state = 'pending'), EXISTS (
                SELECT FROM giftcodes_memberredemption WHERE redemption_id = ANY(%(ids)s) AND state <> 'pending'
            )
            FROM added
            """,
            {"ids": redemption_ids, "waits": WAITS_FOR_CORRECTION, "refused_for": refused_for},
        )
        row: tuple[int, bool] = cursor.fetchone()
    return row


def settle_duplicates(
    *,
    redemption_ids: list[int] | None = None,
    proof_id: int | None = None,
    settled_after: datetime | None = None,
) -> list[int]:
    """Settle rows of players who have the code through another guild's row: without a request, pointing at the proof.

    Args:
        redemption_ids: only rows of these redemptions.
        proof_id: only rows that this settled row proves.
        settled_after: only rows that a row proves which was settled since then.

    Returns:
        The ids of the redemptions that a row was settled in.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE giftcodes_memberredemption twin
            SET state = CASE proof.state WHEN 'same_type' THEN 'same_type' ELSE 'already_received' END,
                covered_by_id = proof.id,
                reason = 'Covered: the player has it through guild ' || guild.name || '.',
                settled_at = clock_timestamp(), updated_at = clock_timestamp(), next_attempt_at = NULL
            FROM giftcodes_memberredemption proof
            JOIN giftcodes_redemption r ON r.id = proof.redemption_id
            JOIN giftcodes_guild guild ON guild.id = r.guild_id
            WHERE proof.gift_code_id = twin.gift_code_id AND proof.player_id = twin.player_id AND proof.id <> twin.id
              AND proof.covered_by_id IS NULL AND proof.state IN ('redeemed', 'already_received', 'same_type')
              AND twin.state IN ('pending', 'needs_correction', 'not_eligible', 'failed')
              AND (%(redemption_ids)s::bigint[] IS NULL OR twin.redemption_id = ANY(%(redemption_ids)s))
              AND (%(proof_id)s::bigint IS NULL OR proof.id = %(proof_id)s)
              AND (%(settled_after)s::timestamptz IS NULL OR proof.settled_at > %(settled_after)s)
            RETURNING twin.redemption_id
            """,
            {
                "redemption_ids": redemption_ids,
                "proof_id": proof_id,
                "settled_after": settled_after,
            },
        )
        return sorted({row[0] for row in cursor.fetchall()})


def bring_in_members(redemption: Redemption, trigger: Trigger) -> int:
    """Give every eligible member a row, and reopen the rows that this trigger may reopen.

    The redemption must be locked.

    Returns:
        How many rows wait now that did not wait before.
    """
    rows = redemption.member_redemptions
    # Before rows are added: those of members who are known to be wrong are not reopened with the others.
    reopened = rows.reopenable(is_person=True).requeue() if trigger.is_person else 0
    added, has_others = admit_members(redemption_ids=[redemption.pk])
    if not has_others:
        return added
    if not trigger.is_person:
        reopened = rows.reopenable(is_person=False).requeue()
    else:
        # A person resumes the run. Members who left meanwhile are no longer stopped: they continue when they return.
        stopped = rows.filter(state=State.CANCELLED, cancel_kind=CancelKind.STOPPED)
        stopped.update(
            cancel_kind=CancelKind.LEFT,
            reason=CANCEL_REASONS[CancelKind.LEFT],
            updated_at=Clock(),
        )
    return added + reopened
