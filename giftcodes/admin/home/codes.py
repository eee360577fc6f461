"""The newest codes, each with the number of members who have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count
from django.utils.safestring import SafeString

from giftcodes.admin.common.html import (
    list_url,
    model_url,
    page_url,
    result_badge,
    served_bar,
    served_parts,
)
from giftcodes.admin.common.served import codes_served
from giftcodes.models import CodeState, GiftCode, Redemption
from giftcodes.models.game_words import title_of
from giftcodes.queries import scope
from giftcodes.queries.served import CodeServed

SHOWN = 6
#: If the newest codes have more redemptions than this, counting their members takes too long for
#: a page that is fetched every few seconds. With 100 members each, 300 redemptions have 30,000
#: member redemptions.
MOST_COUNTED = 300


@dataclass(frozen=True, slots=True)
class RecentCodes:
    """The newest codes.

    Args:
        lines: for each code, the values that the template shows.
        served: what has come of each code, by its id. It is empty if it was not counted.
        is_deferred: whether the numbers are left out because counting them takes long.
        add_url: the page on which a code is added. Empty if this person may not add one.
    """

    lines: list[dict[str, Any]] = field(default_factory=list)
    served: Mapping[int, CodeServed] = field(default_factory=dict)
    is_deferred: bool = False
    add_url: str = ""


def recent_codes(person: Any, *, count_all: bool = False) -> RecentCodes:
    """The newest codes of the games that a person may see, in four SQL statements.

    Args:
        person: the person. Only members of the guilds that they may see are counted.
        count_all: whether to count the members even if this takes long.
    """
    known = scope.visible(GiftCode.objects.exclude(state=CodeState.DELETED), person)
    codes = list(known.order_by("-first_seen_at", "-pk")[:SHOWN])
    own = scope.visible(Redemption.objects.filter(gift_code__in=codes), person)
    is_deferred = not count_all and own.order_by()[: MOST_COUNTED + 1].count() > MOST_COUNTED
    served = {} if is_deferred else codes_served(codes, person)
    has_several = len({code.provider for code in codes}) > 1
    return RecentCodes(
        lines=[_line(code, served.get(code.pk), names_game=has_several) for code in codes],
        served=served,
        is_deferred=is_deferred,
        add_url=model_url(GiftCode, "add") if person.has_perm("giftcodes.add_giftcode") else "",
    )


def _line(code: GiftCode, found: CodeServed | None, *, names_game: bool) -> dict[str, Any]:
    shown = {
        "code": code,
        "url": page_url(code),
        "game": title_of(code.provider) if names_game else "",
        "at": code.first_seen_at,
        "found": found,
    }
    if found is None or not found.guilds:
        return shown
    return {
        **shown,
        "badge": _badge(found),
        "bar": served_bar(found.served),
        "parts": served_parts(found.served),
    }


def _badge(found: CodeServed) -> SafeString:
    return result_badge(found.result)


def states_of_codes(person: Any) -> list[dict[str, Any]]:
    """How many codes are in each state, with links to them. States without a code are left out."""
    rows = scope.visible(GiftCode.objects.all(), person)
    found = dict(rows.order_by().values_list("state").annotate(number=Count("pk")))
    return [
        {
            "label": state.label,
            "number": found[state.value],
            "url": list_url(GiftCode, state__exact=state.value),
        }
        for state in CodeState
        if found.get(state.value)
    ]
