"""The rules that decide which rows a person may see.

A person with the permission `giftcodes.view_every_guild` (superusers and viewers) sees all rows.
Any other person is an officer, and sees the rows of the guilds that have this person as an officer.
The pages apply these rules with `Scoped` (giftcodes/admin/common/scoped.py).

A new model needs an entry in `RULES`: usually `_of_guild("path__to__guild")`, or `_nothing` if only
operators may see it. An officer sees no rows of a model without an entry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from axes.models import AccessAttempt, AccessLog
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.db.models import CharField, Exists, Model, OuterRef, Q
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
    ApiAnswer,
    ApiToken,
    Attempt,
    Channel,
    CodeProposal,
    CodeSighting,
    ConnectionCheck,
    Directory,
    DirectoryLookup,
    DiscordAccount,
    DiscordBot,
    DiscordCode,
    DiscordServer,
    Feed,
    GiftCode,
    Guild,
    Heartbeat,
    Invitation,
    JoinLink,
    JoinRequest,
    Member,
    MemberImport,
    MemberRedemption,
    OptOut,
    PlayerLink,
    PrunedFigure,
    PublicPage,
    RateBudget,
    Redemption,
    RedemptionEvent,
    RunRequest,
    SelfServiceEvent,
    StoredSetting,
    Throttle,
)
from giftcodes.models.alarm import SUBJECT_MODELS
from giftcodes.models.roles import only_guild_of, sees_every_guild

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

Row = TypeVar("Row", bound=Model)
#: A person who is logged in.
Person = Any

_KEPT = "_ids_of_own_guilds"


def sees_all(person: Person) -> bool:
    """Whether a person sees all rows."""
    return sees_every_guild(person)


def visible(rows: QuerySet[Row], person: Person) -> QuerySet[Row]:
    """The given rows, limited to those that a person may see."""
    return rows.filter(limit(rows.model, person))


def limit(model: type[Model], person: Person) -> Q:
    """The condition for the rows that a person may see. Choices and filters use it directly."""
    if sees_all(person):
        return Q()
    rule = RULES.get(model, _nothing)
    return rule(person)


def _nothing(_person: Person) -> Q:
    return Q(pk__in=[])


def _guilds(person: Person) -> list[int]:
    """The ids of the person's guilds, fetched once per request.

    They are values and not a subquery: PostgreSQL cannot know how few rows a subquery has, and
    would read a million member redemptions to find the newest fifty.
    """
    if (only := only_guild_of(person)) is not None:
        return [only]
    ids: list[int] | None = getattr(person, _KEPT, None)
    if ids is None:
        ids = sorted(Guild.objects.filter(officers=person).values_list("pk", flat=True))
        setattr(person, _KEPT, ids)
    return ids


def sees_times(code: GiftCode, person: Person) -> bool:
    """Whether a person may see when a code was closed, and when it is tried again.

    These moments depend on the answers to all guilds, and would tell what other guilds do. So an
    officer sees them only if a run of the code has begun for a guild of this officer.
    """
    if sees_all(person):
        return True
    begun = Redemption.objects.filter(gift_code=code, run_number__gt=0)
    return visible(begun, person).exists()


def games(person: Person) -> set[str] | None:
    """The names of the games that the guilds of a person play. None if the person sees all."""
    if sees_all(person):
        return None
    guilds = Guild.objects.filter(pk__in=_guilds(person)).order_by()
    return set(guilds.values_list("provider", flat=True))


def guild_ids(person: Person) -> list[int] | None:
    """The ids of the guilds that a person may see. None if the person sees all."""
    return None if sees_all(person) else _guilds(person)


def _of_guild(path: str) -> Callable[[Person], Q]:
    """The rule for a model. The path is the lookup that leads from the model to its guild."""
    return lambda person: Q(**{f"{path}__in": _guilds(person)})


def _codes(person: Person) -> Q:
    """All codes of the games that the person's guilds play."""
    own = Guild.objects.filter(pk__in=_guilds(person)).order_by().values("provider")
    return Q(provider__in=own)


