"""A state machine of everything that can happen in the pipeline, with a check after each step.

There are three players, two guilds that share players, and two codes. Messages are lost, repeated
and late; workers die between any two steps, or continue late; the game gives any answer; people
use every action of the admin.
"""

from __future__ import annotations

import sys
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from giftcodes import tasks
from giftcodes.clients.games import Rate
from giftcodes.domain.outcomes import UNDECIDED, Outcome
from giftcodes.domain.transitions import OPEN, values
from giftcodes.models import CodeState, GiftCode, Guild, Member, Redemption, RunState, Trigger
from giftcodes.models.failure_isolation import FailureIsolation
from giftcodes.models.redemption import RedemptionQuerySet
from giftcodes.pipeline import catch_up, code_lifecycle, dispatch, finish, start_or_refuse
from giftcodes.pipeline.start_or_refuse import StartKind
from giftcodes.services import providers, run_actions
from tests import factories
from tests.properties import rules
from tests.properties.ending import let_everything_end
from tests.properties.snapshot import Snapshot
from tests.properties.system import PROVIDER, Message, Request, System, overtaken
from tests.properties.witness import Witness

NUMBER = st.integers(0, 7)
ONE = st.integers(0, 1)
TRIGGER = st.sampled_from(
    [Trigger.POLL, Trigger.ADMIN, Trigger.COMMAND, Trigger.CATCH_UP, Trigger.SWEEP]
)
#: SUCCESS, and the answers that leave the result open, are more frequent than the others.
SAYS = st.sampled_from([*[Outcome.SUCCESS] * 8, *sorted(UNDECIDED), *sorted(UNDECIDED), *Outcome])
#: No value is slightly below a limit (2.2, 4, 14, 30, 60 s), so that the time that a slow machine
#: adds does not cross a limit.
SECONDS = st.sampled_from([5, 15, 35, 35, 65, 65, 605, 3_605, 86_405])


