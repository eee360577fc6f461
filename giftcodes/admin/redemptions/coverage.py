"""The coverage page: the members of a guild in rows, its codes in columns, a sign in each cell."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from giftcodes.admin.common.confirmation import log
from giftcodes.admin.common.exporting import only_export
from giftcodes.admin.common.html import model_url, page_url, player_url
from giftcodes.admin.common.standing import reason_now, state_now
from giftcodes.domain.numbers import row_id
from giftcodes.domain.sentences import Sentence
from giftcodes.domain.served import HAVING, Ending
from giftcodes.domain.text import clean_name
from giftcodes.domain.transitions import SETTLED, State
from giftcodes.models import GiftCode, Guild, Member, MemberRedemption, Redemption
from giftcodes.models.fields import without_notes
from giftcodes.models.game_words import place_word
from giftcodes.models.member_redemption import STATE_LABELS
from giftcodes.queries import scope
from giftcodes.queries.coverage import (
    CodeCoverage,
    Standing,
    codes_of,
    members_of,
    standings,
)
from giftcodes.queries.history_export import BYTE_ORDER_MARK, harmless

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

ROWS = 200
#: The numbers of columns that a person can choose from.
COLUMNS = (10, 20, 40)
GUILDS_TO_CHOOSE = 1_000
#: The choices of members: all, those who need a person, and those without one of the codes.
NEEDS_YOU = "needs_you"
UNSETTLED = "unsettled"
_SHOWN = (NEEDS_YOU, UNSETTLED)

#: The sign of each state. Cells are also coloured, but people who see no colours can rely on the
#: signs.
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
#: A code that the game does not know, which a member does not have.
UNKNOWN_STATE, UNKNOWN_SIGN = "unknown", "∅"
UNKNOWN = gettext_lazy("the game does not know this code")
MISSING_STATE = "missing"
MISSING = gettext_lazy("not part of the redemption")


@dataclass(frozen=True, slots=True)
class Cell:
    """The cell of one member and one code. A cell that needs no action has no address."""

    state: str
    sign: str
    words: str
    url: str = ""
    has_code: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """Codes that a member does not have for the same reason, with the cell of each."""

    state: str
    sign: str
    words: str
    codes: list[tuple[GiftCode, Cell]]


@dataclass(frozen=True, slots=True)
class Row:
    """A member with a cell for each code.

    Args:
        member: the member.
        cells: the cells, in the order of the codes.
        missing: the open codes that the member does not have, for the layout of a phone.
        missed: the closed codes that the member did not get. Codes that the game never knew, or
            for which the member has no member redemption, are left out.
        total: the number of codes that the member has, lacks or missed.
    """

    member: Member
    cells: list[Cell]
    missing: list[Missing]
    missed: list[Missing]
    total: int

    @property
    def url(self) -> str:
        """The page of the player, with all codes."""
        return player_url(self.member.pk)

    @property
    def missed_number(self) -> int:
        """The number of closed codes that the member did not get."""
        return sum(len(one.codes) for one in self.missed)

    @property
    def has(self) -> int:
        """The number of codes that the member has."""
        return sum(cell.has_code for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Column:
    """One code, and how many members have it. `url` is its redemption's page, or the code's."""

    code: GiftCode
    has: int
    total: int
    url: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person wants to see."""

    guild: Guild | None
    columns: int
    show: str
    search: str

    @classmethod
    def of(cls, request: HttpRequest) -> Wish:
        """Read the choices from the address. If it names no guild, the first active one is used.

        Raises:
            Http404: there is no such guild, or this person may not see it.
            PermissionDenied: this person may not see member redemptions.
        """
        if not request.user.has_perms(["giftcodes.view_guild", "giftcodes.view_memberredemption"]):
            raise PermissionDenied
        asked = request.GET.get("guild", "")
        guilds = scope.visible(Guild.objects.all(), request.user)
        guild = (
            get_object_or_404(guilds, pk=row_id(asked))
            if asked
            else guilds.filter(active=True).first()
        )
        columns, show = request.GET.get("codes", ""), request.GET.get("show", "")
        return cls(
            guild=guild,
            columns=next((number for number in COLUMNS if str(number) == columns), COLUMNS[1]),
            show=show if show in _SHOWN else "",
            search=clean_name(request.GET.get("who", "")),
        )


