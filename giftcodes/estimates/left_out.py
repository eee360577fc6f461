"""The members for whom “Redeem now” would send no request although they lack the code, and why."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db.models import Count, F
from django.db.models.functions import Coalesce
from django.utils.translation import gettext, ngettext

from giftcodes.domain.lists import joined
from giftcodes.domain.transitions import State
from giftcodes.models import Member, MemberRedemption
from giftcodes.models.clock import clock_plus
from giftcodes.models.member_redemption import REFUSED_FOR

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.db.models import QuerySet

    from giftcodes.estimates.cost_preview import Preview
    from giftcodes.models.member_redemption import MemberRedemptionQuerySet

Pair = tuple[int, int]


@dataclass(slots=True)
class LeftOut:
    """Why no request would be sent for members.

    Args:
        states: for each pair of a guild and a code, the number of members in each state.
        unasked: for each pair, the members who would get no request because the game did not know
            them lately, and who have no member redemption of the code yet.
    """

    states: dict[Pair, dict[State, int]] = field(default_factory=lambda: defaultdict(dict))
    unasked: dict[Pair, set[int]] = field(default_factory=lambda: defaultdict(set))

    def words(self, pair: Pair, others: int) -> list[str]:
        """Why no request would be sent for members of a pair, in words.

        Args:
            pair: the guild's id and the code's id: one line of the preview.
            others: the number of members who lack the code and get no request from any guild.
        """
        states = self.states[pair]
        wrong = states.get(State.NEEDS_CORRECTION, 0) + len(self.unasked[pair])
        wrong = min(wrong, others)
        ineligible = min(states.get(State.NOT_ELIGIBLE, 0), others - wrong)
        unclear = min(states.get(State.FAILED, 0), others - wrong - ineligible)
        stopped = min(states.get(State.CANCELLED, 0), others - wrong - ineligible - unclear)
        waiting = others - wrong - ineligible - unclear - stopped
        counted = [
            (waiting, ngettext("%d waits already", "%d wait already", waiting)),
            (wrong, ngettext("%d needs correction", "%d need correction", wrong)),
            (ineligible, ngettext("%d is not eligible now", "%d are not eligible now", ineligible)),
            (unclear, ngettext("%d had no clear answer", "%d had no clear answer", unclear)),
            (stopped, ngettext("%d was stopped", "%d were stopped", stopped)),
        ]
        return [words % number for number, words in counted if number]


def left_out(pairs: Collection[Pair]) -> LeftOut:
    """Why no request would be sent for members of these guilds. This takes three statements.

    Args:
        pairs: the guild's id and the code's id of each line.
    """
    found = LeftOut()
    rows = _rows(pairs).order_by()
    for guild, code, state, number in rows.values_list(
        "redemption__guild_id", "gift_code_id", "state"
    ).annotate(number=Count("pk")):
        found.states[guild, code][State(state)] = number
    unknown = dict(_unknown(pairs).values_list("pk", "guild_id"))
    asked = set(rows.filter(member__in=unknown).values_list("member_id", "gift_code_id"))
    of_guild = defaultdict(list)
    for member, guild in unknown.items():
        of_guild[guild].append(member)
    for guild, code in pairs:
        found.unasked[guild, code] = {
            member for member in of_guild[guild] if (member, code) not in asked
        }
    return found


def remark(pair: Pair, preview: Preview, out: LeftOut) -> str:
    """Why a run may send fewer requests than the guild has members, if there is a reason.

    Args:
        pair: the guild's id and the code's id.
        preview: what the run will do.
        out: what `left_out` has found for the pair.
    """
    if not preview.members:
        return gettext("no members")
    if preview.having == preview.members:
        return gettext("all members have the code")
    parts = []
    if preview.elsewhere:
        words = ngettext(
            "%d is asked for in another guild of this list",
            "%d are asked for in another guild of this list",
            preview.elsewhere,
        )
        parts.append(words % preview.elsewhere)
    if not preview.requests:
        others = preview.members - preview.having - preview.elsewhere
        parts.extend(out.words(pair, others))
        if preview.having:
            parts.append(ngettext("%d has it", "%d have it", preview.having) % preview.having)
    return joined(parts)


def unknown_words(found: LeftOut, pairs: Collection[Pair], *, is_limited: bool) -> list[str]:
    """What happens to the members of these lines whom the game did not know, in sentences.

    Args:
        found: what `left_out` has found.
        pairs: the chosen lines.
        is_limited: whether an officer looks at the preview. An officer's run repeats requests for
            fewer members than an administrator's run.
    """
    wanted = set(pairs)
    rows = _rows(pairs).filter(
        state=State.NEEDS_CORRECTION, asked_realm=Coalesce("member__realm", "member__guild__realm")
    )
    asked = _members(rows.reopenable(is_person=True, is_limited=is_limited), wanted)
    out = {member for pair in wanted for member in found.unasked[pair]}
    rested: set[int] = set()
    if is_limited:
        kept = _rows(pairs).kept_from_officers()
        wrong = State.NEEDS_CORRECTION
        out |= _members(kept.filter(state=wrong), wanted)
        rested = _members(kept.exclude(state=wrong), wanted)
    out -= asked
    sentences = [
        (
            len(asked),
            ngettext(
                "%d member whom the game does not know is asked for again, once for each code. "
                "Correct the state or kingdom first, or the player ID.",
                "%d members whom the game does not know are asked for again, once for each code. "
                "Correct the state or kingdom first, or the player IDs.",
                len(asked),
            ),
        ),
        (
            len(out),
            ngettext(
                "%d member whom the game does not know is left out until the state or kingdom, or "
                "the player ID, is corrected.",
                "%d members whom the game does not know are left out until the state or kingdom, "
                "or the player IDs, are corrected.",
                len(out),
            ),
        ),
        (
            len(rested),
            ngettext(
                "%d member was asked for in the last 24 hours without getting a code. An officer "
                "cannot have the game asked again so soon.",
                "%d members were asked for in the last 24 hours without getting a code. An officer "
                "cannot have the game asked again so soon.",
                len(rested),
            ),
        ),
    ]
    return [words % number for number, words in sentences if number]


def _rows(pairs: Collection[Pair]) -> MemberRedemptionQuerySet:
    """The member redemptions of these guilds and codes, for members who may be asked for."""
    rows: MemberRedemptionQuerySet = MemberRedemption.objects.filter(
        redemption__guild__in={guild for guild, _code in pairs},
        gift_code__in={code for _guild, code in pairs},
        member__active=True,
        member__opted_out=False,
    )
    return rows


def _members(rows: MemberRedemptionQuerySet, wanted: set[Pair]) -> set[int]:
    """The members of the rows that belong to these pairs."""
    found = rows.order_by().values_list("member_id", "redemption__guild_id", "gift_code_id")
    return {member for member, *pair in found if tuple(pair) in wanted}


def _unknown(pairs: Collection[Pair]) -> QuerySet[Member]:
    """The members of these guilds whom the game did not know lately."""
    return Member.objects.eligible().filter(
        guild__in={guild for guild, _code in pairs},
        refused_realm=Coalesce(F("realm"), F("guild__realm")),
        refused_at__gt=clock_plus(-REFUSED_FOR.total_seconds()),
    )
