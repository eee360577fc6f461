"""The public page of a guild's codes: no names, and nothing about one player."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from giftcodes.domain.outcomes import Outcome
from giftcodes.models import GiftCode, PublicPage
from giftcodes.players import protect
from giftcodes.players.game import game_of
from giftcodes.queries.coverage import CodeCoverage, codes_of

if TYPE_CHECKING:
    from django.http import HttpRequest

#: The page shows at most this many codes.
MOST_CODES = 60
#: With fewer members no percentage is shown, because it could reveal who has the code.
LEAST_MEMBERS = 5


@dataclass(frozen=True, slots=True)
class PublicCode:
    """A code on the page.

    Args:
        code: the code.
        since: its day of publication, or the day on which it was first seen.
        percent: how many of 100 members have the code, rounded down, so that 100 means everybody.
            None if it is not shown.
        has_nobody: whether no member has it. False if the share is not shown.
    """

    code: GiftCode
    since: dt.date
    percent: int | None
    has_nobody: bool

    @property
    def words(self) -> str:
        """The share in words. Empty if it is not shown."""
        if self.percent is None:
            return ""
        if self.has_nobody:
            return _("Nobody has it yet") if self.code.is_open else _("Nobody got it")
        if not self.percent:
            return _("Less than 1 % have it")
        return _("%d %% have it") % self.percent

    @property
    def colour(self) -> str:
        """The end of the code's CSS class (`part-…`). Its colour repeats what the words say."""
        if self.percent is None:
            return "gone"
        if self.has_nobody:
            return "notyet" if self.code.is_open else "needs"
        return "have" if self.code.is_open else "gone"


@protect.page_with_buttons
def page(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show the codes of a guild whose page is switched on."""
    found = PublicPage.objects.filter(public_id=public_id, guild__active=True)
    shown = found.select_related("guild").first()
    if shown is None:
        return render(request, "players/ended.html", {"is_public": True}, status=404)
    guild = shown.guild
    codes = [
        _public(one)
        for one in codes_of(guild, most=MOST_CODES)
        if one.code.closed_outcome != Outcome.CODE_NOT_FOUND
    ]
    shares = [one for one in codes if one.percent is not None]
    context = {
        "guild": guild,
        "has_nobody": bool(shares) and all(one.has_nobody for one in shares),
        "game": game_of(guild),
        "active": [one for one in codes if one.code.is_open],
        "over": [one for one in codes if not one.code.is_open],
    }
    return render(request, "players/public.html", context)


def _public(coverage: CodeCoverage) -> PublicCode:
    code = coverage.code
    since = code.published_on or timezone.localdate(code.first_seen_at)
    has_share = coverage.total >= LEAST_MEMBERS
    percent = 100 * coverage.has // coverage.total if has_share else None
    return PublicCode(code, since, percent, has_nobody=has_share and not coverage.has)
