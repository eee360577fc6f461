"""What a player can do by a personal link: correct the realm, leave, opt out, download, erase.

A link belongs to one guild. It shows nothing of another guild, and changes nothing there. An
opt-out, a download of the data and an erasure need a link that an officer has confirmed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from giftcodes.models import (
    Clock,
    CodeState,
    Member,
    MemberRedemption,
    OptOut,
    PlayerLink,
    RunState,
    SelfServiceEvent,
    SelfServiceKind,
    database_now,
)
from giftcodes.models.guild import own_realm
from giftcodes.models.opted_out import player_hashes
from giftcodes.models.player_link import LINK_LASTS
from giftcodes.queries.player_data import data_of
from giftcodes.services.corrections import count_of_members
from giftcodes.services.players import (
    EraseResult,
    erase_in_guild,
    opt_in_again,
    opt_out_in,
)

if TYPE_CHECKING:
    from django.db.models import QuerySet


@transaction.atomic
def make_for(member: Member, *, user_id: int) -> str:
    """Make a personal link for a member, which the officer sends to the player.

    A link that the member had before stops working. Only the link of a Discord user whom an officer
    has approved for the player stays.

    Returns:
        The token. It cannot be shown again.
    """
    # Two officers who press the button at once take turns, so that one link is left.
    Member.objects.select_for_update(no_key=True).get(pk=member.pk)
    links = PlayerLink.objects.filter(member=member)
    links.exclude(is_confirmed=True, discord_user__isnull=False).delete()
    _link, token = PlayerLink.objects.issue(
        guild_id=member.guild_id, member=member, is_confirmed=True, user_id=user_id
    )
    _note(SelfServiceKind.LINK_MADE, member, user_id)
    return token


@transaction.atomic
def end_discord(member: Member, *, user_id: int) -> bool:
    """Take the player away from its Discord user. Returns whether there was one."""
    links = PlayerLink.objects.filter(member=member, discord_user__isnull=False)
    number, _of_kinds = links.delete()
    if number:
        _note(SelfServiceKind.DISCORD_ENDED, member, user_id)
    return bool(number)


def own_in_discord(link_id: int, discord_user: int) -> PlayerLink | None:
    """A link of this Discord user. From now on, it lasts for another year.

    None if it has ended or is another user's.
    """
    link = PlayerLink.objects.of_discord(discord_user).filter(pk=link_id).first()
    if link is None:
        return None
    PlayerLink.objects.filter(pk=link.pk).update(ends_at=timezone.now() + LINK_LASTS)
    if link.member is not None:
        link.member.guild = link.guild
    return link


def choose_messages(link: PlayerLink, *, is_on: bool) -> None:
    """Choose whether the bot sends the Discord user a message if something waits for the player.

    The first one may come at once, the next ones a week later each.
    """
    rows = PlayerLink.objects.filter(pk=link.pk, discord_user__isnull=False)
    if is_on:
        rows.filter(next_message_at__isnull=True).update(next_message_at=Clock())
    else:
        rows.update(next_message_at=None)


@transaction.atomic
def renew(link: PlayerLink) -> str:
    """Replace a personal link, as the player asked. The old link stops working.

    Returns:
        The token of the new link, which may do the same as the old one.
    """
    member = _locked(link)
    token = link.replace_token()
    _note(SelfServiceKind.RENEWED, member)
    return token


@dataclass(frozen=True, slots=True)
class Correction:
    """What a correction of the realm did.

    Args:
        changed: whether the realm differs from the one before.
        codes: how many active codes are tried again because of it.
    """

    changed: bool
    codes: int


@transaction.atomic
def correct_realm(link: PlayerLink, realm: int) -> Correction:
    """Set the member's realm. Catch-up then tries again what was refused for the old realm.

    Raises:
        TooManyCorrectionsError: the guild has no more corrections today. Nothing was changed.
    """
    member = _locked(link)
    before = member.realm or link.guild.realm
    if realm == before:
        return Correction(changed=False, codes=0)
    # An officer can make a link for each member, so the guild's limit holds for links, too.
    count_of_members(link.guild, 1)
    member.realm = own_realm(link.guild, realm)
    _save(member, SelfServiceKind.CORRECTED, "realm")
    again = MemberRedemption.objects.filter(
        member=member, state="needs_correction", gift_code__state=CodeState.ACTIVE
    )
    again = again.exclude(redemption__state=RunState.STOPPED).reopenable(is_person=False)
    return Correction(changed=True, codes=again.count())


@transaction.atomic
def leave(link: PlayerLink) -> bool:
    """Make the member inactive. Catch-up cancels waiting rows. Returns whether anything changed."""
    member = _locked(link)
    if not member.active:
        return False
    member.active = False
    _save(member, SelfServiceKind.LEFT, "active")
    return True


@transaction.atomic
def stop(link: PlayerLink) -> None:
    """Opt the player out in this guild. The link must be confirmed."""
    assert link.is_confirmed
    member = _locked(link)
    if member.opted_out:
        # The button was pressed twice, or another person was faster: the earlier opt-out counts.
        return
    opt_out_in(Member.objects.filter(pk=member.pk), reason=SelfServiceKind.OPTED_OUT)
    link.opted_out_at = database_now()
    link.save(update_fields=["opted_out_at"])
    _note(SelfServiceKind.OPTED_OUT, member)


@transaction.atomic
def start_again(link: PlayerLink) -> bool:
    """Take back the opt-out that this link made. Returns whether it was taken back.

    A link does not end an opt-out that the player asked for in another way, because an officer
    could have the link, too.
    """
    member = _locked(link)
    link.refresh_from_db(fields=["opted_out_at", "member"])
    if not may_start_again(link):
        return False
    # If there is an opt-out of all guilds, this link made it: `may_start_again` has compared the
    # times.
    _opt_outs_of_all_guilds(link).delete()
    opt_in_again(member, reason=SelfServiceKind.OPTED_IN)
    _note(SelfServiceKind.OPTED_IN, member)
    return True


def may_start_again(link: PlayerLink) -> bool:
    """Whether the player's opt-out is the one that this link made."""
    if link.opted_out_at is None or link.member is None or not link.member.opted_out:
        return False
    in_all = _opt_outs_of_all_guilds(link).values_list("created_at", flat=True)
    return all(made_at == link.opted_out_at for made_at in in_all)


