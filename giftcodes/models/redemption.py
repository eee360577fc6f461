"""The redemption of a gift code for a guild: one row, whose lock guards the state of its runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Count, Q
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.served import Phase, Result, Served
from giftcodes.domain.transitions import OPEN, State, literals
from giftcodes.models.channel import TELLS_RUNS
from giftcodes.models.code import GiftCode
from giftcodes.models.event import EventKind, RedemptionEvent, Trigger
from giftcodes.models.guild import Guild
from giftcodes.sql import fetch, statement


class RunState(models.TextChoices):
    PENDING = "pending", _("waiting")
    RUNNING = "running", _("running")
    COMPLETE = "complete", _("finished")
    STOPPED = "stopped", _("stopped")


#: A run for at most this many members is announced only if it is the redemption's first run, or if
#: a poll or a person started it. Without this rule, each new member would cause an announcement
#: for each code.
FEW_MEMBERS = 5


class RedemptionQuerySet(models.QuerySet["Redemption"]):
    def running(self) -> RedemptionQuerySet:
        return self.filter(state=RunState.RUNNING)

    def pending(self) -> RedemptionQuerySet:
        return self.filter(state=RunState.PENDING)

    def ensure(self, *, guild_id: int, gift_code_id: int) -> int:
        """Return the id of the row for this guild and code, and insert the row if it is missing."""
        key = {"guild_id": guild_id, "gift_code_id": gift_code_id}
        # The ORM would take half of the time of a refusal (decision 8). The loop inserts at most
        # once, unless the row is deleted in the meantime.
        while not (found := fetch(_FIND, **key)):
            self.bulk_create([Redemption(**key)], ignore_conflicts=True)
        return int(found[0][0])

    def for_update(self, *, skip_locked: bool = False) -> RedemptionQuerySet:
        """Lock the rows in id order.

        Other transactions may still insert rows that refer to the locked rows (`no_key`).

        Args:
            skip_locked: leave out rows that another transaction holds.
        """
        return self.select_for_update(skip_locked=skip_locked, no_key=True, of=("self",)).order_by(
            "pk"
        )


_FIND = """
SELECT id FROM giftcodes_redemption
WHERE guild_id = %(guild_id)s AND gift_code_id = %(gift_code_id)s
"""


class Redemption(models.Model):
    """The redemption of one gift code for one guild.

    A run lasts from the moment this row is `running` until the row is unlocked. No process owns a
    run.
    """

    guild = models.ForeignKey(
        Guild, on_delete=models.PROTECT, related_name="redemptions", verbose_name=_("guild")
    )
    gift_code = models.ForeignKey(
        GiftCode, on_delete=models.PROTECT, related_name="redemptions", verbose_name=_("gift code")
    )
    state = models.CharField(
        pgettext_lazy("of a row", "state"),
        max_length=10,
        choices=RunState,
        default=RunState.PENDING,
        db_default="pending",
    )
    run_number = models.PositiveIntegerField(_("run"), default=0, db_default=0)
    trigger = models.CharField(
        _("trigger"), max_length=10, choices=Trigger, blank=True, default="", db_default=""
    )
    triggered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("by"),
    )
    stop_requested_at = models.DateTimeField(_("stop requested"), null=True)
    locked_at = models.DateTimeField(_("started"), null=True)
    unlocked_at = models.DateTimeField(_("finished"), null=True)
    last_served_at = models.DateTimeField(_("last served"), null=True)

    objects = RedemptionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("redemption")
        verbose_name_plural = _("redemptions")
        constraints = [
            models.UniqueConstraint(
                fields=["guild", "gift_code"], name="one_redemption_for_a_guild_and_a_code"
            )
        ]
        indexes = [
            models.Index(
                fields=["gift_code"], name="redemption_running", condition=Q(state="running")
            ),
            models.Index(
                fields=["gift_code"], name="redemption_pending", condition=Q(state="pending")
            ),
            # For the runs that ended last.
            models.Index(
                fields=["unlocked_at"],
                name="redemption_ended",
                condition=Q(unlocked_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return gettext("%(code)s for %(guild)s") % {"code": self.gift_code, "guild": self.guild}

    @property
    def is_stopping(self) -> bool:
        return self.state == RunState.RUNNING and self.stop_requested_at is not None

    @property
    def phase(self) -> Phase:
        """The state of the run, or that it is being stopped."""
        return Phase.STOPPING if self.is_stopping else Phase(self.state)

    def shares_of(self, tally: Mapping[State, int]) -> Served:
        """The shares of this redemption's members.

        Args:
            tally: the number of members in each state (`tally`).
        """
        return Served.of(tally, ending=self.gift_code.ending)

    def result(self, served: Served) -> Result:
        """What has come of this redemption.

        Args:
            served: the numbers of its members: from `self.shares_of(self.tally())`, or, for many
                redemptions at once, from `queries.served.served_in`.
        """
        code = self.gift_code
        return Result.of(served, phase=self.phase, ending=code.ending, ended_on=code.ended_on)

    # The methods below need the row lock (docs/explanation/design.md, “The lock”).

    def begin_run(self, *, trigger: Trigger, user_id: int | None, by: str = "") -> None:
        """Begin a run: see `begin_runs`."""
        found = begin_runs([self.pk], trigger=trigger, user_id=user_id, by=by)
        self.run_number = found[self.pk]
        self.state, self.trigger, self.triggered_by_id = RunState.RUNNING, trigger, user_id
        self.unlocked_at = self.stop_requested_at = None

    def end_run(self, state: RunState, *, now: datetime, detail: str = "") -> None:
        """End the run, and journal this with the person who requested the run.

        Args:
            state: how it ended: complete or stopped.
            now: the time.
            detail: the result, as `domain.run_end.RunEnd` stores it.
        """
        self.state, self.unlocked_at, self.stop_requested_at = state, now, None
        self.save(update_fields=["state", "unlocked_at", "stop_requested_at"])
        self.journal(
            EventKind.UNLOCKED,
            trigger=Trigger(self.trigger),
            user_id=self.triggered_by_id,
            detail=detail,
        )

    def journal(
        self,
        kind: EventKind,
        *,
        trigger: Trigger | None = None,
        user_id: int | None = None,
        detail: str = "",
    ) -> None:
        """Write an event of this redemption to the journal."""
        RedemptionEvent.objects.create(
            redemption=self,
            gift_code_id=self.gift_code_id,
            kind=kind,
            run_number=self.run_number,
            trigger=trigger or "",
            user_id=user_id,
            detail=detail,
        )

    def tally(self) -> dict[State, int]:
        """The number of members in each state, without those who have left or opted out."""
        counted = self.member_redemptions.remaining().order_by().values_list("state")
        return {State(state): number for state, number in counted.annotate(number=Count("pk"))}


def begin_runs(
    redemption_ids: list[int], *, trigger: Trigger, user_id: int | None, by: str = ""
) -> dict[int, int]:
    """Begin a run of each of these redemptions, journal it, and queue its announcements.

    The redemptions must be locked and not running. This is one statement, so that other callers
    wait for the lock only briefly.

    Args:
        redemption_ids: the redemptions.
        trigger: what requested the runs.
        user_id: the user who requested them, if there is one.
        by: who requested them, if that is a person without an account.

    Returns:
        The number of each run, by the id of its redemption.
    """
    return dict(
        fetch(
            statement("start_or_refuse", "begin_runs", open=literals(OPEN)),
            ids=redemption_ids,
            trigger=trigger.value,
            user=user_id,
            by=by,
            always_announced=trigger.always_announced,
            telling_runs=[told.value for told in TELLS_RUNS],
            few=FEW_MEMBERS,
        )
    )
