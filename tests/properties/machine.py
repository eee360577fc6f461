"""The machine: everything that can happen to the flow, in any order, with the rules looked at after each step.

Three players, two guilds with one player in both, two codes. Messages are lost, doubled and late; workers die between
any two steps and come back; the game says what it likes; people press every button.
"""

from __future__ import annotations

import sys
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from giftcodes import tasks
from giftcodes.flow import catch_up, codes, dispatch, finish, pause, start, stop
from giftcodes.flow.start import StartKind
from giftcodes.models import CodeState, GiftCode, Member, Redemption, RunState, Trigger
from giftcodes.outcomes import Outcome
from giftcodes.providers import Rate
from tests import factories
from tests.properties import rules
from tests.properties.ending import let_everything_end
from tests.properties.snapshot import Snapshot
from tests.properties.system import PROVIDER, Message, Request, System, overtaken
from tests.properties.witness import Witness

NUMBER = st.integers(0, 7)
ONE = st.integers(0, 1)
TRIGGER = st.sampled_from([Trigger.POLL, Trigger.ADMIN, Trigger.COMMAND, Trigger.CATCH_UP, Trigger.SWEEP])
#: What is true is said more often than each of the rest.
SAYS = st.sampled_from([Outcome.SUCCESS] * 8 + list(Outcome))
#: Whole fives: none comes near a limit (2.2, 4, 14, 30, 60 s) from below, so that a slow machine changes nothing.
SECONDS = st.sampled_from([5, 15, 35, 35, 65, 65, 605, 3_605, 86_405])


