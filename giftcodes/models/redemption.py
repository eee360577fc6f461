"""A gift code for a guild: the row lock, and the run that it guards."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import connection, models
from django.db.models import Count, Q
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.transitions import State
from giftcodes.models.code import GiftCode
from giftcodes.models.event import EventKind, RedemptionEvent, Trigger
from giftcodes.models.guild import Guild


class RunState(models.TextChoices):
    PENDING = "pending", _("waiting")
    RUNNING = "running", _("running")
    COMPLETE = "complete", _("complete")
    STOPPED = "stopped", _("stopped")


#: A run by which so many members at most catch up is not announced: else each new member would be, for each code.
FEW_MEMBERS = 5


_LOCK = """
WITH run AS (
    UPDATE giftcodes_redemption
    SET state = 'running', run_number = run_number + 1, trigger = %(trigger)s, triggered_by_id = %(user)s,
        locked_at = clock_timestamp(), unlocked_at = NULL, stop_requested_at = NULL
    WHERE id = ANY(%(ids)s)
    RETURNING id, guild_id, gift_code_id, run_number
), told AS (
    INSERT INTO giftcodes_announcement (redemption_id, run_number, kind)
    SELECT run.id, run.run_number, 'started' FROM run JOIN giftcodes_channel ch ON ch.guild_id = run.guild_id
    WHERE CASE WHEN run.run_number = 1 OR %(always_announced)s THEN true ELSE (
        SELECT count(*) FROM (
            SELECT FROM giftcodes_memberredemption m
            WHERE m.redemption_id = run.id AND m.state IN ('pending', 'in_flight', 'unconfirmed')
            LIMIT %(few)s + 1
        ) AS waiting
    ) > %(few)s END
)
INSERT INTO giftcodes_redemptionevent (redemption_id, gift_code_id, kind, run_number, trigger, user_id, detail)
SELECT id, gift_code_id, 'locked', run_number, %(trigger)s, %(user)s, '' FROM run
RETURNING redemption_id, run_number
"""


class RedemptionQuerySet(models.QuerySet["Redemption"]):
    def running(self) -> RedemptionQuerySet:
        return self.filter(state=RunState.RUNNING)

    def pending(self) -> RedemptionQuerySet:
        return self.filter(state=RunState.PENDING)

    def ensure(self, *, guild_id: int, gift_code_id: int) -> int:
        """The id of the row for this guild and code. A missing row is inserted."""
        key = {"guild_id": guild_id, "gift_code_id": gift_code_id}
        ids = self.filter(**key).values_list("pk", flat=True)
        found = ids.first()
        while found is None:  # A second round only if another transaction has inserted it.
            self.bulk_create([Redemption(**key)], ignore_conflicts=True)
            found = ids.first()
        return found

    def for_update(self, *, nowait: bool = False) -> RedemptionQuerySet:
        """Rows under the row lock, in id order. `no_key`: member rows may be inserted meanwhile.

        Raises (when evaluated):
            django.db.OperationalError: `nowait`, and somebody else holds a row.
        """
        return self.select_for_update(nowait=nowait, no_key=True, of=("self",)).order_by("pk")


class Redemption(models.Model):
    """One gift code and one guild. A run is this row from `running` to unlocked; it belongs to no process."""

    guild = models.ForeignKey(
        Guild, on_delete=models.PROTECT, related_name="redemptions", verbose_name=_("guild")
    )
    gift_code = models.ForeignKey(
        GiftCode, on_delete=models.PROTECT, related_name="redemptions", verbose_name=_("gift code")
    )
    state = models.CharField(
        _("state"), max_length=10, choices=RunState, default=RunState.PENDING, db_default="pending"
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
    locked_at = models.DateTimeField(_("locked"), null=True)
    unlocked_at = models.DateTimeField(_("unlocked"), null=True)
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
        ]

    def __str__(self) -> str:
        return f"{self.gift_code} for {self.guild}"

    @property
    def is_stopping(self) -> bool:
        return self.state == RunState.RUNNING and self.stop_requested_at is not None

    # What follows needs the row lock (docs/explanation/design.md, “The lock”, the main rule).

    def begin_run(self, *, trigger: Trigger, user_id: int | None) -> None:
        """Begin a run, journal it, and have it announced: one statement, as whoever starts is waited for."""
        self.run_number = begin_runs([self.pk], trigger=trigger, user_id=user_id)[self.pk]
        self.state, self.trigger, self.triggered_by_id = RunState.RUNNING, trigger, user_id
        self.unlocked_at = self.stop_requested_at = None

    def end_run(self, state: RunState, *, now: datetime, detail: str = "") -> None:
        """End the run."""
        self.state, self.unlocked_at, self.stop_requested_at = state, now, None
        self.save(update_fields=["state", "unlocked_at", "stop_requested_at"])
        self.journal(EventKind.UNLOCKED, trigger=Trigger(self.trigger), detail=detail)

    def journal(
        self,
        kind: EventKind,
        *,
        trigger: Trigger | None = None,
        user_id: int | None = None,
        detail: str = "",
    ) -> None:
        """Write an event of this redemption down."""
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
        """How many members are in each state."""
        rows = self.member_redemptions.order_by().values_list("state").annotate(number=Count("pk"))
        return {State(state): number for state, number in rows}


def begin_runs(
    redemption_ids: list[int], *, trigger: Trigger, user_id: int | None
) -> dict[int, int]:
    """Begin a run of each of these redemptions, which must be locked and not running: journalled, and announced.

    Returns:
        Run number by redemption id.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _LOCK,
            {
                "ids": redemption_ids,
                "trigger": trigger.value,
                "user": user_id,
                "always_announced": trigger.always_announced,
                "few": FEW_MEMBERS,
            },
        )
        return dict(cursor.fetchall())
