"""Guilds, codes and a past for screenshots, as the pipeline would have left them.

They are the same in each run.
"""

from __future__ import annotations

import datetime as dt
import importlib
from dataclasses import dataclass
from random import Random
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, User
from django.utils import timezone

from giftcodes.domain.outcomes import Outcome
from giftcodes.domain.sentences import Sentence, reason_of
from giftcodes.models import (
    Alarm,
    Attempt,
    EventKind,
    Feed,
    GiftCode,
    Guild,
    Heartbeat,
    Member,
    MemberImport,
    MemberRedemption,
    RateBudget,
    Redemption,
    RedemptionEvent,
    RunState,
    Source,
    Trigger,
)
from giftcodes.services.imports import import_members
from tests.factories import REALM
from tests.member_lists import read_members

NAMES = (
    "Amber",
    "Bram",
    "Cleo",
    "Dario",
    "Edda",
    "Finn",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Kira",
    "Liam",
    "Mona",
    "Nils",
)
CODES = (
    "FROST2026",
    "WINTERGIFT",
    "SNOWDAY",
    "HARVEST",
    "OFFICIALSTORE",
    "VIPLETTER",
    "LUCKYSEVEN",
    "THANKYOU",
    "SUNRISE",
)
#: States and outcomes of member redemptions, each with its percentage.
STATES = (
    ("redeemed", Outcome.SUCCESS, 78),
    ("already_received", Outcome.RECEIVED, 12),
    ("same_type", Outcome.SAME_TYPE, 2),
    ("needs_correction", Outcome.WRONG_REALM, 3),
    ("not_eligible", Outcome.LEVEL_TOO_LOW, 3),
    ("failed", Outcome.UNANSWERED, 2),
)


@dataclass(frozen=True, slots=True)
class World:
    """The rows whose pages are opened."""

    guild: Guild
    running: Redemption
    complete: Redemption
    closed: GiftCode
    officer: User


def imported(into: Guild, *, user: Any) -> tuple[MemberImport, Member]:
    """An import that added two members and changed a third, who was changed again afterwards."""
    corrected = into.members.order_by("pk")[3]
    changed = f"{corrected.player_id},{corrected.nickname} II,1050"
    listing = f"id,name,realm\n300000001,Otto\n300000002,Pia,1043\n{changed}\n"
    import_members(
        into.pk, read_members(listing.encode()).members, source=Source.ADMIN, user_id=user.pk
    )
    corrected.refresh_from_db()
    corrected._history_user = user  # type: ignore[attr-defined]
    corrected.realm = 1043
    corrected.consented_on = dt.date(2026, 5, 1)
    corrected.save()
    return MemberImport.objects.get(), corrected


def build(*, user: Any, members: int = 60, codes: int = len(CODES)) -> World:
    """Fill an empty database."""
    random = Random(7)
    now = timezone.now()
    guilds = [_guild(name, members, random) for name in ("Wolves", "Bears", "Ravens")]
    known = [
        _code(name, now - dt.timedelta(days=2 * place, hours=3))
        for place, name in enumerate(CODES[:codes])
    ]
    runs = [
        _redemption(guild, code, now - dt.timedelta(days=2 * place, hours=2), random)
        for place, code in enumerate(known)
        for guild in guilds
    ]
    running, complete = runs[0], runs[4]
    _begin_again(running, now, random)
    _close(known[-1], now)
    _journal(complete, user, now)
    _health(now)
    return World(guilds[0], running, complete, known[-1], _officer(guilds[0]))


def _close(code: GiftCode, now: dt.datetime) -> None:
    """Close a code, because the game answered for two members that it has expired."""
    member_redemptions = MemberRedemption.objects.filter(gift_code=code).order_by("-pk")[:2]
    for place, member_redemption in enumerate(member_redemptions):
        Attempt.objects.create(
            member_redemption=member_redemption,
            gift_code=code,
            player_id=member_redemption.player_id,
            realm=REALM,
            token=2,
            sent_at=now - dt.timedelta(minutes=3 - place),
            answered_at=now - dt.timedelta(minutes=3 - place),
            outcome=Outcome.CODE_EXPIRED,
            latency_ms=130,
        )
    GiftCode.objects.filter(pk=code.pk).update(
        state="closed",
        reason="The code has expired.",
        closed_outcome=Outcome.CODE_EXPIRED,
        closed_at=now - dt.timedelta(minutes=2),
    )


def _officer(guild: Guild) -> User:
    """A user who sees one guild. The roles are made again, in case a test emptied the tables."""
    importlib.import_module("giftcodes.migrations.0005_roles").seed(apps, None)
    importlib.import_module("giftcodes.migrations.0032_invitations").grant(apps, None)
    officer = User.objects.create_user("amber", is_staff=True, first_name="Amber")
    officer.groups.add(Group.objects.get(name="Guild officers"))
    guild.officers.add(officer)
    return officer


