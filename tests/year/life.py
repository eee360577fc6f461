"""Random events in some guilds, day by day, and a record of what each member must get.

The record uses nothing of the code under test.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from giftcodes import tasks
from giftcodes.domain.transitions import OPEN, State, values
from giftcodes.models import (
    GiftCode,
    Guild,
    Heartbeat,
    Member,
    MemberRedemption,
    RateBudget,
    Trigger,
    database_now,
)
from giftcodes.pipeline import code_lifecycle as codes_step
from giftcodes.roster import ListedMember
from giftcodes.services import providers
from giftcodes.services.imports import import_members
from giftcodes.services.members import move_members
from giftcodes.services.players import opt_out
from tests.factories import REALM, guild
from tests.pipeline.conftest import World
from tests.year.clock import TravellingClock

DAY = 86_400.0
PROVIDER = "simulator"
WRONG_REALM = 7
LEVELS_UP = 10
LONG_AGO = "2020-01-01T00:00:00Z"
#: Player, code, issue.
Claim = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Size:
    """The amount of events.

    Args:
        days, codes, players, outages: how many there are in all.
        changes: how many members change something on each day, such as their guild or realm.
    """

    days: int
    codes: int
    players: int
    outages: int
    changes: int


@dataclass(slots=True)
class Published:
    """A code in the game, from its first day to its last, both included."""

    name: str
    first: int
    last: int
    min_level: int = 0
    works_from: int = 0
    issue: int = 1
    is_end_known: bool = False

    def works(self, day: int) -> bool:
        """Whether the game grants the code on this day."""
        return max(self.first, self.works_from) <= day <= self.last


@dataclass(slots=True)
class Year:
    """Some guilds, and what happens to them on each day.

    Args:
        deserved: the claims that must be granted: on at least one day the player was a member, the
            code worked and was known, and there was no obstacle.
        witnessed: all claims of a player who was a member while the code worked and was known.
        refused: descriptions of requests for players who must not be asked for.
        spoilt: the number of requests without a clear answer. Each may be repeated, even if it was
            granted.
        left_open: descriptions of members who still waited at the end of a day.
    """

    world: World
    clock: TravellingClock
    size: Size
    random: random.Random
    day: int = 0
    guilds: list[Guild] = field(default_factory=list)
    codes: list[Published] = field(default_factory=list)
    levels: dict[str, int] = field(default_factory=dict)
    rose_on: dict[str, int] = field(default_factory=dict)
    not_joined_yet: list[str] = field(default_factory=list)
    outages: set[int] = field(default_factory=set)
    deserved: set[Claim] = field(default_factory=set)
    witnessed: set[Claim] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    left_open: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    seen: int = 0
    spoilt: int = 0

    def begin(self) -> None:
        """Create four guilds with six tenths of the players, and choose the dates of all codes."""
        pick = self.random
        self.guilds = [guild(f"Guild {letter}", priority=pick.randint(0, 2)) for letter in "ABCD"]
        players = [str(300_000_000 + number) for number in range(self.size.players)]
        self.levels = {player: pick.choice([5, 12, 30, 30]) for player in players}
        self.world.game.merge(
            {
                "players": {
                    player: {"realm": REALM, "level": level}
                    for player, level in self.levels.items()
                }
            }
        )
        cut = len(players) * 6 // 10
        self.not_joined_yet = players[cut:]
        for nth, one in enumerate(self.guilds):
            self._import(one, players[nth:cut:4])
        for number in range(self.size.codes):
            first = pick.randrange(self.size.days)
            self.codes.append(
                Published(
                    f"Year{number:03d}",
                    first,
                    first + pick.randint(3, 21),
                    min_level=pick.choice([0] * 8 + [10, 20]),
                    works_from=first + pick.choice([0] * 19 + [1]),
                    is_end_known=pick.random() < 0.2,
                )
            )
        while len(self.outages) < self.size.outages:
            self.outages.add(pick.randrange(2, self.size.days - 6))
        self.outages = {day + more for day in self.outages for more in range(pick.randint(1, 5))}

    def live(self) -> None:
        """Run all days, and then a week without new events."""
        for day in range(self.size.days + 7):
            self.day = day
            self.clock.go(DAY)
            if self.day < self.size.days:
                self._codes_come_and_go()
                self._trouble()
            self._poll()
            if self.day < self.size.days:
                self._work_partly()
                self._people_come_and_go()
            self._work()

    # --- What happens -----------------------------------------------------------------------------
    def _codes_come_and_go(self) -> None:
        stamp = f"{self.clock.today:%d.%m.%Y}"
        for code in self.codes:
            if code.first == self.day:
                conditions: dict[str, Any] = {"min_level": code.min_level}
                if code.works_from > self.day:
                    conditions["works_from"] = "2100-01-01T00:00:00Z"
                self._merge({code.name: conditions}, feed=[f"{code.name} {stamp}"])
            elif code.works_from == self.day:
                self._merge({code.name: {"works_from": None}})
            if code.last + 1 == self.day:
                self._end(code)
        if self._happens(8):
            self._reissue(stamp)
        if self._happens(15):
            self._delete_one()

    def _end(self, code: Published) -> None:
        gone = [code.name] if self.random.random() < 0.5 else []
        self.world.game.merge(
            {"codes": {code.name: {"expires_at": LONG_AGO}}, "remove_from_feed": gone}
        )

    def _reissue(self, stamp: str) -> None:
        """The game gives out again a code that has ended, and the feed lists it."""
        over = [code for code in self.codes if code.last + 3 < self.day and self._row(code)]
        if over:
            old = self.random.choice(over)
            new = Published(
                old.name, self.day, self.day + self.random.randint(3, 9), issue=old.issue + 1
            )
            self.codes = [code for code in self.codes if code is not old] + [new]
            conditions = {"reissue": True, "expires_at": None, "min_level": 0}
            self.world.game.merge({"remove_from_feed": [old.name]})
            self._merge({old.name: conditions}, feed=[f"{old.name} {stamp}"])
            self.happened["reissued"] += 1

    def _delete_one(self) -> None:
        """An operator deletes a code. Half of the deleted codes are restored at once."""
        known = list(GiftCode.objects.active().order_by("pk"))
        if not known:
            return
        code = self.random.choice(known)
        codes_step.close(code.pk, reason="Deleted by hand.", forever=True)
        tasks.close_code(code.pk)
        self.happened["deleted"] += 1
        if self.random.random() < 0.5:
            assert codes_step.reopen(code.pk, trigger=Trigger.ADMIN) == ""
            tasks.enqueue_on_commit(tasks.fan_out, code.pk, Trigger.CATCH_UP)
            self.happened["brought back"] += 1

    def _people_come_and_go(self) -> None:
        pick = self.random
        per_day = len(self.levels) * 0.4 / self.size.days
        for _ in range(int(per_day) + (pick.random() < per_day % 1)):
            if self.not_joined_yet:
                self._join(self.not_joined_yet.pop())
        for _ in range(self.size.changes):
            what = pick.choices(
                ["leave", "come back", "move", "correct", "level", "opt out", "second guild"],
                [3, 3, 3, 8, 3, 0.3, 1],
            )[0]
            if member := self._pick_member(what):
                self._change(member, what)

    def _join(self, player: str) -> None:
        one = self.random.choice(self.guilds)
        if self.random.random() < 0.5:
            self._import(one, [player])
        else:
            realm = self.random.choice([None, WRONG_REALM])
            Member.objects.create(guild=one, player_id=player, realm=realm)
            self.happened["joined with a wrong realm"] += realm is not None
        self.happened["joined"] += 1

    def _pick_member(self, what: str) -> Member | None:
        rows = Member.objects.select_related("guild").filter(
            opted_out=False, active=what != "come back"
        )
        if what == "correct":
            rows = rows.filter(realm=WRONG_REALM)
        if what == "level":
            rows = rows.filter(
                player_id__in=[player for player, level in self.levels.items() if level < 20]
            )
        found = list(rows.order_by("pk"))
        return self.random.choice(found) if found else None

    def _change(self, member: Member, what: str) -> None:
        others = [one for one in self.guilds if one != member.guild]
        match what:
            case "leave" | "come back":
                member.active = what == "come back"
                member.save(update_fields=["active"])
            case "move":
                move_members([member.pk], guild_id=self.random.choice(others).pk)
            case "correct":
                member.realm = None
                member.save(update_fields=["realm"])
            case "level":
                level = self.levels[member.player_id] = self.levels[member.player_id] + LEVELS_UP
                self.rose_on[member.player_id] = self.day
                self.world.game.merge({"players": {member.player_id: {"level": level}}})
            case "opt out":
                opt_out(PROVIDER, member.player_id)
            case "second guild":
                self._import(self.random.choice(others), [member.player_id])
        self.happened[what] += 1

    def _import(self, one: Guild, players: list[str]) -> None:
        listed = [ListedMember(line, player) for line, player in enumerate(players, start=1)]
        import_members(one.pk, listed)

    def _trouble(self) -> None:
        if self._happens(6):
            one = self.random.choice(self.guilds)
            one.active = not one.active
            one.save(update_fields=["active"])
            self.happened["switched"] += 1
        if self._happens(2):
            providers.pause(PROVIDER, reason="By hand.")
            self.happened["paused"] += 1
        elif self.happened["paused"]:
            providers.resume(PROVIDER)
        if self._happens(25):
            self.world.spoil("drop", when="after")
            self.happened["answer lost"] += 1
        if self._happens(10):
            self.world.spoil("status", status=503, times=3)
        if self._happens(10):
            self.world.spoil("429")

    def _happens(self, times_a_year: float) -> bool:
        return self.random.random() < times_a_year / 365

    # --- What the product does on a day -----------------------------------------------------------
    def _poll(self) -> None:
        if self.day in self.outages:
            self.world.game.merge({"feed_faults": [{"fault": "status", "status": 503, "times": 1}]})
            self.happened["feed was out"] += 1
        tasks.poll(PROVIDER, force=True)
        self._set_ends()

    def _set_ends(self) -> None:
        """An operator sets the end of some codes."""
        for code in self.codes:
            if (
                code.first == self.day
                and code.is_end_known
                and (row := self._row(code))
                and not row.expires_at
            ):
                row.expires_at = database_now() + dt.timedelta(days=code.last - self.day, hours=18)
                row.save(update_fields=["expires_at"])
                self.happened["end set"] += 1

    def _work_partly(self) -> None:
        """Do a part of the queued work: people join and leave before all of it is done."""
        allowed = self._allowed()
        for _ in range(self.random.randint(0, len(self.levels) // 2)):
            if self.world.rings:
                task, arguments, options = self.world.rings.popleft()
                task(*arguments, **options)
        self._check_requests(allowed)

    def _work(self) -> None:
        allowed = self._allowed()
        self._alarms()
        tasks.catch_up()
        known = self._known()
        if self._happens(15):
            self._lose_a_worker()
        self._work_until_quiet()
        self._alarms()
        self._check_requests(allowed)
        self._record_claims(known)

    def _work_until_quiet(self) -> None:
        """Work until no member waits, and at most for a little more than an hour."""
        for turn in range(1, 600):
            self._tick()
            if _is_quiet() or turn % 12 == 0:
                self.world.sweep()
            if _is_quiet():
                return
            self.clock.go(65 if turn % 24 == 0 else 5)

    def _alarms(self) -> None:
        """Run the alarm task once, or during an outage as often as beat does in an hour."""
        is_troubled = bool({self.day, self.day - 1} & self.outages)
        for _ in range(17 if is_troubled else 1):
            self._poll()
            tasks.alarms()
            self.world.drain(limit=100_000)
            self.clock.go(240)

    def _tick(self) -> None:
        Heartbeat.objects.filter(name="tick").delete()
        tasks.tick()
        self.world.drain(limit=100_000)

    def _lose_a_worker(self) -> None:
        """Lose the messages of all claims."""
        tasks.dispatch(PROVIDER)
        lost = MemberRedemption.objects.in_flight().count()
        self.world.rings.clear()
        self.happened["claims lost"] += lost
        self.clock.go(60)

    # --- What is recorded -------------------------------------------------------------------------
    def _members(self) -> Iterator[Member]:
        """The members who should get today's codes."""
        rows = Member.objects.select_related("guild").filter(
            active=True, opted_out=False, guild__active=True
        )
        return rows.iterator()

    def _known(self) -> list[Published]:
        """The codes that are open in the product, and granted by the game."""
        open_here = set(GiftCode.objects.active().values_list("code", "issue"))
        return [
            code
            for code in self.codes
            if code.works(self.day) and (code.name, code.issue) in open_here
        ]

    def _allowed(self) -> set[str]:
        """The players for whom requests may be sent."""
        players = {member.player_id for member in self._members()}
        # A request without a clear answer is repeated, even if the player has left.
        unclear = MemberRedemption.objects.filter(state=State.UNCONFIRMED)
        return players | set(unclear.values_list("player_id", flat=True))

    def _check_requests(self, allowed: set[str]) -> None:
        asked = self.world.game.ledger(since=self.seen)["requests"]
        self.seen += len(asked)
        self.spoilt += sum(1 for request in asked if request["fault"])
        for request in asked:
            if request["player"] not in allowed:
                self.refused.append(
                    f"day {self.day}: {request['player']} was asked for {request['code']}"
                )

    def _record_claims(self, known: list[Published]) -> None:
        still = set(GiftCode.objects.active().values_list("code", "issue"))
        is_paused = RateBudget.objects.filter(provider=PROVIDER).exclude(pause_kind="").exists()
        if not is_paused:
            waiting = MemberRedemption.objects.filter(state__in=values(OPEN))
            self.left_open += [f"day {self.day}: {row} of {row.gift_code}" for row in waiting]
        for member in self._members():
            for code in known:
                claim = (member.player_id, code.name, code.issue)
                self.witnessed.add(claim)
                is_able = (
                    self.levels[member.player_id] - self._risen(member.player_id, known)
                    >= code.min_level
                )
                is_able = is_able and member.realm is None
                if is_able and not is_paused and (code.name, code.issue) in still:
                    self.deserved.add(claim)

    def _risen(self, player: str, known: list[Published]) -> int:
        """The levels that the player has gained too recently for them to count.

        Each day one of the codes with a condition is tried again. After a success, all of them are.
        """
        days = 1 + max(1, sum(code.min_level > 0 for code in known))
        return LEVELS_UP if self.day - self.rose_on.get(player, -99) < days else 0

    def _row(self, code: Published) -> GiftCode | None:
        return GiftCode.objects.filter(code=code.name, issue=code.issue).first()

    def _merge(self, codes: dict[str, Any], feed: list[str] | None = None) -> None:
        self.world.game.merge({"codes": codes, "feed": feed or []})


def _is_quiet() -> bool:
    return not MemberRedemption.objects.filter(state__in=values(OPEN)).exists()