def coverage(request: HttpRequest) -> TemplateResponse:
    """Show the coverage page."""
    wish = Wish.of(request)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Coverage"),
        "is_fullwidth": "1",
        "wish": wish,
        "guilds": without_notes(scope.visible(Guild.objects.active(), request.user))[
            :GUILDS_TO_CHOOSE
        ],
        "choices": COLUMNS,
        "shows": [
            ("", _("all")),
            (NEEDS_YOU, _("who need you")),
            (UNSETTLED, _("without one of the codes")),
        ],
        "legend": [(state, SIGNS[state], STATE_LABELS[state]) for state in SIGNS],
        "missing": MISSING,
        "unknown": (UNKNOWN_STATE, UNKNOWN_SIGN, UNKNOWN),
    }
    if wish.guild:
        columns = _columns(wish.guild, wish)
        page = Paginator(_members(wish.guild, wish, columns), ROWS).get_page(request.GET.get("p"))
        rows = _rows(page, columns)
        context |= {
            "columns": columns,
            "page": page,
            "rows": rows,
            "complete_number": sum(not row.missing for row in rows),
            "query": _query(request),
            "needing": _needing(wish.guild, columns),
            "needing_url": _address(request, show=NEEDS_YOU),
        }
    return TemplateResponse(request, "admin/giftcodes/coverage.html", context)


def export(request: HttpRequest) -> HttpResponse:
    """Download the whole table as a CSV file for a spreadsheet. No cell is a formula.

    If the person's last export is still being written, the coverage page is shown instead.
    """
    wish = Wish.of(request)
    if wish.guild is None:
        raise PermissionDenied
    with only_export(request) as is_free:
        if not is_free:
            page = reverse("admin:matrix")
            return HttpResponseRedirect(f"{page}?{_query(request)}")
        log(request, [wish.guild], Sentence.of("did_export_coverage"))
        columns = _columns(wish.guild, wish)
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        _write_csv(response, _members(wish.guild, wish, columns), columns)
    response.headers["Content-Disposition"] = f'attachment; filename="coverage-{wish.guild.pk}.csv"'
    return response


def _write_csv(response: HttpResponse, members: QuerySet[Member], columns: list[Column]) -> None:
    """Write a line for each member. The members are read once, with a cursor of the database."""
    response.write(BYTE_ORDER_MARK)
    writer = csv.writer(response)
    header = ["player_id", "nickname", *(str(column.code) for column in columns)]
    writer.writerow([harmless(cell) for cell in header])
    codes = [column.code for column in columns]
    # A guild with a thousand members has tens of thousands of cells, but few different texts. So
    # each text is made only once.
    words: dict[tuple[State, str, int | None, Ending], str] = {}
    missing = str(MISSING)
    remaining = members.iterator(chunk_size=ROWS)
    while batch := list(islice(remaining, ROWS)):
        found = standings(batch, codes)
        for member in batch:
            cells = [member.player_id, member.nickname]
            for code in codes:
                standing = found.get((member.pk, code.pk))
                if standing is None:
                    cells.append(missing)
                    continue
                key = (standing.state, standing.reason, standing.asked_realm, code.ending)
                if key not in words:
                    words[key] = _words(standing, code)
                cells.append(words[key])
            writer.writerow([harmless(cell) for cell in cells])


def _columns(guild: Guild, wish: Wish) -> list[Column]:
    return [_column(code) for code in codes_of(guild, most=wish.columns)]


def _column(found: CodeCoverage) -> Column:
    row = Redemption(pk=found.redemption_id) if found.redemption_id else found.code
    return Column(found.code, found.has, found.total, page_url(row))


