"""What all operations share: rights, visible rows, pages of lists, and the record of changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from ninja import Path, Query

from giftcodes.api import schemas
from giftcodes.api.problems import Problem, ProblemKind
from giftcodes.domain import log_lines
from giftcodes.domain.sentences import Sentence, english
from giftcodes.models import Guild
from giftcodes.models.fields import without_notes
from giftcodes.queries import scope
from giftcodes.services.changes import record_change

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from django.http import HttpRequest

    from giftcodes.domain.served import Served
    from giftcodes.services.api_tokens import Caller

Row = TypeVar("Row", bound="Model")
#: How many rows a page of a list has.
PAGE_SIZE = 100
#: Deeper pages would read very many rows.
_MOST_PAGE = 10_000
PageNumber = Annotated[int, Query(1, ge=1, le=_MOST_PAGE, description="The page, from 1.")]
RowId = Annotated[int, Path(ge=1, le=schemas.MOST_ID)]
OptionalId = Annotated[int | None, Query(None, ge=1, le=schemas.MOST_ID)]
#: The errors that each operation may answer with. The body of each is a `ProblemBody`.
ERRORS = dict.fromkeys((400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 503), schemas.ProblemBody)


def caller_of(request: HttpRequest, permission: str) -> Caller:
    """Who sends the request.

    Args:
        request: the request.
        permission: the permission that the maker of the token needs, the same as on the pages.

    Raises:
        Problem: the maker is not allowed to do this.
    """
    caller: Caller = request.api_entry  # type: ignore[attr-defined]
    if not caller.user.has_perm(permission):
        words = "The person who made this token may not do this. Ask an administrator."
        raise Problem(ProblemKind.FORBIDDEN, words)
    return caller


def visible_row(rows: QuerySet[Row], caller: Caller, pk: int) -> Row:
    """The row with this id, if the caller may see it.

    Raises:
        Problem: there is no such row, or the caller may not see it. The answer is the same.
    """
    row = scope.visible(rows, caller.user).filter(pk=pk).first()
    if row is None:
        words = "There is no %s with this id, or it belongs to another guild."
        raise Problem(ProblemKind.NOT_FOUND, words % rows.model._meta.verbose_name)
    return row


def visible_guild(caller: Caller, guild_id: int) -> Guild:
    """The guild with this id: see `visible_row`."""
    guild: Guild = visible_row(without_notes(Guild.objects.all()), caller, guild_id)
    return guild


def page_of(rows: QuerySet[Row] | Sequence[Any], number: int) -> tuple[list[Any], dict[str, int]]:
    """The rows of a page, and what `schemas.Page` says about it. A page after the last is empty."""
    pages = Paginator(rows, PAGE_SIZE)
    shown = list(pages.page(number).object_list) if number <= pages.num_pages else []
    return shown, {"page": number, "pages": pages.num_pages, "total": pages.count}


def progress(served: Served) -> dict[str, int]:
    """The numbers as `schemas.Progress`."""
    names = ("has", "not_eligible", "needs_you", "waiting", "cannot", "total")
    return {name: getattr(served, name) for name in names}


def unusable(error: ValidationError, **more: Any) -> Problem:
    """The problem of a value that a model or a service refuses."""
    return Problem(ProblemKind.UNUSABLE, " ".join(error.messages), more=more)


def log(caller: Caller, rows: Sequence[Model], done: Sentence, *, is_shared: bool = False) -> None:
    """Record a change in the list of changes and in the log.

    Args:
        caller: who changed something.
        rows: what was changed, rows of one model.
        done: what was done.
        is_shared: whether officers of other guilds read it. If so, it does not name the token.
    """
    if not rows:
        return
    said = done if is_shared else Sentence.of("done_by", done=done, by=caller.by)
    record_change(caller.user.pk, rows, said)
    log_lines.info(
        f"🔌 {english(said)}", number=len(rows), by=caller.user.pk, token=caller.token.pk
    )
