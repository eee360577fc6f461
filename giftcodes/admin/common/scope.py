"""Who sees what: from a person to the rows of each model.

Whoever may view every guild (`giftcodes.view_every_guild`: superusers, viewers) sees all rows. Everybody else is an
officer, and sees what belongs to the guilds that name them. A model without a rule shows an officer nothing.
`Scoped` (base.py) asks here for every list, filter, choice, page and address.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from axes.models import AccessAttempt, AccessLog
from django.contrib.auth.models import Group, User
from django.db.models import CharField, Model, Q
from django.db.models.functions import Cast
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from giftcodes.models import (
    Alarm,
    AlarmNotice,
    Announcement,
    Attempt,
    Channel,
    Directory,
    DirectoryLookup,
    Feed,
    GiftCode,
    Guild,
    Heartbeat,
    Member,
    MemberImport,
    MemberRedemption,
    OptOut,
    PrunedFigure,
    RateBudget,
    Redemption,
    RedemptionEvent,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

Row = TypeVar("Row", bound=Model)
#: A person who is logged in.
Person = Any

EVERY_GUILD = "giftcodes.view_every_guild"
_KEPT = "_ids_of_own_guilds"
#: Alarms about a guild, whose subject is its id. Those about a run have the redemption's.
_ABOUT_A_GUILD = (
    Alarm.Kind.UNCOVERED,
    Alarm.Kind.NO_MEMBERS,
    Alarm.Kind.CHANNEL_GONE,
    Alarm.Kind.CHANNEL_SILENT,
)


def sees_all(person: Person) -> bool:
    """Whether somebody sees every guild, and the machine."""
    return bool(person.has_perm(EVERY_GUILD))


def visible(rows: QuerySet[Row], person: Person) -> QuerySet[Row]:
    """Those of these rows that somebody may see."""
    return rows.filter(limit(rows.model, person))


def limit(model: type[Model], person: Person) -> Q:
    """The same, as a condition for choices and filters."""
    if sees_all(person):
        return Q()
    rule = RULES.get(model, _nothing)
    return rule(person)


def _nothing(_person: Person) -> Q:
    return Q(pk__in=[])


def _guilds(person: Person) -> list[int]:
    """The ids of the own guilds, looked up once in a request. As values: of a subquery PostgreSQL does not know how few
    rows it will have, and goes through a million member redemptions for the newest fifty."""
    ids: list[int] | None = getattr(person, _KEPT, None)
    if ids is None:
        ids = sorted(Guild.objects.filter(officers=person).values_list("pk", flat=True))
        setattr(person, _KEPT, ids)
    return ids


def _of_guild(path: str) -> Callable[[Person], Q]:
    """What hangs on a guild by this path."""
    return lambda person: Q(**{f"{path}__in": _guilds(person)})


def _codes(person: Person, path: str = "") -> Q:
    """Codes are the same for everybody who plays the game."""
    own = Guild.objects.filter(pk__in=_guilds(person)).order_by().values("provider")
    return Q(**{f"{path}provider__in": own})


def _events(person: Person) -> Q:
    """Also those of a code itself, which belong to no redemption."""
    of_code = Q(redemption__isnull=True) & _codes(person, "gift_code__")
    return Q(redemption__guild__in=_guilds(person)) | of_code


def _alarms(person: Person) -> Q:
    guilds = [str(pk) for pk in _guilds(person)]
    runs = Redemption.objects.filter(guild__in=_guilds(person)).order_by()
    about_runs = runs.annotate(subject=Cast("pk", CharField())).values("subject")
    return Q(kind__in=_ABOUT_A_GUILD, subject__in=guilds) | Q(
        kind=Alarm.Kind.NO_PROGRESS, subject__in=about_runs
    )


RULES: dict[type[Model], Callable[[Person], Q]] = {
    Guild: _of_guild("pk"),
    Member: _of_guild("guild"),
    MemberImport: _of_guild("guild"),
    GiftCode: _codes,
    Redemption: _of_guild("guild"),
    MemberRedemption: _of_guild("redemption__guild"),
    Attempt: _of_guild("member_redemption__redemption__guild"),
    RedemptionEvent: _events,
    Announcement: _of_guild("redemption__guild"),
    Channel: _of_guild("guild"),
    Alarm: _alarms,
    # The machine, and who may log in, are no guild's business.
    **dict.fromkeys(
        (
            *(Directory, DirectoryLookup),
            *(
                AlarmNotice,
                RateBudget,
                Feed,
                Heartbeat,
                OptOut,
                PrunedFigure,
                User,
                Group,
                AccessAttempt,
                AccessLog,
            ),
            *(PeriodicTask, IntervalSchedule, CrontabSchedule, ClockedSchedule, SolarSchedule),
        ),
        _nothing,
    ),
}


def redact(rows: Iterable[Model], person: Person) -> None:
    """Take out of rows that are shown, and not saved, what they tell about other guilds.

    A player may be in two guilds, and is asked for in one: the row of the other names the guild that has the proof.
    """
    if sees_all(person):
        return
    covered = [row for row in rows if isinstance(row, MemberRedemption) and row.covered_by_id]
    if not covered:
        return
    proofs = MemberRedemption.objects.filter(pk__in=[row.covered_by_id for row in covered])
    own = set(visible(proofs, person).values_list("pk", flat=True))
    for row in covered:
        if row.covered_by_id not in own:
            row.covered_by = None