class Flow(RuleBasedStateMachine):
    """The pipeline, in which the test chooses each next step."""

    def __init__(self) -> None:
        super().__init__()
        self.outside = sys.exc_info()[1]
        self.by_a_person = False

    @initialize(
        rate=st.sampled_from([None, None, Rate(2, 12)]),
        proven=st.booleans(),
        priority=ONE,
        runs=st.integers(1, 4),
    )
    def begin(self, rate: Rate | None, proven: bool, priority: int, runs: int) -> None:
        self.system = System(rate=rate)
        self.witness = Witness(self.system)
        self.guilds = [factories.guild("Wolves", priority=priority), factories.guild("Bears")]
        for number, player in ((0, "100"), (1, "100"), (0, "200"), (1, "200"), (1, "300")):
            factories.member(self.guilds[number], player)
        proven_at = "2026-01-01T00:00:00Z" if proven else None
        self.codes = [
            factories.gift_code("FIRST", proven_at=proven_at),
            factories.gift_code("SECOND"),
        ]
        self.before = Snapshot.take()
        for number in range(runs):
            self._start(number % 2, number // 2, Trigger.POLL)

    # --- Runs -------------------------------------------------------------------------------------
    @rule(guild=ONE, code=ONE, trigger=TRIGGER)
    def ask_for_a_run(self, guild: int, code: int, trigger: Trigger) -> None:
        expected = self._expected(guild, code, trigger)
        assert self._start(guild, code, trigger) in expected

    @rule(guild=ONE, code=ONE, trigger=TRIGGER, other=TRIGGER)
    def two_ask_for_a_run_at_once(
        self, guild: int, code: int, trigger: Trigger, other: Trigger
    ) -> None:
        """A second start runs after the first one has created its row, but not yet read it."""
        kinds: list[StartKind] = []
        with overtaken(
            RedemptionQuerySet, "ensure", lambda: kinds.append(self._start(guild, code, other))
        ):
            kinds.append(self._start(guild, code, trigger))
        assert kinds.count(StartKind.STARTED) <= 1
        if kinds[0] is StartKind.STARTED and not trigger.is_housekeeping:
            assert kinds[1] is StartKind.REFUSED

    def _start(self, guild: int, code: int, trigger: Trigger) -> StartKind:
        self.by_a_person |= trigger.is_person
        result = start_or_refuse.start(
            guild_id=self.guilds[guild].pk, gift_code_id=self.codes[code].pk, trigger=trigger
        )
        return result.kind

    def _expected(self, guild: int, code: int, trigger: Trigger) -> set[StartKind]:
        run = Redemption.objects.filter(
            guild=self.guilds[guild], gift_code=self.codes[code]
        ).first()
        runs = run is not None and run.state == RunState.RUNNING
        if runs and not trigger.is_housekeeping:
            return {StartKind.REFUSED}
        if GiftCode.objects.get(pk=self.codes[code].pk).state != CodeState.ACTIVE:
            return {StartKind.NOT_ALLOWED}
        if run is None or run.state == RunState.PENDING:
            return {StartKind.STARTED}
        if run.is_stopping or (run.state == RunState.STOPPED and not trigger.is_person):
            return {StartKind.NOT_ALLOWED}
        return {StartKind.JOINED if runs else StartKind.STARTED, StartKind.NOTHING_TO_DO}

    @rule(run=NUMBER)
    def a_late_member_overtakes_finish(self, run: int) -> None:
        """All members are done; another one joins between finish's first check and its lock."""
        self.all_goes_well_for_a_while(times=9)
        if found := self._redemption(
            run, Redemption.objects.running().exclude(member_redemptions__state__in=values(OPEN))
        ):

            def join() -> None:
                self._join(found.guild)
                self._start(
                    self.guilds.index(found.guild),
                    self.codes.index(found.gift_code),
                    Trigger.CATCH_UP,
                )

            with overtaken(finish, "_seems_over", join):
                finish.finish(found.pk)

    @rule(run=NUMBER, how=st.sampled_from(["stops", "stops at once", "takes the stop back"]))
    def a_person_stops_a_run_or_takes_it_back(self, run: int, how: str) -> None:
        found = self._redemption(run)
        if found is None:
            return
        if how == "takes the stop back":
            self.by_a_person = True
            run_actions.take_back_stop(found.pk, trigger=Trigger.ADMIN)
            return
        run_actions.stop(found.pk, trigger=Trigger.ADMIN)
        if how == "stops at once":
            finish.finish(found.pk)

    def _redemption(
        self, number: int, among: RedemptionQuerySet | None = None
    ) -> Redemption | None:
        among = Redemption.objects.all() if among is None else among
        found = list(among.select_related("guild", "gift_code").order_by("pk"))
        return found[number % len(found)] if found else None

    # --- Messages and requests --------------------------------------------------------------------
    @rule(run=NUMBER, what=st.sampled_from(["stop", "close", "leave"]), member=NUMBER)
    def something_overtakes_dispatch(self, run: int, what: str, member: int) -> None:
        """Something happens after dispatch has chosen rows, and before it locks them."""
        with overtaken(dispatch, "_choose", lambda: self._interfere(what, run, member)):
            tasks.dispatch(PROVIDER)

    @rule(
        run=NUMBER,
        what=st.sampled_from(["stop", "close", "leave", "pause", "late answers"]),
        member=NUMBER,
    )
    def something_overtakes_the_workers(self, run: int, what: str, member: int) -> None:
        """Something happens between the claims and the requests."""
        self.system.pass_time(5)
        tasks.dispatch(PROVIDER)
        self._interfere(what, run, member)
        for claim in self.system.claims:
            with self.witness.of_a_request(claim):
                self.system.send(claim, says=Outcome.SUCCESS, acts=False)

    def _interfere(self, what: str, run: int, member: int) -> None:
        found = self._redemption(run)
        if what == "pause":
            providers.pause(PROVIDER, reason="By hand.")
        elif what == "leave":
            self.a_member_changes(member=member, what="active")
            catch_up.withdraw_leavers(FailureIsolation("catch-up"))
        elif what == "late answers":
            for request in list(self.system.requests):
                self._record(request)
        elif found is not None and what == "stop":
            run_actions.stop(found.pk, trigger=Trigger.ADMIN)
        elif found is not None:
            code_lifecycle.close(found.gift_code_id, reason="Closed by hand.")
            code_lifecycle.cancel_waiting(found.gift_code_id)

    @precondition(lambda self: self.system.claims)
    @rule(claim=NUMBER, says=SAYS, acts=st.booleans(), doubled=st.booleans())
    def a_worker_asks_the_game(self, claim: int, says: Outcome, acts: bool, doubled: bool) -> None:
        message = _pick(self.system.claims, claim)
        with self.witness.of_a_request(message):
            self.system.send(message, says=says, acts=acts, doubled=doubled)

    @precondition(lambda self: self.system.requests)
    @rule(request=NUMBER, dies=st.sampled_from([False, False, False, True]))
    def a_worker_records_an_answer_or_dies(self, request: int, dies: bool) -> None:
        found = _pick(self.system.requests, request)
        if dies:
            self.system.requests.remove(found)
        else:
            self._record(found)

    def _record(self, request: Request) -> None:
        with self.witness.of_an_answer(request):
            self.system.record(request)

    @precondition(lambda self: self.system.other_messages)
    @rule(message=NUMBER, doubled=st.booleans())
    def a_message_arrives(self, message: int, doubled: bool) -> None:
        self.system.deliver(_pick(self.system.other_messages, message), doubled=doubled)

    @rule(says=SAYS, acts=st.booleans(), records=st.booleans())
    def a_member_has_a_turn(self, says: Outcome, acts: bool, records: bool) -> None:
        """Dispatch, request and answer, after the pause between two requests for a player."""
        self.system.pass_time(5)
        tasks.dispatch(PROVIDER)
        if not self.system.claims:
            return
        claim, number = self.system.claims[-1], len(self.system.requests)
        with self.witness.of_a_request(claim):
            self.system.send(claim, says=says, acts=acts)
        if records and len(self.system.requests) > number:
            self._record(self.system.requests[-1])

    @rule(says=SAYS, acts=st.booleans(), others_go_on=st.booleans(), comes_back=st.booleans())
    def a_worker_is_taken_for_dead(
        self, says: Outcome, acts: bool, others_go_on: bool, comes_back: bool
    ) -> None:
        """A worker has sent a request, and hangs until its claim is given to another worker."""
        number = len(self.system.requests)
        self.a_member_has_a_turn(says=says, acts=acts, records=False)
        self.time_passes(seconds=65, then="sweep and tick" if others_go_on else "sweep")
        if comes_back and len(self.system.requests) > number:
            self._record(self.system.requests[-1])

    @rule(times=st.sampled_from([1, 3, 9]))
    def all_goes_well_for_a_while(self, times: int) -> None:
        """Members are redeemed without a fault, but no run is finished."""
        for _ in range(times):
            tasks.dispatch(PROVIDER)
            if not self.system.claims:
                return
            for claim in self.system.claims:
                self.a_worker_asks_the_game_and_records(claim)
            self.system.pass_time(5)

    def a_worker_asks_the_game_and_records(self, claim: Message) -> None:
        with self.witness.of_a_request(claim):
            attempt = self.system.send(claim, says=Outcome.SUCCESS, acts=False)
        if attempt is not None:
            self._record(self.system.requests[-1])

    # --- Housekeeping -----------------------------------------------------------------------------
    @rule(
        seconds=SECONDS,
        then=st.sampled_from(["nothing", "sweep", "sweep and tick", "sweep and tick"]),
    )
    def time_passes(self, seconds: int, then: str) -> None:
        self.system.pass_time(seconds)
        if "sweep" in then:
            tasks.sweep()
        if "tick" in then:
            tasks.tick()

    @rule(what=st.sampled_from(["sweep", "catch up", "fan out", "finish", "forget"]), number=NUMBER)
    def beat_or_a_doubled_message_or_a_flush(self, what: str, number: int) -> None:
        match what:
            case "sweep":
                tasks.sweep()
            case "catch up":
                tasks.catch_up()
            case "fan out":
                tasks.fan_out(_pick(self.codes, number).pk, Trigger.POLL)
            case "finish":
                if found := self._redemption(number):
                    finish.finish(found.pk)
            case _:
                self.system.messages.clear()

    # --- People -----------------------------------------------------------------------------------
    @rule(
        code=ONE,
        what=st.sampled_from(["close", "close for good", "reopen", "reopen", "end in the game"]),
    )
    def a_code_changes(self, code: int, what: str) -> None:
        pk = self.codes[code].pk
        match what:
            case "reopen":
                self.by_a_person = True
                code_lifecycle.reopen(pk, trigger=Trigger.ADMIN)
            case "end in the game":
                self.system.game.ended.add(pk)
            case _:
                code_lifecycle.close(pk, reason="Closed by hand.", forever="for good" in what)

    @rule(member=NUMBER, what=st.sampled_from(["active", "opted_out", "realm", "join"]))
    def a_member_changes(self, member: int, what: str) -> None:
        """A member leaves or returns, opts out or in, changes the realm, or joins."""
        if what == "join":
            self._join(self.guilds[member % 2])
            return
        found = _pick(list(Member.objects.order_by("pk")), member)
        value = (
            (7 if found.realm is None else None) if what == "realm" else not getattr(found, what)
        )
        Member.objects.filter(pk=found.pk).update(**{what: value})

    def _join(self, guild: Guild) -> None:
        """Of three players, add the first whom the guild does not have yet, if there is one."""
        wanted = ["300", "401", "402"]
        known = set(guild.members.values_list("player_id", flat=True))
        if newcomers := [player for player in wanted if player not in known]:
            factories.member(guild, newcomers[0])

    @rule(pauses=st.booleans())
    def a_person_pauses_the_game_or_lets_it_go_on(self, pauses: bool) -> None:
        if pauses:
            providers.pause(PROVIDER, reason="By hand.")
        else:
            providers.resume(PROVIDER)

    # --- What must hold ---------------------------------------------------------------------------
    @invariant()
    def the_rules_hold(self) -> None:
        now = Snapshot.take()
        rules.moment(now)
        rules.step(self.before, now, by_a_person=self.by_a_person)
        self.before, self.by_a_person = now, False

    def teardown(self) -> None:
        if not hasattr(self, "system"):
            return
        try:
            # After a broken rule, the end need not be checked.
            if sys.exc_info()[1] is self.outside:
                let_everything_end(self)
        finally:
            self.system.close()


def _pick(found: list[Any], number: int) -> Any:
    return found[number % len(found)]