def _opt_outs_of_all_guilds(link: PlayerLink) -> QuerySet[OptOut]:
    """The player's opt-out in all guilds. In an earlier release, a link could make it."""
    assert link.member is not None
    hashes = player_hashes(link.guild.provider, link.member.player_id)
    return OptOut.objects.filter(pk__in=hashes)


def download(link: PlayerLink) -> dict[str, Any]:
    """The player's data in this guild, for `in_json`. The link must be confirmed."""
    assert link.is_confirmed
    assert link.member is not None
    data = data_of(link.guild.provider, link.member.player_id, guild_id=link.guild_id)
    _note(SelfServiceKind.DOWNLOADED, link.member)
    return data


def erase(link: PlayerLink) -> EraseResult:
    """Opt the player out in this guild, and remove what the guild knows of the player.

    The link must be confirmed. An officer could have it, too, and must not learn from what is left
    whether other guilds know the player. So the same is left for each player.
    """
    assert link.is_confirmed
    assert link.member is not None
    result = erase_in_guild(link.member, reason=SelfServiceKind.OPTED_OUT)
    if not result.obstacle:
        SelfServiceEvent.objects.create(guild=link.guild, kind=SelfServiceKind.ERASED)
    return result


def _locked(link: PlayerLink) -> Member:
    """The link's member, locked."""
    assert link.member_id is not None
    return Member.objects.select_for_update(no_key=True).get(pk=link.member_id)


def _save(member: Member, kind: SelfServiceKind, name: str) -> None:
    member._change_reason = kind  # type: ignore[attr-defined]
    member.save(update_fields=[name])
    _note(kind, member)


def _note(kind: SelfServiceKind, member: Member, user_id: int | None = None) -> None:
    SelfServiceEvent.objects.create(
        guild_id=member.guild_id, member=member, kind=kind, user_id=user_id
    )
