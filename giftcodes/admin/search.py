"""The search in the bar of each page: players, codes, guilds and pages.

The search works as a page of its own. The browser also fetches the results while a person types
(`static/giftcodes/frame.js`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Case, IntegerField, Q, Value, When
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from giftcodes.admin.common.html import list_url, page_url, player_url
from giftcodes.admin.members import player_codes
from giftcodes.admin_menu import entries_for
from giftcodes.domain.text import clean_name, clean_token
from giftcodes.models import GiftCode, Guild, Member
from giftcodes.models.game_words import title_of
from giftcodes.queries import scope

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.functional import _StrPromise as Words

#: The longest text that is searched for. The longest names have this many characters, too.
LONGEST_TERM = 80
#: The maximum number of results of each kind. A link leads to a list with all of them, except for
#: pages, which have no such list.
MOST = 8
#: What people put between the digits of a player ID.
_BETWEEN_DIGITS = re.compile(r"[\s.,_-]+")


@dataclass(frozen=True, slots=True)
class Result:
    """One result: where it leads, its name, and what distinguishes it from others."""

    url: str
    name: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """The results of one kind. If there are more, `more_url` lists them all. Pages have no list."""

    title: Words
    results: list[Result]
    more_url: str = ""


def page(request: HttpRequest) -> TemplateResponse:
    """Show the results of a search. With `part=1`, only the results, without the page around them.

    The number of SQL statements is the same for every term and any number of rows.
    """
    if not request.user.is_staff:
        raise PermissionDenied
    term = clean_name(request.GET.get("s", ""))
    is_too_long = len(term) > LONGEST_TERM
    groups = [] if is_too_long or not term else list(_groups(term, request.user))
    found: dict[str, Any] = {
        "term": term[:LONGEST_TERM],
        "is_too_long": is_too_long,
        "longest": LONGEST_TERM,
        "groups": groups,
        "number": sum(len(group.results) for group in groups),
    }
    if "part" in request.GET:
        return TemplateResponse(request, "frame/search_results.html", {"search": found})
    context = {**admin.site.each_context(request), "title": _("Search"), "search": found}
    return TemplateResponse(request, "frame/search.html", context)


def _groups(term: str, person: Any) -> Iterable[Group]:
    found = (_players(term, person), _codes(term, person), _guilds(term, person))
    return [group for group in (*found, _pages(term, person)) if group and group.results]


def _players(term: str, person: Any) -> Group | None:
    """Members by ID or name. An exact ID comes first, then active members."""
    if not person.has_perm("giftcodes.view_member"):
        return None
    token = clean_token(term)
    digits = _BETWEEN_DIGITS.sub("", token)
    player_id = digits if digits.isdecimal() else token
    wanted = Q(player_id__startswith=player_id) | Q(nickname__icontains=term)
    rows = scope.visible(Member.objects.filter(wanted).select_related("guild"), person)
    sees_codes = player_codes.may_open(person)
    ordered = rows.order_by(_exact_first(player_id=player_id), "-active", "nickname", "pk")
    return _group(
        gettext_lazy("Players"),
        ordered,
        list_url(Member, q=player_id if digits.isdecimal() else term),
        lambda member: Result(
            player_url(member.pk) if sees_codes else page_url(member),
            str(member),
            str(member.guild) if member.active else _("%s, inactive") % member.guild,
        ),
    )


def _codes(term: str, person: Any) -> Group | None:
    if not person.has_perm("giftcodes.view_giftcode"):
        return None
    rows = scope.visible(GiftCode.objects.filter(code__icontains=clean_token(term)), person)
    return _group(
        gettext_lazy("Codes"),
        rows.order_by(_exact_first(code__iexact=clean_token(term)), "-pk"),
        list_url(GiftCode, q=term),
        lambda code: Result(
            page_url(code), str(code), f"{title_of(code.provider)}, {code.get_state_display()}"
        ),
    )


def _guilds(term: str, person: Any) -> Group | None:
    if not person.has_perm("giftcodes.view_guild"):
        return None
    rows = scope.visible(Guild.objects.filter(name__icontains=term), person)
    return _group(
        gettext_lazy("Guilds"),
        rows.order_by(_exact_first(name__iexact=term), "-active", "name"),
        list_url(Guild, q=term),
        lambda guild: Result(page_url(guild), str(guild), title_of(guild.provider)),
    )


def _pages(term: str, person: Any) -> Group:
    """The pages of the menu whose title or purpose has the term."""
    wanted = term.casefold()
    home = (_("Home"), _("What runs now, and what needs you."), reverse("admin:index"))
    pages = [
        (str(page.title), str(page.purpose), page.url)
        for entry in entries_for(person)
        for page in entry.pages_for(person)
    ]
    found = [
        Result(url, title, purpose)
        for title, purpose, url in [home, *pages]
        if wanted in title.casefold() or wanted in purpose.casefold()
    ]
    return Group(gettext_lazy("Pages"), found[:MOST])


def _exact_first(**wanted: str) -> Case:
    return Case(When(**wanted, then=Value(0)), default=Value(1), output_field=IntegerField())


def _group(
    title: Words, rows: QuerySet[Any], all_url: str, shown: Callable[[Any], Result]
) -> Group:
    found = list(rows[: MOST + 1])
    return Group(title, [shown(row) for row in found[:MOST]], all_url if len(found) > MOST else "")