def _members(guild: Guild, wish: Wish, columns: list[Column]) -> QuerySet[Member]:
    codes = [column.code for column in columns]
    found = members_of(
        guild,
        search=wish.search,
        unsettled_in=codes if wish.show == UNSETTLED else None,
        needing_you_in=codes if wish.show == NEEDS_YOU else None,
        first_needing_you_in=codes,
    )
    return without_notes(found)


def _needing(guild: Guild, columns: list[Column]) -> int:
    """The number of members who need a person, on all pages."""
    return members_of(guild, needing_you_in=[column.code for column in columns]).count()


def _rows(page: Iterable[Member], columns: list[Column]) -> list[Row]:
    """Each member of a page, with a cell for each code."""
    members, codes = list(page), [column.code for column in columns]
    by_id = {code.pk: code for code in codes}
    found = standings(members, codes)
    cells = {pair: cell(standing, by_id[pair[1]]) for pair, standing in found.items()}
    missing = Cell(MISSING_STATE, "·", str(MISSING))
    return [
        _row(member, codes, [cells.get((member.pk, code.pk), missing) for code in codes])
        for member in members
    ]


def _row(member: Member, codes: list[GiftCode], cells: list[Cell]) -> Row:
    left = [(code, one) for code, one in zip(codes, cells, strict=True) if not one.has_code]
    missing = [pair for pair in left if pair[0].is_open and not pair[0].is_unknown]
    missed = [
        (code, one)
        for code, one in left
        if not (code.is_open or code.is_unknown or one.state == MISSING_STATE)
    ]
    return Row(
        member,
        cells,
        missing=_by_reason(missing),
        missed=_by_reason(missed),
        total=len(cells) - len(left) + len(missing) + len(missed),
    )


def _by_reason(left: list[tuple[GiftCode, Cell]]) -> list[Missing]:
    """Group codes by state and reason. The groups are in the order of their first codes."""
    found: dict[tuple[str, str], Missing] = {}
    for code, one in left:
        of_reason = found.setdefault(
            (one.state, one.words), Missing(one.state, one.sign, one.words, [])
        )
        of_reason.codes.append((code, one))
    return list(found.values())


def cell(standing: Standing, code: GiftCode) -> Cell:
    """The cell of a member redemption, in the words of the game.

    The cell has no reason and no link if the code does not exist, or if the game gives the player
    no more of it: the player has it, or has another code of the same group.
    """
    state, words = state_now(standing.state, code)[0], _words(standing, code)
    if _never_existed(standing, code):
        return Cell(UNKNOWN_STATE, UNKNOWN_SIGN, words)
    if standing.state in SETTLED:
        return Cell(state, SIGNS[state], words, has_code=state in HAVING)
    url = model_url(MemberRedemption, "change", standing.member_redemption_id)
    return Cell(state, SIGNS[state], words, url)


def _never_existed(standing: Standing, code: GiftCode) -> bool:
    """Whether the member does not have the code because the game does not know it."""
    return code.is_unknown and standing.state not in HAVING


def _words(standing: Standing, code: GiftCode) -> str:
    if _never_existed(standing, code):
        return str(UNKNOWN)
    label = str(state_now(standing.state, code)[1])
    if standing.state in SETTLED or not standing.reason:
        return label
    if standing.state is State.NEEDS_CORRECTION and standing.asked_realm and code.is_open:
        # The stored reasons of one player differ from code to code, although the cause is one.
        place = {"place": place_word(code.provider), "number": standing.asked_realm}
        return _("%(label)s: unknown in %(place)s %(number)d") % {"label": label, **place}
    return f"{label}: {reason_now(standing.reason, standing.state, code)}"


def _address(request: HttpRequest, **changes: str) -> str:
    """The address of this page with other choices, beginning with the first members."""
    query = request.GET.copy()
    query.pop("p", None)
    for name, value in changes.items():
        query[name] = value
    return f"?{query.urlencode()}"


def _query(request: HttpRequest) -> str:
    """The address's parameters without the page number, for links to other pages and the export."""
    query = request.GET.copy()
    query.pop("p", None)
    return query.urlencode()
