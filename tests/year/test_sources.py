"""A year with three feeds: one dies, one lies, and one is late. No told code is missed."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from giftcodes import tasks
from giftcodes.models import (
    Alarm,
    CodeProposal,
    CodeSighting,
    Feed,
    GiftCode,
    Heartbeat,
    Member,
    MemberRedemption,
    database_now,
)
from giftcodes.models.feed import FeedKind, FeedTrust
from giftcodes.pipeline.poll.trust import MOST_UNDECIDED
from giftcodes.services import sources
from giftcodes.services.code_proposals import approve, reject
from tests.commands.conftest import run
from tests.factories import guild
from tests.pipeline.conftest import World, world
from tests.servers import autovacuum
from tests.year.clock import TravellingClock

__all__ = ["world"]

DAY = 86_400.0
LONG_AGO = "2020-01-01T00:00:00Z"
#: A code that the game does not know costs two requests, and one for each of its three probes.
#: Another feed that lists it, too, reopens it once.
MOST_REQUESTS_OF_LIE = 2 * 5

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module", autouse=True)
def _autovacuum() -> Iterator[None]:
    with autovacuum():
        yield


@pytest.fixture
def clock(world: World, settings: Any) -> Iterator[TravellingClock]:
    settings.GAME_PRIVATE_HOSTS = ["127.0.0.1"]
    with TravellingClock() as travelling:
        yield travelling


@dataclass(slots=True)
class Sources:
    """The feeds of a game, and what they tell on each day.

    Args:
        real: the codes of the game, each with its first and its last day.
        lies: the codes that no game has.
        told: the real codes that a feed which works has told on a day on which they worked.
    """

    world: World
    clock: TravellingClock
    random: random.Random
    days: int
    day: int = 0
    real: dict[str, tuple[int, int]] = field(default_factory=dict)
    lies: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    early: dict[str, tuple[int, str]] = field(default_factory=dict)
    stamps: dict[str, str] = field(default_factory=dict)
    happened: Counter[str] = field(default_factory=Counter)
    liar: Feed = field(init=False)
    late: Feed = field(init=False)
    dies_on: int = field(init=False)

    def begin(self, codes: int) -> None:
        """Make the guilds, the codes and the feeds. The main feed is the one that dies."""
        pick = self.random
        self.world.knows(guild(members=4, priority=1), guild(members=4))
        for number in range(codes):
            first = pick.randrange(1, self.days - 3)
            self.real[f"Real{number:03d}"] = (first, first + pick.randint(4, 15))
        self.liar = self._add("liar", "json", FeedKind.JSON, entries="game.gifts", code="gift",
                              published="from", ends="until")  # fmt: skip
        self.late = self._add("late", "rss", FeedKind.RSS, template="Gift code: {code}")
        self.dies_on = self.days // 3

    def _add(self, name: str, path: str, kind: FeedKind, **options: str) -> Feed:
        return Feed.objects.create(
            provider="simulator",
            name=name,
            kind=kind,
            address=self.world.game.other_feed_url(path),
            options=options,
        )

    def live(self) -> None:
        """Run all days, and another week without new codes."""
        for day in range(self.days + 7):
            self.day = day
            self.clock.go(DAY)
            self._publish()
            self._poll()
            self._decide()
            self._work()
            self._check_alarms()

    # --- What the feeds tell ----------------------------------------------------------------------
    def _publish(self) -> None:
        for name, (first, last) in self.real.items():
            if first == self.day:
                self.stamps[name] = f"{name} {self.clock.today:%d.%m.%Y}"
                self.world.game.merge({"codes": {name: {}}})
            if last + 1 == self.day:
                self.world.game.merge({"codes": {name: {"expires_at": LONG_AGO}}})
        working = [name for name, (first, last) in self.real.items() if first <= self.day <= last]
        late = [name for name in working if self.real[name][0] + 1 <= self.day]
        is_dead = self.day >= self.dies_on
        self.world.game.merge(
            {
                "remove_from_feed": list(self.real),
                "feed": [self.stamps[name] for name in working],
                "feeds": {
                    "json": {"lines": self._lies(working)},
                    "rss": {"lines": [self.stamps[name] for name in late]},
                },
            }
        )
        if is_dead:
            fault = {"fault": "status", "status": 503, "times": 1_000}
            self.world.game.merge({"feed_faults": [fault]})
        self.told |= set(late)
        if not is_dead:
            self.told |= set(working)

    def _lies(self, working: list[str]) -> list[Any]:
        """Real codes with wrong ends, codes that do not work yet, and codes that nobody has."""
        pick = self.random
        now = database_now()
        for _ in range(pick.choice([0, 0, 1, 3])):
            self.lies.add(f"Lie{len(self.lies):03d}")
        lines: list[Any] = [
            {"code": name, "createdAt": now.isoformat()} for name in sorted(self.lies)[-8:]
        ]
        for name, (first, _last) in self.real.items():
            if first - 3 <= self.day < first and name not in self.early and pick.random() < 0.4:
                self.early[name] = (self.day, pick.choice([name, name.upper(), name.lower()]))
        for name, (day, spelling) in self.early.items():
            if day <= self.day < self.real[name][0]:
                lines.append({"code": spelling})
                self.happened["told too early"] += 1
        for name in working:
            end = pick.choice([None, now - timedelta(days=9), now + timedelta(minutes=2)])
            if pick.random() < 0.5:
                lines.append({"code": name, "expiresAt": end.isoformat() if end else None})
                self.happened["real code told by the liar"] += 1
        pick.shuffle(lines)
        return lines

    # --- What the product and the people do -------------------------------------------------------
    def _poll(self) -> None:
        for _ in range(2):
            tasks.poll(force=True)
            self.world.drain(limit=100_000)
            self._tick()
            self.clock.go(600)

    def _decide(self) -> None:
        """An administrator approves the real codes among the proposals."""
        names = {name.casefold() for name in self.real}
        for proposal in CodeProposal.objects.waiting():
            if proposal.folded in names:
                decision = approve(proposal.pk, user_id=None)
                if decision.must_fan_out and decision.gift_code:
                    tasks.fan_out(decision.gift_code.pk)
                self.happened["approved"] += 1
            else:
                reject(proposal.pk, user_id=None)
                self.happened["rejected"] += 1
        liar = Feed.objects.get(pk=self.liar.pk)
        if liar.distrusted_at is not None:
            self.happened["distrusted"] += self.day % 40 == 0
            if self.day % 40 == 0:
                sources.believe(liar, FeedTrust.TRUSTED)

    def _work(self) -> None:
        tasks.catch_up()
        for turn in range(1, 400):
            self._tick()
            if turn % 6 == 0:
                self.world.sweep()
            if turn > 16 and not MemberRedemption.objects.open().exists():
                return
            self.clock.go(600 if turn % 8 == 0 else 5)

    def _tick(self) -> None:
        Heartbeat.objects.filter(name="tick").delete()
        tasks.tick()
        self.world.drain(limit=100_000)

    def _check_alarms(self) -> None:
        """Run the alarm task once, or after the feed's death as often as beat does in an hour."""
        for nth in range(17 if self.day == self.dies_on else 1):
            if nth % 3 == 0:
                tasks.poll(force=True)
            tasks.alarms()
            self.world.drain(limit=100_000)
            self.clock.go(240)


