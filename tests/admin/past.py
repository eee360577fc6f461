"""Rows of history, as the pipeline would have left them."""

from __future__ import annotations

from datetime import date

from django.contrib.auth.models import User

from giftcodes.models import (
    Alarm,
    AlarmNotice,
    Announcement,
    Attempt,
    Channel,
    CodeProposal,
    Directory,
    DirectoryLookup,
    EventKind,
    Feed,
    Heartbeat,
    MemberImport,
    MemberRedemption,
    OptOut,
    PrunedFigure,
    Redemption,
    RunState,
    Source,
    Trigger,
)
from giftcodes.models.roles import Role
from giftcodes.services.links import invite
from tests.factories import gift_code, guild, member

#: The secret part of the channels' addresses.
SECRET = "aVerySecretToken"


def redemption(
    *, state: str = RunState.COMPLETE, members: int = 1, member_state: str = "redeemed"
) -> Redemption:
    """A redemption of a new code for a new guild, with a member redemption for each member."""
    row = Redemption.objects.create(
        guild=guild(members=members),
        gift_code=gift_code(),
        state=state,
        run_number=1,
        trigger=Trigger.POLL,
    )
    MemberRedemption.objects.bulk_create(
        MemberRedemption(
            redemption=row,
            member=one,
            gift_code=row.gift_code,
            player_id=one.player_id,
            state=member_state,
            reason="Redeemed.",
        )
        for one in row.guild.members.all()
    )
    return row


def attempt(member_redemption: MemberRedemption, *, token: int = 1) -> Attempt:
    return Attempt.objects.create(
        member_redemption=member_redemption,
        gift_code=member_redemption.gift_code,
        player_id=member_redemption.player_id,
        realm=1,
        token=token,
        outcome="success",
    )


def live(times: int) -> None:
    """Create some rows of every model, each with its own related rows."""
    for number in range(times):
        row = redemption()
        member_redemption = row.member_redemptions.get()
        attempt(member_redemption)
        member(row.guild, nickname=f"Nick{number}")
        MemberImport.objects.create(
            guild=row.guild, source=Source.COMMAND, added=1, updated=0, reactivated=0
        )
        row.journal(EventKind.LOCKED, trigger=Trigger.POLL)
        channel = Channel.objects.create(
            guild=row.guild, address=f"https://discord.com/api/webhooks/{row.pk}/{SECRET}"
        )
        Announcement.objects.create(
            redemption=row, channel=channel, run_number=1, kind=Announcement.Kind.COMPLETE
        )
        Announcement.objects.create(channel=channel, kind=Announcement.Kind.TEST)
        alarm = Alarm.objects.create(
            kind=Alarm.Kind.NO_PROGRESS, subject=str(row.pk), message="No progress."
        )
        AlarmNotice.objects.create(alarm=alarm, kind=AlarmNotice.Kind.RAISED)
        OptOut.objects.create(player_hash=f"{row.pk:064d}")
        PrunedFigure.objects.create(
            provider="simulator",
            day=date(2026, 1, 1),
            of=PrunedFigure.Of.EVENT,
            what=str(row.pk),
            number=1,
        )
        DirectoryLookup.objects.create(
            provider="simulator", player_id=member_redemption.player_id, said="found", name="Nick"
        )
        Heartbeat.objects.get_or_create(name=f"tick {row.pk}")
        officer, _is_new = User.objects.get_or_create(username="proposer")
        CodeProposal.objects.create(
            provider="simulator", code=f"PROPOSED{row.pk}", proposed_by=officer
        )
        invite(made_by=officer, role=Role.OFFICER, guilds=[row.guild])
    Feed.objects.get_or_create(provider="simulator")
    Directory.objects.get_or_create(provider="simulator")
