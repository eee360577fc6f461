"""The runs that ended last. Runs that belong together are one entry.

After a correction, for a new member, or when a member is due again after a day, catch-up starts
another run of each code. There may be many of these runs, each for few members, so all of them
together are one entry.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from django.db.models import QuerySet

from giftcodes.domain.served import Phase, Result, Served
from giftcodes.models import Redemption, RunState, Trigger
from giftcodes.queries.served import RedemptionServed, with_results

#: How many of the newest ends are read.
MOST_READ = 40


class EndKind(StrEnum):
    """What an entry is about."""

    #: One code, for one or several guilds.
    CODE = "code"
    #: A guild whose first runs of several codes ended, because it is new or active again.
    GUILD = "guild"
    #: Codes that were asked for again, for members who did not have them.
    AGAIN = "again"


@dataclass(slots=True)
class RecentEnd:
    """Runs that ended, as one entry.

    Args:
        kind: what the entry is about.
        at: when the last of these runs ended.
        redemptions: their redemptions, those that ended last first.
        runs: the redemptions with their results. It is empty for `EndKind.AGAIN`.
    """

    kind: EndKind
    at: dt.datetime
    redemptions: list[Redemption] = field(default_factory=list)
    runs: list[RedemptionServed] = field(default_factory=list)

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
        phases = [run.redemption.phase for run in self.runs]
        finished = next((phase for phase in phases if phase is Phase.COMPLETE), phases[0])
        code = self.redemptions[0].gift_code
        return Result.of(self.served, phase=finished, ending=code.ending)


def recent_ends(redemptions: QuerySet[Redemption], *, most: int) -> list[RecentEnd]:
    """The runs that ended last, the newest first, in two statements.

    Args:
        redemptions: the rows to choose from.
        most: the maximum number of entries.
    """
    ended = redemptions.filter(
        state__in=[RunState.COMPLETE, RunState.STOPPED], unlocked_at__isnull=False
    ).select_related("guild", "gift_code")
    found = _grouped(list(ended.order_by("-unlocked_at", "-pk")[:MOST_READ]))[:most]
    counted = [row for end in found if end.kind is not EndKind.AGAIN for row in end.redemptions]
    results = {run.redemption.pk: run for run in with_results(counted)} if counted else {}
    for end in found:
        end.runs = [results[row.pk] for row in end.redemptions if row.pk in results]
    return found


def _grouped(rows: Sequence[Redemption]) -> list[RecentEnd]:
    entries: dict[tuple[EndKind, int], RecentEnd] = {}
    for row in rows:
        kind, key = _key(row)
        assert row.unlocked_at is not None  # `recent_ends` reads only rows with this time.
        entry = entries.setdefault((kind, key), RecentEnd(kind, row.unlocked_at))
        entry.redemptions.append(row)
    for entry in entries.values():
        if entry.kind is EndKind.GUILD and len(entry.redemptions) == 1:
            entry.kind = EndKind.CODE
    return list(entries.values())


def _key(row: Redemption) -> tuple[EndKind, int]:
    """The kind of a run's entry, and a number that is different for each entry of this kind."""
    is_housekeeping = bool(row.trigger) and Trigger(row.trigger).is_housekeeping
    if is_housekeeping and row.run_number > 1:
        return EndKind.AGAIN, 0
    if is_housekeeping:
        return EndKind.GUILD, row.guild_id
    return EndKind.CODE, row.gift_code_id
