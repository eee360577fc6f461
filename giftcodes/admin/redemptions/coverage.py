"""Who has which code: a guild's members down, its game's codes across, and why where somebody has not got one."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import Case, Count, Exists, IntegerField, OuterRef, Q, QuerySet, Value, When
from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from giftcodes.admin.common import scope
from giftcodes.admin.common.confirmation import log
from giftcodes.admin.common.html import page_url
from giftcodes.domain.text import clean_name, clean_token
from giftcodes.domain.transitions import OPEN, PARKED, SETTLED, State
from giftcodes.models import CodeState, GiftCode, Guild, Member, MemberRedemption, Redemption
from giftcodes.models.member_redemption import STATE_LABELS, values
from giftcodes.queries.history_export import BYTE_ORDER_MARK, harmless

if TYPE_CHECKING:
    from django.http import HttpRequest

ROWS = 200
#: Columns to choose from. The open codes come first.
COLUMNS = (10, 20, 40)
GUILDS_TO_CHOOSE = 1_000
UNSETTLED = "unsettled"

#: A sign for each state beside its colour: neither has to be seen to tell them apart.
SIGNS = {
    State.REDEEMED: "✓",
    State.ALREADY_RECEIVED: "✓",
    State.SAME_TYPE: "≈",
    State.PENDING: "…",
    State.IN_FLIGHT: "→",
    State.UNCONFIRMED: "?",
    State.NEEDS_CORRECTION: "✎",
    State.NOT_ELIGIBLE: "▽",
    State.FAILED: "✗",
    State.CANCELLED: "–",
}
MISSING = gettext_lazy("not part of it")


@dataclass(frozen=True, slots=True)
class Cell:
    """One member and one code. Without an address there is nothing to do about it."""

    state: str
    sign: str
    words: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One code, and how many of the guild have it."""

    code: GiftCode
    settled: int
    total: int
    url: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to see."""

    guild: Guild | None
    columns: int
    only_unsettled: bool
    search: str

    @classmethod
    def of(cls, request: HttpRequest) -> Wish:
        """Read it from the address; the first guild where none is named.

        Raises:
            Http404: there is no such guild.
            PermissionDenied: it is not for this person.
        """
        if not request.user.has_perms(["giftcodes.view_guild", "giftcodes.view_memberredemption"]):
            raise PermissionDenied
        asked = request.GET.get("guild", "")
        known = int(asked) if asked.isdecimal() and len(asked) < 19 else 0
        guilds = scope.visible(Guild.objects.all(), request.user)
        guild = get_object_or_404(guilds, pk=known) if asked else guilds.filter(active=True).first()
        columns = request.GET.get("codes", "")
        return cls(
            guild=guild,
            columns=next((number for number in COLUMNS if str(number) == columns), COLUMNS[1]),
            only_unsettled=request.GET.get("show") == UNSETTLED,
            search=clean_name(request.GET.get("who", "")),
        )


def coverage(request: HttpRequest) -> TemplateResponse:
    """The page."""
    wish = Wish.of(request)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Coverage"),
        "is_fullwidth": "1",
        "wish": wish,
        "guilds": scope.visible(Guild.objects.active(), request.user)[:GUILDS_TO_CHOOSE],
        "choices": COLUMNS,
        "unsettled": UNSETTLED,
        "legend": [(state, SIGNS[state], STATE_LABELS[state]) for state in SIGNS],
        "missing": MISSING,
    }
    if wish.guild:
        columns = columns_of(wish)
        members = members_of(wish, columns)
        page = Paginator(members, ROWS).get_page(request.GET.get("p"))
        context |= {
            "columns": columns,
            "page": page,
            "rows": rows_of(page, columns),
            "query": _query(request),
        }
    return TemplateResponse(request, "admin/giftcodes/matrix.html", context)


def export(request: HttpRequest) -> StreamingHttpResponse:
    """The same as CSV, with every member, for a spreadsheet: no cell is a formula."""
    wish = Wish.of(request)
    if wish.guild is None:
        raise PermissionDenied
    log(request, [wish.guild], _("The coverage was exported."))
    columns = columns_of(wish)
    response = StreamingHttpResponse(_csv(wish, columns), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="coverage-{wish.guild.pk}.csv"'
    return response


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def _csv(wish: Wish, columns: list[Column]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield BYTE_ORDER_MARK
    header = ["player_id", "nickname", *(str(column.code) for column in columns)]
    yield str(writer.writerow([harmless(cell) for cell in header]))
    pages = Paginator(members_of(wish, columns), ROWS)
    for number in pages.page_range:
        for member, cells in rows_of(pages.page(number), columns):
            row = [member.player_id, member.nickname, *(cell.words for cell in cells)]
            yield str(writer.writerow([harmless(cell) for cell in row]))


def columns_of(wish: Wish) -> list[Column]:
    """The codes of the guild's game, open ones first and newest first, with their share."""
    assert wish.guild is not None
    closed_last = Case(
        When(state__in=[CodeState.ACTIVE, CodeState.PROBING], then=Value(0)),
        default=Value(1),
        output_field=IntegerField(),
    )
    found = GiftCode.objects.filter(provider=wish.guild.provider).exclude(state=CodeState.DELETED)
    codes = list(found.order_by(closed_last, "-first_seen_at", "-pk")[: wish.columns])
    tallies = {
        redemption.gift_code_id: redemption
        for redemption in Redemption.objects.filter(guild=wish.guild, gift_code__in=codes)
        .order_by()
        .annotate(
            total=Count("member_redemptions", filter=Q(member_redemptions__member__active=True)),
            settled=Count(
                "member_redemptions",
                filter=Q(
                    member_redemptions__member__active=True,
                    member_redemptions__state__in=values(SETTLED),
                ),
            ),
        )
    }
    return [_column(code, tallies.get(code.pk)) for code in codes]


