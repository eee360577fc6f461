"""The members of a guild: list, add, change, deactivate."""

from __future__ import annotations

from typing import Annotated, Any

from django.db import transaction
from django.http import HttpRequest
from ninja import Query, Router

from giftcodes import tasks
from giftcodes.api import schemas
from giftcodes.api.common import (
    ERRORS,
    PAGE_SIZE,
    PageNumber,
    RowId,
    caller_of,
    log,
    progress,
    visible_guild,
    visible_row,
)
from giftcodes.api.problems import Problem, ProblemKind, wait
from giftcodes.domain.sentences import Sentence
from giftcodes.models import Member, Source
from giftcodes.models.guild import GuildFullError
from giftcodes.queries.guild_members import MemberLine, member_page
from giftcodes.queries.player_codes import is_unknown_now, place_of
from giftcodes.roster import ListedMember
from giftcodes.roster.cells import CellError, nickname
from giftcodes.roster.review import listed_values
from giftcodes.services.api_tokens import Caller
from giftcodes.services.corrections import TooManyCorrectionsError, correct_members
from giftcodes.services.discord_officers import CORRECT, IMPORT, SEE_MEMBERS
from giftcodes.services.imports import import_members
from giftcodes.services.members import activate_members, set_on_members

router = Router(tags=["members"])
_OTHERS = {200: schemas.MemberOut, **ERRORS}


@router.get(
    "guilds/{guild_id}/members",
    response={200: schemas.MemberPage, **ERRORS},
    summary="List members",
)
def list_members(
    request: HttpRequest,
    guild_id: RowId,
    page: PageNumber,
    search: Annotated[
        schemas.Text, Query("", description="A part of the nickname or of the player ID.")
    ],
) -> dict[str, Any]:
    """The members of a guild: first those for whom codes are redeemed, then by nickname."""
    guild = visible_guild(caller_of(request, SEE_MEMBERS), guild_id)
    found = member_page(guild, text=search.strip(), number=page, size=PAGE_SIZE)
    # The query shows the last page instead of one that does not exist.
    lines = found.lines if found.number == page else []
    numbers = {"page": page, "pages": found.pages, "total": found.total}
    return {**numbers, "items": list(map(_line, lines))}


@router.post(
    "guilds/{guild_id}/members", response={200: schemas.Added, **ERRORS}, summary="Add members"
)
def add_members(request: HttpRequest, guild_id: RowId, body: schemas.NewMembers) -> dict[str, Any]:
    """Add players, and correct or reactivate those who are members. All of them, or none.

    Only players who opted out are left out. Codes are redeemed for new members within a minute.
    """
    caller = caller_of(request, IMPORT)
    caller_of(request, CORRECT)
    guild = visible_guild(caller, guild_id)
    try:
        result = import_members(
            guild.pk,
            _listed(body),
            source=Source.ADMIN,
            user_id=caller.user.pk,
            is_limited=caller.is_limited,
            by=caller.by,
        )
    except GuildFullError as error:
        raise Problem(ProblemKind.NOT_POSSIBLE, str(error)) from None
    except TooManyCorrectionsError as error:
        raise wait(max(1, error.seconds), str(error)) from None
    if result.has_changes:
        tasks.enqueue_on_commit(tasks.catch_up, [guild.pk])
        log(caller, [guild], Sentence.of("did_add_members"))
    return {
        "added": result.added,
        "changed": list(result.changes),
        "reactivated": result.reactivated,
        "opted_out": result.opted_out,
        "already_there": result.already_there,
    }


@router.patch("guilds/{guild_id}/members/{member_id}", response=_OTHERS, summary="Change a member")
def change_member(
    request: HttpRequest, guild_id: RowId, member_id: RowId, body: schemas.MemberChange
) -> dict[str, Any]:
    """Correct a member, or make the member inactive or active. All of it, or nothing.

    After a correction of the state or kingdom, codes that the game refused are asked for again.
    """
    caller = caller_of(request, CORRECT)
    guild = visible_guild(caller, guild_id)
    visible_row(Member.objects.filter(guild=guild), caller, member_id)
    changes = body.model_dump(exclude_unset=True)
    with transaction.atomic():
        changed = _change(caller, member_id, changes)
    member = Member.objects.select_related("guild").get(pk=member_id)
    if changed:
        tasks.enqueue_on_commit(tasks.catch_up, [guild.pk])
        log(caller, [member], Sentence.of("did_change_member"))
    return _member(member, is_unknown_now(member))


def _change(caller: Caller, pk: int, changes: dict[str, Any]) -> bool:
    """Change a member. Returns whether anything was changed."""
    about = {"default_user": caller.user, "default_change_reason": caller.by}
    done: list[Member] = []
    if changes.get("nickname") is not None:
        name = _checked(changes["nickname"])
        done += set_on_members([pk], "nickname", lambda _one: name, **about)[0]
    if "realm" in changes:
        corrected = correct_members([pk], changes["realm"], person=caller.user, **about)
        if corrected.refused:
            raise Problem(ProblemKind.LIMIT, corrected.refused[0])
        done += corrected.changed
    if changes.get("active") is False:
        done += set_on_members([pk], "active", lambda _one: False, **about)[0]
    elif changes.get("active"):
        active, _same, refused = activate_members([pk], **about)
        if refused:
            raise Problem(ProblemKind.NOT_POSSIBLE, refused[0])
        done += active
    return bool(done)


def _checked(text: str) -> str:
    try:
        return nickname(text)
    except CellError as error:
        raise Problem(ProblemKind.UNUSABLE, str(error)) from None


def _listed(body: schemas.NewMembers) -> list[ListedMember]:
    """The players as lines of a list, so that the rules of lists hold.

    Raises:
        Problem: a value cannot be used, or a player is named twice.
    """
    found: dict[str, ListedMember] = {}
    for number, one in enumerate(body.members, start=1):
        try:
            line = listed_values(
                number,
                player_id=one.player_id,
                nickname=one.nickname,
                realm=str(one.realm or ""),
                consented_on=str(one.consented_on or ""),
            )
        except CellError as error:
            at = ["body", "members", str(number - 1), error.field]
            errors = [{"at": at, "reason": str(error)}]
            raise Problem(ProblemKind.UNUSABLE, str(error), more={"errors": errors}) from None
        if line.player_id in found:
            words = "Player %s is named twice. Name each player once."
            raise Problem(ProblemKind.UNUSABLE, words % line.player_id)
        found[line.player_id] = line
    return list(found.values())


def _line(line: MemberLine) -> dict[str, Any]:
    return {**_member(line.member, line.is_unknown), "codes": progress(line.served)}


def _member(row: Member, is_unknown: bool) -> dict[str, Any]:
    return {
        "id": row.pk,
        "player_id": row.player_id,
        "nickname": row.nickname,
        "realm": place_of(row),
        "active": row.active,
        "opted_out": row.opted_out,
        "is_unknown": is_unknown,
    }
