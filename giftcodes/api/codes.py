"""The codes of the games that a token may see, and new codes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Status

from giftcodes import tasks
from giftcodes.api import schemas
from giftcodes.api.common import ERRORS, PageNumber, RowId, caller_of, log, page_of, visible_row
from giftcodes.api.problems import Problem, ProblemKind
from giftcodes.domain.sentences import Sentence
from giftcodes.models import CodeState, GiftCode, Trigger
from giftcodes.models.games import games
from giftcodes.queries import scope
from giftcodes.services import code_additions
from giftcodes.services.code_additions import Adder, AdditionRefused, AddKind
from giftcodes.services.code_entry import new_code
from giftcodes.services.discord_officers import ADD_CODE

router = Router(tags=["codes"])
SEE_CODE = "giftcodes.view_giftcode"


@router.get("codes", response={200: schemas.CodePage, **ERRORS}, summary="List codes")
def list_codes(
    request: HttpRequest,
    page: PageNumber,
    game: Annotated[schemas.Text, Query("", description="Only the codes of this game.")],
    state: Literal["", "active", "closed", "probing"] = "",
) -> dict[str, Any]:
    """The codes of the games that the guilds of the token play, the newest first."""
    caller = caller_of(request, SEE_CODE)
    rows = scope.visible(GiftCode.objects.exclude(state=CodeState.DELETED), caller.user)
    if game:
        rows = rows.filter(provider=game)
    if state:
        rows = rows.filter(state=state)
    shown, numbers = page_of(rows.order_by("-first_seen_at", "-pk"), page)
    return {**numbers, "items": list(map(_code, shown))}


@router.get("codes/{code_id}", response={200: schemas.CodeOut, **ERRORS}, summary="One code")
def get_code(request: HttpRequest, code_id: RowId) -> dict[str, Any]:
    """A code."""
    caller = caller_of(request, SEE_CODE)
    return _code(visible_row(GiftCode.objects.exclude(state=CodeState.DELETED), caller, code_id))


@router.post(
    "codes",
    response={200: schemas.CodeAdded, 201: schemas.CodeAdded, 202: schemas.CodeAdded, **ERRORS},
    summary="Add a code",
)
def add_code(request: HttpRequest, body: schemas.NewCode) -> Status[dict[str, Any]]:
    """Add a code, with the same limits as on the pages. A new code is redeemed at once.

    The status is 201 for a new code or a new spelling, 200 for a known code, and 202 if the code
    waits for the decision of an administrator.
    """
    caller = caller_of(request, ADD_CODE)
    typed = _typed(caller.user, body)
    try:
        added = code_additions.add(typed, Adder(caller.user), trigger=Trigger.ADMIN)
    except AdditionRefused as refusal:
        raise Problem(ProblemKind.UNUSABLE, str(refusal)) from None
    code = added.code
    if code is not None and added.kind is not AddKind.KNOWN:
        log(caller, [code], Sentence.of("did_add_by_program"), is_shared=True)
        # The journals of other guilds must not name an officer.
        by = None if caller.is_limited else caller.user.pk
        if added.kind is AddKind.ADDED:
            tasks.enqueue_on_commit(tasks.fan_out, code.pk, Trigger.ADMIN, by)
        elif added.is_open_again:
            tasks.enqueue_on_commit(tasks.fan_out, code.pk, Trigger.CATCH_UP)
    status = {AddKind.KNOWN: 200, AddKind.PROPOSED: 202}.get(added.kind, 201)
    shown = _code(code) if code is not None else None
    return Status(status, {"result": added.kind.name.lower(), "detail": added.words, "code": shown})


def _typed(person: Any, body: schemas.NewCode) -> GiftCode:
    """The code as it would be added.

    Raises:
        Problem: the token may not add codes of this game.
        ValidationError: a value cannot be used.
    """
    own = scope.games(person)
    if body.game not in (games() if own is None else own):
        words = f"No guild of this token plays the game “{body.game}”."
        raise Problem(ProblemKind.UNUSABLE, words)
    typed = new_code(body.game, body.code)
    end = body.expires_at
    if end is not None and timezone.is_naive(end):
        words = "expires_at needs its time zone, as in 2026-12-31T23:59:00Z."
        raise Problem(ProblemKind.UNUSABLE, words)
    typed.expires_at, typed.rewards = end, body.rewards.strip()
    typed.full_clean(exclude=["folded"], validate_unique=False, validate_constraints=False)
    return typed


def _code(row: GiftCode) -> dict[str, Any]:
    return {
        "id": row.pk,
        "code": row.code,
        "issue": row.issue,
        "game": row.provider,
        "state": row.state,
        "rewards": row.rewards,
        "expires_at": row.expires_at,
        "first_seen_at": row.first_seen_at,
    }
