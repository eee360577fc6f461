"""What a player can do by a personal link: correct the realm, leave, opt out, erase.

A link belongs to one guild, and shows nothing of another guild. An opt-out holds in all guilds, so
it needs a link that an officer has confirmed; so does an erasure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from giftcodes.models import (
    CodeState,
    Member,
    MemberRedemption,
    OptOut,
    PlayerLink,
    RunState,
    SelfServiceEvent,
    SelfServiceKind,
)
from giftcodes.models.guild import own_realm
from giftcodes.models.opted_out import player_hash
from giftcodes.queries.player_data import data_of
from giftcodes.services.corrections import count_of_members
from giftcodes.services.players import (
    EraseResult,
    erase_player,
    forget_in_guild,
    opt_in,
    opt_out,
)


@transaction.atomic
def make_for(member: Member, *, user_id: int) -> str:
    """Make a personal link for a member, which the officer sends to the player.

    A link that the member had before stops working.

    Returns:
        The token. It cannot be shown again.
    """
    # Two officers who press the button at once take turns, so that one link is left.
    Member.objects.select_for_update(no_key=True).get(pk=member.pk)
    PlayerLink.objects.filter(member=member).delete()
    _link, token = PlayerLink.objects.issue(
        guild_id=member.guild_id, member=member, is_confirmed=True, user_id=user_id
    )
    _note(SelfServiceKind.LINK_MADE, member, user_id)
    return token


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
    """Set the member's realm. Catch-up then tries again what the game refused for the old one.

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
    """Make the member inactive. Catch-up cancels what waits. Returns whether anything changed."""
    member = _locked(link)
    if not member.active:
        return False
    member.active = False
    _save(member, SelfServiceKind.LEFT, "active")
    return True


@transaction.atomic
def stop_everything(link: PlayerLink) -> None:
    """Opt the player out in every guild. The link must be confirmed."""
    assert link.is_confirmed
    member = _locked(link)
    opt_out(link.guild.provider, member.player_id, reason=SelfServiceKind.OPTED_OUT)
    link.opted_out_at = _opted_out_at(link)
    link.save(update_fields=["opted_out_at"])
    _note(SelfServiceKind.OPTED_OUT, member)


@transaction.atomic
def start_again(link: PlayerLink) -> bool:
    """Take back the opt-out that this link made. Returns whether it was taken back.

    An opt-out that the player asked for in another way is not ended by a link, because an officer
    may have the link, too.
    """
    member = _locked(link)
    if not may_start_again(link):
        return False
    opt_in(link.guild.provider, member.player_id, reason=SelfServiceKind.OPTED_IN)
    PlayerLink.objects.filter(pk=link.pk).update(opted_out_at=None)
    _note(SelfServiceKind.OPTED_IN, member)
    return True


def may_start_again(link: PlayerLink) -> bool:
    """Whether the player's opt-out is the one that this link made."""
    return link.opted_out_at is not None and link.opted_out_at == _opted_out_at(link)


def _opted_out_at(link: PlayerLink) -> Any:
    assert link.member is not None
    key = player_hash(link.guild.provider, link.member.player_id)
    return OptOut.objects.filter(pk=key).values_list("created_at", flat=True).first()


def download(link: PlayerLink) -> dict[str, Any]:
    """The player's data in this guild, for `in_json`. The link must be confirmed."""
    assert link.is_confirmed
    assert link.member is not None
    data = data_of(link.guild.provider, link.member.player_id, guild_id=link.guild_id)
    _note(SelfServiceKind.DOWNLOADED, link.member)
    return data


def erase(link: PlayerLink) -> EraseResult:
    """Opt the player out, and remove the personal data. The link must be confirmed.

    If the player is known in other guilds, their data stays there, and the player ID stays in this
    guild's history: it prevents a second request for a code. No page shows whether the player is
    known in other guilds, because an officer may have the link, too.
    """
    assert link.is_confirmed
    assert link.member is not None
    provider, player_id = link.guild.provider, link.member.player_id
    elsewhere = Member.objects.filter(guild__provider=provider, player_id=player_id)
    if elsewhere.exclude(guild=link.guild_id).exists():
        return _erase_here(link)
    result = erase_player(provider, player_id)
    if not result.obstacle:
        SelfServiceEvent.objects.create(guild=link.guild, kind=SelfServiceKind.ERASED)
    return result


@transaction.atomic
def _erase_here(link: PlayerLink) -> EraseResult:
    member = _locked(link)
    opt_out(link.guild.provider, member.player_id, reason=SelfServiceKind.OPTED_OUT)
    forget_in_guild(member)
    SelfServiceEvent.objects.create(guild=link.guild, kind=SelfServiceKind.ERASED)
    return EraseResult()


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