def _events(person: Person) -> Q:
    """Events of the redemptions in the person's guilds, and events of codes of these redemptions.

    Events of a code itself belong to no redemption. They are left out if no run of the code has
    begun for a guild of the person, because they would tell when other guilds asked for the code.
    """
    own = Redemption.objects.filter(
        guild__in=_guilds(person), gift_code=OuterRef("gift_code"), run_number__gt=0
    )
    of_code = Q(Exists(own), redemption__isnull=True)
    return Q(redemption__guild__in=_guilds(person)) | of_code


def _alarms(person: Person) -> Q:
    guilds = [str(pk) for pk in _guilds(person)]
    own = Q(kind__in=_kinds_about(Guild), subject__in=guilds)
    for model in (Redemption, Channel):
        rows = model._default_manager.filter(guild__in=_guilds(person)).order_by()
        about = rows.annotate(named=Cast("pk", CharField())).values("named")
        own |= Q(kind__in=_kinds_about(model), subject__in=about)
    return own


def _changes(person: Person) -> Q:
    """What people did with the rows that belong to the person's guilds."""
    own = Q(pk__in=[])
    for model in (Guild, Member, Redemption, MemberImport, Channel):
        rows = model._default_manager.filter(RULES[model](person)).order_by()
        ids = rows.annotate(logged=Cast("pk", CharField())).values("logged")
        own |= Q(
            content_type__app_label=model._meta.app_label,
            content_type__model=model._meta.model_name,
            object_id__in=ids,
        )
    return own


def _invitations(person: Person) -> Q:
    """Invitations that the person made, and that name only guilds of this person."""
    through = Invitation.guilds.through.objects
    foreign = through.filter(invitation=OuterRef("pk")).exclude(guild__in=_guilds(person))
    return Q(~Exists(foreign), made_by=person)


def _announcements(person: Person) -> Q:
    """Messages about runs of the person's guilds, and other messages to these guilds' channels."""
    own = _guilds(person)
    return Q(redemption__guild__in=own) | Q(redemption__isnull=True, channel__guild__in=own)


def _kinds_about(model: type[Model]) -> list[str]:
    return [kind for kind, name in SUBJECT_MODELS.items() if name == model._meta.model_name]


RULES: dict[type[Model], Callable[[Person], Q]] = {
    Guild: _of_guild("pk"),
    Member: _of_guild("guild"),
    MemberImport: _of_guild("guild"),
    JoinLink: _of_guild("guild"),
    JoinRequest: _of_guild("guild"),
    PlayerLink: _of_guild("guild"),
    PublicPage: _of_guild("guild"),
    SelfServiceEvent: _of_guild("guild"),
    GiftCode: _codes,
    Redemption: _of_guild("guild"),
    MemberRedemption: _of_guild("redemption__guild"),
    Attempt: _of_guild("member_redemption__redemption__guild"),
    RedemptionEvent: _events,
    Announcement: _announcements,
    Channel: _of_guild("guild"),
    DiscordServer: _of_guild("guild"),
    DiscordAccount: lambda person: Q(user=person),
    DiscordCode: lambda person: Q(made_by=person),
    Alarm: _alarms,
    LogEntry: _changes,
    Invitation: _invitations,
    ApiToken: _of_guild("guild"),
    CodeProposal: lambda person: Q(proposed_by=person),
    # Only operators see how the system runs, and who may log in.
    **dict.fromkeys(
        (
            AlarmNotice,
            ApiAnswer,
            CodeSighting,
            ConnectionCheck,
            Directory,
            DirectoryLookup,
            DiscordBot,
            Feed,
            Heartbeat,
            OptOut,
            PrunedFigure,
            RateBudget,
            RunRequest,
            StoredSetting,
            Throttle,
            User,
            Group,
            AccessAttempt,
            AccessLog,
            PeriodicTask,
            IntervalSchedule,
            CrontabSchedule,
            ClockedSchedule,
            SolarSchedule,
        ),
        _nothing,
    ),
}


def redact(rows: Iterable[Model], person: Person) -> None:
    """Remove references to other guilds from member redemptions. Do not save the rows afterwards.

    A player may be in two guilds, and the request is sent for only one of them. The member
    redemption of the second guild then refers to that of the first guild, because the answer there
    proves that the player has the code.
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