def lived(world: World, clock: TravellingClock, *, days: int, codes: int, seed: int) -> Sources:
    year = Sources(world, clock, random.Random(seed), days)
    year.begin(codes)
    year.live()
    print(dict(year.happened), figures(year))
    return year


def figures(year: Sources) -> dict[str, int]:
    """What a person wants to know about the year."""
    asked: dict[str, list[str]] = defaultdict(list)
    for request in year.world.requests:
        asked[request["code"]].append(request["player"])
    lies = [players for code, players in asked.items() if code in year.lies]
    granted = Counter(year.world.grants)
    return {
        "real codes": len(year.real),
        "told": len(year.told),
        "grants": len(granted),
        "granted twice": sum(number > 1 for number in granted.values()),
        "lies": len(year.lies),
        "lies that were tried": len(lies),
        "requests": len(year.world.requests),
        "requests for lies": sum(map(len, lies)),
        "most requests for a lie": max(map(len, lies), default=0),
        "most members asked for a lie": max((len(set(players)) for players in lies), default=0),
        "grants of lies": sum(code in year.lies for _player, code in granted),
    }


def no_told_code_was_missed(year: Sources) -> None:
    granted = Counter(year.world.grants)
    players = set(Member.objects.values_list("player_id", flat=True))
    missed = {
        (player, code) for code in year.told for player in players if not granted[player, code]
    }
    assert missed == set()
    assert len(year.told) == len(year.real)
    assert max(granted.values()) == 1


def no_lie_cost_more_than_a_few_requests(year: Sources) -> None:
    asked = Counter(request["code"] for request in year.world.requests)
    lies = {code: number for code, number in asked.items() if code in year.lies}
    assert lies, "some lies were tried"
    assert max(lies.values()) <= MOST_REQUESTS_OF_LIE
    assert {code for _player, code in year.world.grants} & year.lies == set()
    at_once = GiftCode.objects.filter(code__in=year.lies, state="active").count()
    assert at_once <= MOST_UNDECIDED


def people_were_told(year: Sources) -> None:
    dead = Feed.objects.get(kind=FeedKind.MAIN)
    silent = Alarm.objects.standing().filter(kind=Alarm.Kind.FEED_SILENT)
    assert [alarm.subject for alarm in silent] == [str(dead.pk)]
    wrong = Alarm.objects.raised().filter(kind=Alarm.Kind.FEED_WRONG)
    assert {alarm.subject for alarm in wrong} == {str(year.liar.pk)}
    assert Feed.objects.get(pk=year.late.pk).is_trusted
    assert CodeSighting.objects.filter(feed=year.late, is_first=True).exists()


def the_audit_is_clean(year: Sources) -> None:
    said = run("audit", "--ledger", year.world.game.url, "--at-once")
    assert said.status == 0, said.out


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_no_told_code_is_missed_in_a_month_with_three_feeds(
    world: World, clock: TravellingClock, seed: int
) -> None:
    year = lived(world, clock, days=18, codes=6, seed=seed)

    no_told_code_was_missed(year)
    no_lie_cost_more_than_a_few_requests(year)
    people_were_told(year)


@pytest.mark.long
@pytest.mark.parametrize("seed", [7])
def test_no_told_code_is_missed_in_a_year_with_three_feeds(
    world: World, clock: TravellingClock, seed: int
) -> None:
    year = lived(world, clock, days=365, codes=90, seed=seed)

    no_told_code_was_missed(year)
    no_lie_cost_more_than_a_few_requests(year)
    people_were_told(year)
    the_audit_is_clean(year)
    assert year.happened["distrusted"] >= 1
    assert year.happened["told too early"] >= 20