def _column(code: GiftCode, redemption: Any) -> Column:
    if redemption is None:
        return Column(code, 0, 0, page_url(code))
    return Column(code, redemption.settled, redemption.total, page_url(redemption))


def members_of(wish: Wish, columns: list[Column]) -> QuerySet[Member]:
    """The guild's active members, by nickname; those with something left where that is wished."""
    members = Member.objects.filter(guild=wish.guild, active=True).order_by(
        "nickname", "player_id", "pk"
    )
    if wish.search:
        is_named = Q(nickname__icontains=wish.search) | Q(
            player_id__startswith=clean_token(wish.search)
        )
        members = members.filter(is_named)
    if wish.only_unsettled:
        left = MemberRedemption.objects.filter(
            member=OuterRef("pk"),
            gift_code__in=[column.code for column in columns],
            state__in=values(OPEN | PARKED),
        )
        members = members.filter(Exists(left))
    return members


def rows_of(page: Page[Member], columns: list[Column]) -> list[tuple[Member, list[Cell]]]:
    """Each member of a page with a cell for each code, in one query."""
    members = list(page)
    codes = [column.code for column in columns]
    shares = MemberRedemption.objects.filter(member__in=members, gift_code__in=codes).order_by()
    cells = {
        (member_id, code_id): cell(pk, State(state), reason)
        for pk, member_id, code_id, state, reason in shares.values_list(
            "pk", "member_id", "gift_code_id", "state", "reason"
        )
    }
    missing = Cell("missing", "·", str(MISSING))
    return [
        (member, [cells.get((member.pk, column.code.pk), missing) for column in columns])
        for member in members
    ]


def cell(share_id: int, state: State, reason: str) -> Cell:
    """What is shown of one share: who has the code needs neither a reason nor a link."""
    label = str(STATE_LABELS[state])
    if state in SETTLED:
        return Cell(state, SIGNS[state], label)
    words = f"{label}: {reason}" if reason else label
    return Cell(state, SIGNS[state], words, page_url(MemberRedemption(pk=share_id)))


def _query(request: HttpRequest) -> str:
    """What stays the same on the other pages and in the export."""
    query = request.GET.copy()
    query.pop("p", None)
    return query.urlencode()
