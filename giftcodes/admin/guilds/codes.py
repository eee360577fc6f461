"""The tab “Codes” of a guild: each code with its result in the guild, and its buttons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from giftcodes.admin.common.html import (
    guild_url,
    list_url,
    model_url,
    page_url,
    result_badge,
    served_bar,
    served_parts,
)
from giftcodes.admin.common.served import advice_once
from giftcodes.admin.home.corrections import advice_for_guild
from giftcodes.admin.redemptions.redemption_page import actions_of
from giftcodes.domain.served import Served
from giftcodes.domain.transitions import SETTLED, State
from giftcodes.estimates import formatting
from giftcodes.estimates.queue_snapshot import Outlooks, read_outlooks
from giftcodes.models import CodeState, GiftCode, Guild, Redemption, RunState
from giftcodes.models.code_state import OPEN_STATES
from giftcodes.models.start_rules import Obstacle, code_obstacle, guild_obstacle
from giftcodes.queries.redemption_progress import tallies

if TYPE_CHECKING:
    from django.http import HttpRequest

#: How many open codes, and how many codes that have ended, the tab shows.
OPEN_SHOWN = 50
ENDED_SHOWN = 20

TEMPLATE = "admin/giftcodes/guild/codes.html"


def context(request: HttpRequest, guild: Guild) -> dict[str, Any]:
    """The context of the tab, in a fixed number of queries.

    Args:
        request: the request of a person who may see the guild, codes and redemptions.
        guild: the guild, with `members_number` from the admin's queryset.
    """
    person = request.user
    may_press = person.has_perm("giftcodes.change_redemption")
    codes = list(
        GiftCode.objects.filter(provider=guild.provider, state__in=OPEN_STATES).order_by(
            "-first_seen_at", "-pk"
        )[: OPEN_SHOWN + 1]
    )
    of_guild = Redemption.objects.filter(guild=guild)
    rows = {row.gift_code_id: row for row in of_guild.filter(gift_code__in=codes)}
    for code in codes:
        if row := rows.get(code.pk):
            row.gift_code = code
    ended = list(
        of_guild.filter(gift_code__state=CodeState.CLOSED)
        .select_related("gift_code")
        .order_by("-gift_code__first_seen_at", "-gift_code_id")[:ENDED_SHOWN]
    )
    counted = tallies([*rows.values(), *ended])
    outlooks = read_outlooks()
    obstacle = guild_obstacle(guild)
    for row in [*rows.values(), *ended]:
        row.guild = guild
    lines = [
        _line(row, counted.get(row.pk, {}), outlooks, obstacle, may_press=may_press)
        if (row := rows.get(code.pk))
        else _not_asked(code, guild, obstacle, may_press=may_press)
        for code in codes[:OPEN_SHOWN]
    ]
    ended_lines = [
        _line(row, counted.get(row.pk, {}), outlooks, obstacle, may_press=may_press)
        for row in ended
    ]
    asked = [line for line in [*lines, *ended_lines] if "result" in line]
    results = [one["result"] for one in asked]
    advice = advice_once(results, correction=advice_for_guild(guild, person))
    for line, words in zip(asked, advice, strict=True):
        line["advice"] = words
    return {
        "template": TEMPLATE,
        "open_lines": lines,
        "ended_lines": ended_lines,
        "has_more": len(codes) > OPEN_SHOWN,
        "obstacle": obstacle,
        "may_add_code": person.has_perm("giftcodes.add_giftcode"),
        "may_redeem_all": may_press
        and not obstacle
        and any(code.state == CodeState.ACTIVE for code in codes),
        "guilds_url": list_url(Guild),
        "runs_url": list_url(Redemption),
        "codes_url": list_url(GiftCode),
        "all_codes_url": list_url(GiftCode, provider__exact=guild.provider),
        "all_runs_url": list_url(Redemption, guild__id__exact=guild.pk),
        "add_code_url": model_url(GiftCode, "add"),
        "settings_url": guild_url(guild.pk, "change"),
        "back": guild_url(guild.pk, "codes"),
    }


def _line(
    row: Redemption,
    tally: dict[State, int],
    outlooks: Outlooks,
    obstacle: Obstacle | None,
    *,
    may_press: bool,
) -> dict[str, Any]:
    """A code that has a redemption in the guild."""
    code = row.gift_code
    served = row.shares_of(tally)
    result = row.result(served)
    unsettled = sum(number for state, number in tally.items() if state not in SETTLED)
    obstacle = obstacle or code_obstacle(code)
    outlook = outlooks.by_redemption.get(row.pk)
    return {
        "code": code,
        "row": row,
        "url": page_url(row),
        "badge": result_badge(result),
        "bar": served_bar(served),
        "parts": served_parts(served),
        "served": served,
        "result": result,
        "left": formatting.left(outlook) if outlook and served.total else "",
        "is_skipped": row.state == RunState.STOPPED and code.is_open,
        "actions": actions_of(row, unsettled, obstacle) if may_press else [],
        "may_skip": may_press and code.is_open and row.state == RunState.COMPLETE,
    }


def _not_asked(
    code: GiftCode, guild: Guild, obstacle: Obstacle | None, *, may_press: bool
) -> dict[str, Any]:
    """A code for which the guild has no redemption yet."""
    served = Served(waiting=guild.members_number)  # type: ignore[attr-defined]
    return {
        "code": code,
        "url": page_url(code),
        "bar": served_bar(served),
        "parts": served_parts(served),
        "served": served,
        "pair": f"{guild.pk}-{code.pk}",
        "may_start": may_press and not obstacle and code_obstacle(code) is None,
        "may_skip": may_press and guild.active,
    }