class Flow(RuleBasedStateMachine):
    """Redeemer, with the test's hand at each of its steps."""

    def __init__(self) -> None:
        super().__init__()
        self.outside = sys.exc_info()[1]
        self.by_a_person = False

    @initialize(
        rate=st.sampled_from([None, None, Rate(2, 10)]), proven=st.booleans(), priority=ONE, runs=st.integers(0, 4)
    )
    def begin(self, rate: Rate | None, proven: bool, priority: int, runs: int) -> None:
        self.system = System(rate=rate)
        self.witness = Witness(self.system)
        self.guilds = [factories.guild("Wolves", priority=priority), factories.guild("Bears")]
        for number, player in ((0, "100"), (1, "100"), (0, "200"), (1, "300")):
            factories.member(self.guilds[number], player)
        proven_at = "2026-01-01T00:00:00Z" if proven else None
        self.codes = [factories.gift_code("FIRST", proven_at=proven_at), factories.gift_code("SECOND")]
        self.latecomers = 0
        self.before = Snapshot.take()
        for number in range(runs):
            self._start(number % 2, number // 2, Trigger.POLL)

    # --- Runs ---------------------------------------------------------------------------------------------------------
    @rule(guild=ONE, code=ONE, trigger=TRIGGER)
    def ask_for_a_run(self, guild: int, code: int, trigger: Trigger) -> None:
        expected = self._expected(guild, code, trigger)
        assert self._start(guild, code, trigger) in expected

    @rule(guild=ONE, code=ONE, trigger=TRIGGER, other=TRIGGER)
    def two_ask_for_a_run_at_once(self, guild: int, code: int, trigger: Trigger, other: Trigger) -> None:
        """The second is a whole start between the first one's look and its lock."""
        kinds: list[StartKind] = []
        with overtaken(start, "_refuse", lambda: kinds.append(self._start(guild, code, other))):
            kinds.append(self._start(guild, code, trigger))
        assert kinds.count(StartKind.STARTED) <= 1
        if kinds[0] is StartKind.STARTED and not trigger.is_quiet:
            assert kinds[1] is StartKind.REFUSED

    def _start(self, guild: int, code: int, trigger: Trigger) -> StartKind:
        self.by_a_person |= trigger.is_person
        result = start.start(guild_id=self.guilds[guild].pk, gift_code_id=self.codes[code].pk, trigger=trigger)
        return result.kind

    def _expected(self, guild: int, code: int, trigger: Trigger) -> set[StartKind]:
        run = Redemption.objects.filter(guild=self.guilds[guild], gift_code=self.codes[code]).first()
        runs = run is not None and run.state == RunState.RUNNING
        if runs and not trigger.is_quiet:
            return {StartKind.REFUSED}
        if GiftCode.objects.get(pk=self.codes[code].pk).state != CodeState.ACTIVE:
            return {StartKind.NOT_ALLOWED}
        if run is None or run.state == RunState.PENDING:
            return {StartKind.STARTED}
        if run.is_stopping or (run.state == RunState.STOPPED and not trigger.is_person):
            return {StartKind.NOT_ALLOWED}
        return {StartKind.JOINED if runs else StartKind.STARTED, StartKind.NOTHING_TO_DO}

    @rule(code=ONE)
    def fan_a_code_out(self, code: int) -> None:
        tasks.fan_out(self.codes[code].pk, Trigger.POLL)

    @rule(run=NUMBER)
    def look_whether_a_run_is_over(self, run: int) -> None:
        if found := self._redemption(run):
            finish.finish(found.pk)

    @rule(run=NUMBER, guild=ONE)
    def a_late_member_overtakes_finish(self, run: int, guild: int) -> None:
        """Somebody joins between the cheap look and the lock."""
        if found := self._redemption(run):

            def join() -> None:
                self.somebody_joins(self.guilds.index(found.guild))
                self._start(self.guilds.index(found.guild), self.codes.index(found.gift_code), Trigger.CATCH_UP)

            with overtaken(finish, "_looks_over", join):
                finish.finish(found.pk)

    @rule(run=NUMBER, finishes=st.booleans())
    def a_person_stops(self, run: int, finishes: bool) -> None:
        if found := self._redemption(run):
            stop.stop(found.pk, trigger=Trigger.ADMIN)
            if finishes:
                finish.finish(found.pk)

    @rule(run=NUMBER)
    def a_person_takes_the_stop_back(self, run: int) -> None:
        if found := self._redemption(run):
            self.by_a_person = True
            stop.take_back_stop(found.pk, trigger=Trigger.ADMIN)

    def _redemption(self, number: int) -> Redemption | None:
        found = list(Redemption.objects.select_related("guild", "gift_code").order_by("pk"))
        return found[number % len(found)] if found else None

    # --- Messages and requests ----------------------------------------------------------------------------------------
    @rule()
    def tick(self) -> None:
        tasks.tick()

    @rule(run=NUMBER, what=st.sampled_from(["stop", "close", "leave"]), member=NUMBER)
    def something_overtakes_dispatch(self, run: int, what: str, member: int) -> None:
        """Between the choice and the locks."""
        found = self._redemption(run)
        if found is None:
            return

        def meanwhile() -> None:
            if what == "stop":
                stop.stop(found.pk, trigger=Trigger.ADMIN)
            elif what == "close":
                codes.close(found.gift_code_id, reason="Closed by hand.")
                codes.cancel_waiting(found.gift_code_id)
            else:
                self.somebody_leaves_or_comes_back(member, opts_out=False)
                catch_up.withdraw_leavers()

        with overtaken(dispatch, "_ask", meanwhile, at=lambda statement: statement is dispatch._CHOOSE):
            tasks.dispatch(PROVIDER)

    @precondition(lambda self: self.system.claims)
    @rule(claim=NUMBER, says=SAYS, acts=st.booleans(), doubled=st.booleans())
    def a_worker_asks_the_game(self, claim: int, says: Outcome, acts: bool, doubled: bool) -> None:
        message = _pick(self.system.claims, claim)
        with self.witness.of_a_request(message):
            self.system.send(message, says=says, acts=acts, doubled=doubled)

    @precondition(lambda self: self.system.requests)
    @rule(request=NUMBER)
    def a_worker_records_an_answer(self, request: int) -> None:
        self._hear(_pick(self.system.requests, request))

    @precondition(lambda self: self.system.requests)
    @rule(request=NUMBER)
    def a_worker_dies_before_it_records(self, request: int) -> None:
        self.system.requests.remove(_pick(self.system.requests, request))

    def _hear(self, request: Request) -> None:
        with self.witness.of_an_answer(request):
            self.system.hear(request)

    @precondition(lambda self: self.system.other_messages)
    @rule(message=NUMBER, doubled=st.booleans())
    def a_message_arrives(self, message: int, doubled: bool) -> None:
        self.system.deliver(_pick(self.system.other_messages, message), doubled=doubled)

    @precondition(lambda self: self.system.messages)
    @rule()
    def the_broker_forgets_everything(self) -> None:
        self.system.messages.clear()

    @rule(says=SAYS, acts=st.booleans(), then=st.sampled_from(["records", "records", "dies", "is held up"]))
    def a_member_has_a_turn(self, says: Outcome, acts: bool, then: str) -> None:
        """The steps above in a row."""
        tasks.dispatch(PROVIDER)
        if not self.system.claims:
            return
        claim, number = self.system.claims[-1], len(self.system.requests)
        with self.witness.of_a_request(claim):
            self.system.send(claim, says=says, acts=acts)
        if then == "records" and len(self.system.requests) > number:
            self._hear(self.system.requests[-1])
        elif then == "dies":
            del self.system.requests[number:]

    @rule(times=st.integers(1, 3))
    def all_goes_well_for_a_while(self, times: int) -> None:
        """Only that nobody looks yet whether a run is over."""
        for _ in range(times):
            tasks.dispatch(PROVIDER)
            for claim in self.system.claims:
                self.a_worker_asks_the_game_and_hears(claim)
            self.system.pass_time(5)

    def a_worker_asks_the_game_and_hears(self, claim: Message) -> None:
        with self.witness.of_a_request(claim):
            attempt = self.system.send(claim, says=Outcome.SUCCESS, acts=False)
        if attempt is not None:
            self._hear(self.system.requests[-1])

    # --- Housekeeping -------------------------------------------------------------------------------------------------
    @rule(seconds=SECONDS, then=st.sampled_from(["nothing", "sweep", "sweep and tick", "sweep and tick"]))
    def time_passes(self, seconds: int, then: str) -> None:
        self.system.pass_time(seconds)
        if "sweep" in then:
            tasks.sweep()
        if "tick" in then:
            tasks.tick()

    @rule()
    def sweep(self) -> None:
        tasks.sweep()

    @rule()
    def catch_up(self) -> None:
        tasks.catch_up()

    # --- People -------------------------------------------------------------------------------------------------------
    @rule(code=ONE, forever=st.sampled_from([False, False, True]), cancels=st.booleans())
    def a_person_closes_a_code(self, code: int, forever: bool, cancels: bool) -> None:
        codes.close(self.codes[code].pk, reason="Closed by hand.", forever=forever)
        if cancels:
            tasks.close_code(self.codes[code].pk)

    @rule(code=ONE)
    def a_person_reopens_a_code(self, code: int) -> None:
        self.by_a_person = True
        codes.reopen(self.codes[code].pk, trigger=Trigger.ADMIN)

    @rule(code=ONE)
    def a_code_ends_in_the_game(self, code: int) -> None:
        self.system.game.ended.add(self.codes[code].pk)

    @rule(member=NUMBER, realm=st.sampled_from([None, 7, 8]))
    def a_person_corrects_a_realm(self, member: int, realm: int | None) -> None:
        Member.objects.filter(pk=self._member(member).pk).update(realm=realm)

    @rule(member=NUMBER, opts_out=st.booleans())
    def somebody_leaves_or_comes_back(self, member: int, opts_out: bool) -> None:
        found = self._member(member)
        field = "opted_out" if opts_out else "active"
        Member.objects.filter(pk=found.pk).update(**{field: not getattr(found, field)})

    @precondition(lambda self: self.latecomers < 3)
    @rule(guild=ONE)
    def somebody_joins(self, guild: int) -> None:
        """The first of them is in the other guild as well, sooner or later."""
        self.latecomers += 1
        player = "300" if guild == 0 else "200"
        if Member.objects.filter(guild=self.guilds[guild], player_id=player).exists():
            player = f"40{self.latecomers}"
        factories.member(self.guilds[guild], player)

    def _member(self, number: int) -> Member:
        return _pick(list(Member.objects.order_by("pk")), number)

    @rule()
    def a_person_pauses_the_game(self) -> None:
        pause.pause(PROVIDER, reason="By hand.")

    @rule()
    def a_person_resumes_the_game(self) -> None:
        pause.resume(PROVIDER)

    # --- What must hold -----------------------------------------------------------------------------------------------
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
            # After a broken rule there is nothing more to be seen.
            if sys.exc_info()[1] is self.outside:
                let_everything_end(self)
        finally:
            self.system.close()


def _pick(found: list[Any], number: int) -> Any:
    return found[number % len(found)]
