"""The preview of “Redeem now” for codes or for guilds, where the person chooses what to redeem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.utils.translation import gettext as _

from giftcodes.admin.common.back import page_before
from giftcodes.admin.redemptions.runs import MOST
from giftcodes.estimates import formatting
from giftcodes.estimates.cost_preview import Preview, previews, together
from giftcodes.estimates.left_out import LeftOut, left_out, remark, unknown_words
from giftcodes.models import GiftCode, Guild, Redemption
from giftcodes.models.fields import without_notes
from giftcodes.models.start_rules import code_obstacle, guild_obstacle
from giftcodes.queries import scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpRequest

    from giftcodes.admin.common.action_report import Report

#: If there are more lines than this, the person cannot choose, because Django limits the number of
#: fields in a form.
CHOOSABLE = 500


@dataclass(frozen=True, slots=True)
class Line:
    """A guild and a code.

    Args:
        guild, code: the guild for which the code would be redeemed, and the code.
        is_wanted: whether the line is chosen at first: the guild redeems automatically, has a
            redemption of this code, or was chosen itself.
    """

    guild: Guild
    code: GiftCode
    is_wanted: bool

    @property
    def pair(self) -> tuple[int, int]:
        """The guild's id and the code's id."""
        return self.guild.pk, self.code.pk

    @property
    def name(self) -> str:
        """The name of the line in the form."""
        return f"{self.guild.pk}-{self.code.pk}"


def lines_of(codes: Iterable[GiftCode], person: Any, report: Report) -> list[Line]:
    """A line for each code and each active guild of its game, in the order of the guilds' priority.

    Args:
        codes: the codes to redeem.
        person: the person who chooses. Guilds that this person may not see are left out.
        report: gets the reasons why a code cannot be redeemed.
    """
    able = []
    for code in codes:
        if obstacle := code_obstacle(code):
            report.refused(obstacle.words)
        else:
            able.append(code)
    active = Guild.objects.active().filter(provider__in={code.provider for code in able})
    guilds = (
        list(without_notes(scope.visible(active, person)).order_by("-priority", "pk"))
        if able
        else []
    )
    known = set(
        Redemption.objects.filter(gift_code__in=able).values_list("guild_id", "gift_code_id")
    )
    lines = [
        Line(guild, code, is_wanted=guild.automatic or (guild.pk, code.pk) in known)
        for code in able
        for guild in guilds
        if guild.provider == code.provider
    ]
    for code in able:
        if not any(line.code == code for line in lines):
            report.refused(_("Code %s cannot be redeemed: no guild of its game is active.") % code)
    return _not_too_many(lines, report)


def lines_of_guilds(guilds: Iterable[Guild], report: Report) -> list[Line]:
    """A line for each of these guilds and each active code of its game.

    Args:
        guilds: the guilds to redeem for.
        report: gets the reasons why nothing can be redeemed for a guild.
    """
    lines = []
    for guild in guilds:
        if obstacle := guild_obstacle(guild):
            report.refused(obstacle.words)
            continue
        codes = list(GiftCode.objects.active().filter(provider=guild.provider).in_order())
        if not codes:
            words = _("There is no active code for guild %s. Add one, or wait for the feed.")
            report.nothing(words % guild)
        lines += [Line(guild, code, is_wanted=True) for code in codes]
    return _not_too_many(lines, report)


def _not_too_many(lines: list[Line], report: Report) -> list[Line]:
    """The lines, or none if they are too many for one action."""
    if len(lines) <= MOST:
        return lines
    report.refused(
        _("That would be %(number)d redemptions at once. Choose fewer: at most %(most)d.")
        % {"number": len(lines), "most": MOST}
    )
    return []


def chosen_of(lines: list[Line], request: HttpRequest) -> list[Line]:
    """The lines that the person has chosen in the form.

    If the form has not been sent yet, or if there are too many lines to choose from, the result is
    the lines with `is_wanted`.
    """
    if "chosen" not in request.POST:
        return [line for line in lines if line.is_wanted]
    names = set(request.POST.getlist("pair"))
    return [line for line in lines if line.name in names]


def context(
    lines: list[Line],
    chosen: list[Line],
    request: HttpRequest,
    *,
    returns: bool = False,
    are_of_guilds: bool = False,
) -> dict[str, Any]:
    """The context of the page's template, in a fixed number of queries.

    Args:
        lines: all lines.
        chosen: those that the person has chosen.
        request: the person's request.
        returns: whether the confirmation leads back to the page before this one.
        are_of_guilds: whether the lines are those of `lines_of_guilds`.
    """
    seen = scope.guild_ids(request.user)
    found = previews((line.pair for line in chosen), seen=seen)
    names = {line.name for line in chosen}
    others = previews((line.pair for line in lines if line.name not in names), seen=seen)
    total = together(found.values())
    members = {line.guild.pk: found[line.pair].members for line in chosen}
    out = left_out([line.pair for line in lines])
    return {
        "title": _("Redeem now: what it will do"),
        "lines": [
            _shown(line, {**others, **found}[line.pair], out, is_chosen=line.name in names)
            for line in lines
        ],
        "is_choosable": len(lines) <= CHOOSABLE,
        "number": len(chosen),
        "codes": sorted({str(line.code) for line in lines}),
        "total": total,
        "members": sum(members.values()),
        "unknown_words": unknown_words(
            out, [line.pair for line in chosen], is_limited=seen is not None
        ),
        "total_words": formatting.left(total.outlook),
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "select_across": request.POST.get("select_across", "0"),
        "back": page_before(request),
        "returns": returns,
        "are_of_guilds": are_of_guilds,
    }


def _shown(line: Line, preview: Preview, out: LeftOut, *, is_chosen: bool) -> dict[str, Any]:
    return {
        "line": line,
        "preview": preview,
        "is_chosen": is_chosen,
        "words": formatting.left(preview.outlook) if preview.requests or preview.is_running else "",
        "remark": _remark(line, preview, out),
    }


def _remark(line: Line, preview: Preview, out: LeftOut) -> str:
    """Why the line is not chosen at first, or why its run may send few requests. May be empty."""
    return remark(line.pair, preview, out) if line.is_wanted else _("automatic redeeming is off")
