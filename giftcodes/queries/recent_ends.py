"""The runs that ended last. Runs that belong together are one entry.

After a correction, or when a member is due again after a day, catch-up starts another run of each
code. There may be many of these runs, each for few members, so all of them together are one entry.
The runs for new members of a guild are one entry for each guild.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    DateTimeField,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)

from giftcodes.domain.outcomes import Outcome
from giftcodes.domain.served import (
    HAVING,
    NEEDING_YOU,
    Ending,
    Phase,
    Result,
    Served,
    Tone,
)
from giftcodes.domain.transitions import State, values
from giftcodes.models import (
    CodeState,
    EventKind,
    MemberRedemption,
    Redemption,
    RedemptionEvent,
    RunState,
    Trigger,
)
from giftcodes.queries.served import RedemptionServed, with_results

#: How many of the newest ends are read.
MOST_READ = 40
#: The rows of new members are inserted at most this long before their run begins.
_BEFORE_START = dt.timedelta(minutes=1)


class EndKind(StrEnum):
    """What an entry is about."""

    #: One code, for one or several guilds.
    CODE = "code"
    #: Several codes for a guild that is new or active again, or for new members of a guild.
    GUILD = "guild"
    #: Codes that were tried again, for members who did not have them.
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Members:
    """The numbers of members for whom several codes were tried. Each member counts once.

    Args:
        total: their number.
        having: how many have all of these codes.
        having_some: how many have at least one.
        needing_you: how many need a person.
        not_eligible: how many do not meet a condition of a code that still works.
    """

    total: int = 0
    having: int = 0
    having_some: int = 0
    needing_you: int = 0
    not_eligible: int = 0


@dataclass(slots=True)
class RecentEnd:
    """Runs that ended, as one entry.

    Args:
        kind: what the entry is about.
        at: when the last of these runs ended.
        redemptions: their redemptions, those that ended last first.
        runs: the redemptions with their results. Only for `EndKind.CODE`.
        members: the members for whom the codes were tried. Not for `EndKind.CODE`.
        is_for_new: whether these members are new. Only for `EndKind.GUILD`.
    """

    kind: EndKind
    at: dt.datetime
    redemptions: list[Redemption] = field(default_factory=list)
    runs: list[RedemptionServed] = field(default_factory=list)
    members: Members = field(default_factory=Members)
    is_for_new: bool = False

    @property
    def codes(self) -> int:
        """The number of different codes."""
        return len({row.gift_code_id for row in self.redemptions})

    @property
    def guilds(self) -> int:
        """The number of different guilds."""
        return len({row.guild_id for row in self.redemptions})

    @property
    def served(self) -> Served:
        """The numbers of all runs together. A member counts once for each code."""
        return Served.together(run.served for run in self.runs)

    @property
    def result(self) -> Result:
        """What has come of the code in these guilds. Only for `EndKind.CODE`.

        A single run has its own result. Several runs count as finished if one of them was finished,
        even if others were stopped.
        """
        if len(self.runs) == 1:
            return self.runs[0].result
        code = self.redemptions[0].gift_code
        return Result.of(self.served, phase=self._phase, ending=code.ending, ended_on=code.ended_on)

    @property
    def tone(self) -> Tone:
        """How the result of several codes is meant. Not for `EndKind.CODE`.

        If no member has any of the codes, the tone is that of one code with these numbers. But if
        the codes were only tried again (`EndKind.AGAIN`) and no member needs a person, it is
        neutral.
        """
        members = self.members
        if members.total and members.having == members.total:
            return Tone.GOOD
        if members.having_some or (self.kind is EndKind.AGAIN and not members.needing_you):
            return Tone.ATTENTION if members.needing_you else Tone.NEUTRAL
        numbers = {"needs_you": members.needing_you, "not_eligible": members.not_eligible}
        served = Served(**numbers, cannot=max(0, members.total - sum(numbers.values())))
        endings = [row.gift_code.ending for row in self.redemptions]
        ending = Ending.OPEN if Ending.OPEN in endings else endings[0]
        return Result.of(served, phase=self._phase, ending=ending).tone

    @property
    def _phase(self) -> Phase:
        phases = [row.phase for row in self.redemptions]
        return Phase.COMPLETE if Phase.COMPLETE in phases else phases[0]


def recent_ends(redemptions: QuerySet[Redemption], *, most: int) -> list[RecentEnd]:
    """The runs that ended last, the newest first, in four statements at most.

    Runs of several codes are left out if none of their members is there any more.

    Args:
        redemptions: the rows to choose from.
        most: the maximum number of entries.
    """
    earlier = RedemptionEvent.objects.filter(
        redemption=OuterRef("pk"), kind=EventKind.UNLOCKED, run_number__lt=OuterRef("run_number")
    )
    ended = (
        redemptions.filter(
            state__in=[RunState.COMPLETE, RunState.STOPPED], unlocked_at__isnull=False
        )
        .annotate(earlier_end=Subquery(earlier.order_by("-id").values("at")[:1]))
        .select_related("guild", "gift_code")
    )
    rows = list(ended.order_by("-unlocked_at", "-pk")[:MOST_READ])
    new = _for_new_members(rows)
    grouped = _grouped(rows, new)
    _count_members([end for end in grouped if end.kind is not EndKind.CODE], new)
    found = [end for end in grouped if end.kind is EndKind.CODE or end.members.total][:most]
    counted = [row for end in found if end.kind is EndKind.CODE for row in end.redemptions]
    results = {run.redemption.pk: run for run in with_results(counted)} if counted else {}
    for end in found:
        end.runs = [results[row.pk] for row in end.redemptions if row.pk in results]
    return found


def _for_new_members(rows: Sequence[Redemption]) -> frozenset[int]:
    """The ids of those redemptions whose last run was not the first, and only for new members."""
    later = [row for row in rows if _is_housekeeping(row) and row.run_number > 1 and row.locked_at]
    if not later:
        return frozenset()
    counted = (
        MemberRedemption.objects.filter(redemption__in=later)
        .alias(begun=_begun(later))
        .filter(updated_at__gte=F("begun"))
        .order_by()
        .values_list("redemption_id")
        .annotate(
            new=Count("pk", filter=Q(created_at__gte=F("begun"))),
            again=Count("pk", filter=Q(created_at__lt=F("begun"))),
        )
    )
    return frozenset(pk for pk, new, again in counted if new and not again)


def _begun(rows: Sequence[Redemption]) -> Case:
    """The time from which a change of a row belongs to the last run of the row's redemption.

    It is shortly before the run began, because the rows of new members are inserted before. It is
    null for redemptions that are not in `rows`.
    """
    begun = {row.pk: row.locked_at - _BEFORE_START for row in rows if row.locked_at}
    for row in rows:
        # If the earlier run ended within `_BEFORE_START`, changes before its end belong to it.
        earlier_end = row.earlier_end  # type: ignore[attr-defined]
        if earlier_end and row.pk in begun:
            begun[row.pk] = max(begun[row.pk], earlier_end)
    return Case(
        *(When(redemption=pk, then=Value(at)) for pk, at in begun.items()),
        output_field=DateTimeField(),
    )


def _count_members(ends: Sequence[RecentEnd], new: frozenset[int]) -> None:
    """Set the members of these entries, in one statement. Codes that do not exist are left out.

    Args:
        ends: the entries.
        new: the redemptions that `_for_new_members` found.
    """
    if not ends:
        return
    rows = [row for end in ends for row in end.redemptions]
    again = {row.pk for row in rows if _key(row, new)[0] is EndKind.AGAIN}
    first = {row.pk for row in rows} - again - new
    asked = (
        Q(redemption__in=first)
        | Q(redemption__in=new, created_at__gte=F("begun"))
        | Q(redemption__in=again, updated_at__gte=F("begun"))
    )
    is_unknown = Q(gift_code__closed_outcome=Outcome.CODE_NOT_FOUND.value) & ~Q(
        gift_code__state=CodeState.ACTIVE
    )
    has_it = Q(state__in=values(HAVING))
    needs_you = Q(state__in=values(NEEDING_YOU), gift_code__state=CodeState.ACTIVE)
    is_not_eligible = Q(state=State.NOT_ELIGIBLE, gift_code__state=CodeState.ACTIVE)
    counted = (
        MemberRedemption.objects.remaining()
        .alias(begun=_begun([row for row in rows if row.pk not in first]))
        .filter(asked, redemption__in=[row.pk for row in rows])
        .exclude(is_unknown & ~has_it)
        .order_by()
        .values(
            entry=Case(
                When(redemption__in=again, then=Value(0)),
                default=F("redemption__guild_id"),
                output_field=BigIntegerField(),
            )
        )
        .annotate(
            total=Count("member", distinct=True),
            lacking=Count("member", distinct=True, filter=~has_it),
            having_some=Count("member", distinct=True, filter=has_it),
            needing_you=Count("member", distinct=True, filter=needs_you),
            not_eligible=Count("member", distinct=True, filter=is_not_eligible),
        )
    )
    members = {
        one["entry"]: Members(
            one["total"],
            one["total"] - one["lacking"],
            one["having_some"],
            one["needing_you"],
            one["not_eligible"],
        )
        for one in counted
    }
    for end in ends:
        key = 0 if end.kind is EndKind.AGAIN else end.redemptions[0].guild_id
        end.members = members.get(key, end.members)


def _grouped(rows: Sequence[Redemption], new: frozenset[int]) -> list[RecentEnd]:
    entries: dict[tuple[EndKind, int], RecentEnd] = {}
    for row in rows:
        kind, key = _key(row, new)
        assert row.unlocked_at is not None  # `recent_ends` reads only rows with this time.
        entry = entries.setdefault((kind, key), RecentEnd(kind, row.unlocked_at))
        entry.redemptions.append(row)
    for entry in entries.values():
        if entry.kind is EndKind.GUILD:
            entry.is_for_new = all(row.pk in new for row in entry.redemptions)
            if len(entry.redemptions) == 1 and not entry.is_for_new:
                entry.kind = EndKind.CODE
    return list(entries.values())


def _key(row: Redemption, new: frozenset[int]) -> tuple[EndKind, int]:
    """The kind of a run's entry, and a number that is different for each entry of this kind."""
    if _is_housekeeping(row) and row.run_number > 1 and row.pk not in new:
        return EndKind.AGAIN, 0
    if _is_housekeeping(row):
        return EndKind.GUILD, row.guild_id
    return EndKind.CODE, row.gift_code_id


def _is_housekeeping(row: Redemption) -> bool:
    return bool(row.trigger) and Trigger(row.trigger).is_housekeeping