def _guild(name: str, members: int, random: Random) -> Guild:
    guild = Guild.objects.create(name=name, provider="simulator", realm=REALM)
    first = 200_000_000 + 1_000 * guild.pk
    Member.objects.bulk_create(
        Member(
            guild=guild,
            player_id=str(first + number),
            nickname=f"{random.choice(NAMES)} {number:02d}",
        )
        for number in range(members)
    )
    return guild


def _code(name: str, seen_at: dt.datetime) -> GiftCode:
    return GiftCode.objects.create(
        provider="simulator",
        code=name,
        source="feed",
        first_seen_at=seen_at,
        published_on=seen_at.date(),
        proven_at=seen_at,
    )


def _redemption(guild: Guild, code: GiftCode, at: dt.datetime, random: Random) -> Redemption:
    row = Redemption.objects.create(
        guild=guild,
        gift_code=code,
        state=RunState.COMPLETE,
        run_number=1,
        trigger=Trigger.POLL,
        locked_at=at,
        unlocked_at=at + dt.timedelta(minutes=4),
    )
    states = random.choices(
        [state[:2] for state in STATES],
        [state[2] for state in STATES],
        k=guild.members.count(),
    )
    member_redemptions = MemberRedemption.objects.bulk_create(
        MemberRedemption(
            redemption=row,
            member=member,
            gift_code=code,
            player_id=member.player_id,
            state=state,
            outcome=outcome,
            reason=reason_of(outcome),
            asked_realm=REALM,
            next_attempt_at=None,
            settled_at=at if state in ("redeemed", "already_received", "same_type") else None,
            updated_at=at,
        )
        for member, (state, outcome) in zip(guild.members.order_by("pk"), states, strict=True)
    )
    Attempt.objects.bulk_create(
        Attempt(
            member_redemption=member_redemption,
            gift_code=code,
            player_id=member_redemption.player_id,
            realm=REALM,
            token=1,
            sent_at=at,
            answered_at=at,
            outcome=member_redemption.outcome,
            latency_ms=140,
        )
        for member_redemption in member_redemptions
    )
    for kind in (EventKind.LOCKED, EventKind.UNLOCKED):
        _event(row, kind, at)
    return row


def _begin_again(row: Redemption, now: dt.datetime, random: Random) -> None:
    """Put a redemption into the middle of its first run."""
    Redemption.objects.filter(pk=row.pk).update(
        state=RunState.RUNNING, locked_at=now - dt.timedelta(seconds=50), unlocked_at=None
    )
    RedemptionEvent.objects.filter(redemption=row).delete()
    _event(row, EventKind.LOCKED, now - dt.timedelta(seconds=50))
    for member_redemption in row.member_redemptions.order_by("pk")[24:]:
        Attempt.objects.filter(member_redemption=member_redemption).delete()
        member_redemption.state = "in_flight" if random.random() < 0.1 else "pending"
        member_redemption.outcome = member_redemption.reason = ""
        member_redemption.settled_at = None
        member_redemption.save(update_fields=["state", "outcome", "reason", "settled_at"])


def _journal(row: Redemption, user: Any, now: dt.datetime) -> None:
    at = now - dt.timedelta(hours=5)
    for minutes, kind, detail in (
        (0, EventKind.LOCKED, ""),
        (1, EventKind.REFUSED, "already in progress"),
        (2, EventKind.STOP_REQUESTED, ""),
        (3, EventKind.UNLOCKED, "stopped"),
        (9, EventKind.LOCKED, ""),
        (10, EventKind.RECOVERED, "1 claim whose worker was lost"),
        (12, EventKind.UNLOCKED, ""),
    ):
        is_person = kind in (EventKind.LOCKED, EventKind.REFUSED, EventKind.STOP_REQUESTED)
        _event(
            row,
            kind,
            at + dt.timedelta(minutes=minutes),
            user=user if is_person else None,
            detail=detail,
        )


def _event(
    row: Redemption, kind: EventKind, at: dt.datetime, *, user: Any = None, detail: str = ""
) -> None:
    RedemptionEvent.objects.create(
        redemption=row,
        gift_code=row.gift_code,
        kind=kind,
        run_number=1,
        trigger=Trigger.ADMIN if user else Trigger.POLL,
        user=user,
        detail=detail,
        at=at,
    )


def _health(now: dt.datetime) -> None:
    Heartbeat.objects.update_or_create(name="tick", defaults={"at": now + dt.timedelta(minutes=10)})
    RateBudget.objects.update_or_create(
        provider="simulator",
        defaults={"used": 18, "window_ends_at": now + dt.timedelta(minutes=10)},
    )
    Feed.objects.update_or_create(
        provider="simulator",
        defaults={
            "next_poll_at": now + dt.timedelta(seconds=40),
            "answered_at": now - dt.timedelta(seconds=20),
        },
    )
    Alarm.objects.create(
        kind=Alarm.Kind.NO_PROGRESS,
        subject="1",
        message=Sentence.of("no_progress", code="HARVEST", guild="Wolves", seconds="300"),
    )
