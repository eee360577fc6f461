"""`redeem` and `stop`."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest

from giftcodes.management.commands.redeem import Command
from giftcodes.models import (
    CodeState,
    GiftCode,
    Guild,
    Heartbeat,
    MemberRedemption,
    RateBudget,
    Redemption,
    RunState,
    Source,
    Trigger,
    database_now,
)
from tests.commands.conftest import World, run
from tests.factories import gift_code, guild, member
from tests.pipeline.conftest import events, states


@pytest.fixture
def working(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Let the workers work whenever the command waits."""

    pauses = count(1)

    def work(_seconds: float) -> None:
        assert next(pauses) < 50, "The run does not end."
        world.tick()
        world.drain()

    monkeypatch.setattr(Command, "pause", staticmethod(work))
    return world


def test_a_known_code_is_started_by_the_command_line(world: World) -> None:
    wolves = guild("Wolves", members=3)
    code = gift_code("FROST")
    world.knows(wolves)
    world.has(code)

    said = run("redeem", "FROST", "--guild", "Wolves")
    world.drain()

    assert (said.status, said.out) == (0, "Started for guild Wolves with code FROST.\n")
    redemption = Redemption.objects.get()
    assert redemption.trigger == Trigger.COMMAND
    assert set(states(redemption).values()) == {"redeemed"}


def test_an_unknown_code_is_added_as_it_is_typed(world: World) -> None:
    guild("Wolves", members=1)

    said = run("redeem", " Frost2026 ", "--guild", "Wolves")

    code = GiftCode.objects.get()
    assert (code.code, code.folded, code.source, code.provider) == (
        "Frost2026",
        "frost2026",
        Source.COMMAND,
        "simulator",
    )
    assert said.lines[0].startswith("Added code Frost2026.")


def test_another_spelling_is_the_same_code(world: World) -> None:
    wolves = guild("Wolves", members=1)
    code = gift_code("Frost2026", proven_at="2026-01-01T00:00:00Z")

    said = run("redeem", "FROST2026", "--guild", "Wolves")

    assert said.lines[0] == "This code is known as Frost2026; that spelling is used."
    assert Redemption.objects.get().gift_code == code
    assert GiftCode.objects.count() == 1
    assert wolves.redemptions.count() == 1


def test_the_newest_issue_is_redeemed(world: World) -> None:
    guild("Wolves", members=1)
    gift_code("FROST", state="closed")
    newest = gift_code("FROST", issue=2)

    said = run("redeem", "frost", "--guild", "Wolves")

    assert said.status == 0
    assert Redemption.objects.get().gift_code == newest


@pytest.mark.parametrize("code", ["FROST 2026", "FROST-2026", "F" * 33, "", "ПРИВЕТ", "FROST\n"])
def test_a_text_that_cannot_be_a_code_is_refused_with_the_reason(world: World, code: str) -> None:
    guild("Wolves", members=1)

    said = run("redeem", code, "--guild", "Wolves")

    if code == "FROST\n":  # Surrounding blanks are removed.
        assert said.status == 0
        return
    assert said.status == 1
    assert "cannot be a gift code. code: " in said.err
    assert not GiftCode.objects.exists()


def test_a_duplicate_is_refused_with_its_own_message_and_exit_status(world: World) -> None:
    wolves = guild("Wolves", members=1)
    code = gift_code("FROST")
    redemption = world.begin(wolves, code)

    said = run("redeem", "FROST", "--guild", "Wolves")

    assert said.status == 2
    assert said.err == (
        "⚠️ Auto-redeem already in progress for guild Wolves with code FROST, skipping duplicate\n"
    )
    assert events(redemption) == ["locked", "refused"]
    assert not world.rings


def test_nothing_to_do_is_no_error(world: World) -> None:
    wolves = guild("Wolves", members=1)
    code = gift_code("FROST")
    world.knows(wolves)
    world.has(code)
    world.redeem(wolves, code)

    said = run("redeem", "FROST", "--guild", "Wolves")

    assert said.status == 0
    assert "Nothing to do for guild Wolves with code FROST" in said.out


def test_a_closed_code_is_not_started(world: World) -> None:
    guild("Wolves", members=1)
    gift_code("FROST", state="closed", reason="The code has expired.")

    said = run("redeem", "FROST", "--guild", "Wolves")

    assert said.status == 1
    assert "Code FROST is closed. The code has expired. An administrator can reopen it." in said.err


def test_a_named_game_that_the_guild_does_not_play_is_refused(world: World) -> None:
    guild("Wolves", members=1)

    wrong = run("redeem", "FROST", "--guild", "Wolves", "--provider", "kingshot")
    right = run("redeem", "FROST", "--guild", "Wolves", "--provider", "simulator")

    assert (wrong.status, wrong.err) == (1, "Guild Wolves plays Simulator, not Kingshot.\n")
    assert right.status == 0


def test_the_run_of_a_guild_without_members_is_over_at_once(world: World) -> None:
    guild("Wolves")

    said = run("redeem", "FROST", "--guild", "Wolves", "--wait")

    assert said.status == 0
    assert Redemption.objects.get().state == RunState.COMPLETE


# --- Waiting --------------------------------------------------------------------------------------
def test_waiting_ends_when_everybody_has_the_code(working: World) -> None:
    wolves = guild("Wolves", members=3)
    working.knows(wolves)
    working.has("FROST")

    said = run("redeem", "FROST", "--guild", "Wolves", "--wait")

    assert said.status == 0
    assert said.lines[-3:] == [
        "3 of 3 have it",
        "✓ Done, everyone has it: 3 of 3 have it.",
        "All 3 member(s) have code FROST.",
    ]


def test_waiting_names_who_was_left_out_and_why(working: World) -> None:
    wolves = guild("Wolves", members=2)
    working.knows(wolves)
    stranger = member(wolves, nickname="Stranger")
    working.has("FROST")

    said = run("redeem", "FROST", "--guild", "Wolves", "--wait")

    assert said.status == 3
    assert "1 of 3 member(s) do not have code FROST." in said.err
    assert "✗ Done, 1 needs you: 2 of 3 have it, 1 needs you." in said.lines
    reason, names = said.lines[-2:]
    assert reason.startswith("  1 needs correction: ")
    assert "Correct the member's realm" in reason
    assert names == f"    Stranger ({stranger.player_id})"


def test_a_reason_that_concerns_many_members_is_said_once(working: World) -> None:
    wolves = guild("Wolves", members=12)
    working.knows(wolves)

    said = run("redeem", "NOSUCH", "--guild", "Wolves", "--wait")

    assert said.status == 3
    assert "✗ The code does not exist: 0 of 12 have it, 12 cannot have it." in said.lines
    assert said.out.count("The game does not know this code.") <= 2
    assert "12 of 12 member(s) do not have code NOSUCH. The game does not know this" in said.err
    assert not [line for line in said.lines if line.startswith("All")]


def test_members_with_another_code_of_the_group_do_not_count_as_having_it(working: World) -> None:
    wolves = guild("Wolves", members=2)
    working.knows(wolves)
    working.has("FROST")
    working.says("SAME TYPE EXCHANGE.", err_code=40011, times=1)

    said = run("redeem", "FROST", "--guild", "Wolves", "--wait")

    assert said.status == 0
    assert "– Done: 1 of 2 have it, 1 cannot have it." in said.lines
    assert "another code of the same group" in said.lines[-1]


def test_a_member_who_left_the_guild_does_not_count(working: World) -> None:
    wolves = guild("Wolves", members=1)
    code = gift_code("FROST")
    working.knows(wolves)
    working.has(code)
    gone = member(wolves)
    redemption = working.begin(wolves, code)
    wolves.members.filter(pk=gone.pk).update(active=False)
    working.catch_up()
    working.tick()
    assert states(redemption)[gone.player_id] == "cancelled"

    said = run("redeem", "FROST", "--guild", "Wolves", "--wait")

    assert (said.status, said.lines[-1]) == (0, "All 1 member(s) have code FROST.")


def test_waiting_without_a_worker_says_so_once_and_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    wolves = guild("Wolves", members=1)
    world.knows(wolves)
    world.has("FROST")
    pauses: list[float] = []

    def work_at_last(seconds: float) -> None:
        pauses.append(seconds)
        assert len(pauses) < 50, "The run does not end."
        if len(pauses) >= 3:
            world.tick()

    monkeypatch.setattr(Command, "pause", staticmethod(work_at_last))

    said = run("redeem", "FROST", "--guild", "Wolves", "--wait")

    assert said.status == 0
    assert said.err.count("No worker is running: start `make up`.") == 1


def test_waiting_for_a_paused_game_says_why(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    guild("Wolves", members=1)
    Heartbeat.objects.create(name="tick")
    RateBudget.objects.create(
        provider="simulator", pause_kind="operator", pause_reason="Maintenance."
    )

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Command, "pause", staticmethod(interrupt))

    said = run("redeem", "FROST", "--guild", "Wolves", "--wait")

    assert "simulator is paused until it is resumed in the admin: Maintenance." in said.err


def test_ctrl_c_ends_the_waiting_and_not_the_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    guild("Wolves", members=1)

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Command, "pause", staticmethod(interrupt))

    said = run("redeem", "FROST", "--guild", "Wolves", "--wait")

    assert said.status == 130
    assert 'The run goes on; `manage.py stop FROST --guild "Wolves"` stops it.' in said.err
    assert Redemption.objects.get().state == RunState.RUNNING


# --- stop -----------------------------------------------------------------------------------------
def test_a_run_is_stopped(world: World) -> None:
    wolves = guild("Wolves", members=2)
    redemption = world.begin(wolves, gift_code("FROST"))

    said = run("stop", "frost", "--guild", "wolves")

    assert said.status == 0
    redemption.refresh_from_db()
    assert redemption.state == RunState.STOPPED
    assert events(redemption) == ["locked", "stop", "unlocked"]
    assert redemption.events.get(kind="stop").trigger == Trigger.COMMAND


def test_a_request_under_way_ends_before_the_stop_takes_effect(world: World) -> None:
    wolves = guild("Wolves", members=2)
    redemption = world.begin(wolves, gift_code("FROST"))
    redemption.member_redemptions.filter(
        pk=redemption.member_redemptions.order_by("pk")[0].pk
    ).update(state="in_flight", token=1)

    run("stop", "FROST", "--guild", "Wolves")

    redemption.refresh_from_db()
    assert redemption.is_stopping


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (
            ("NEVER", "--guild", "Wolves"),
            "There is no code “NEVER” of Simulator. There are: FROST, OTHER.",
        ),
        (("FROTS", "--guild", "Wolves"), "Did you mean: FROST?"),
        (("FROST", "--guild", "Cats"), "There is no guild “Cats”. There are: Wolves."),
        (("OTHER", "--guild", "Wolves"), "Code OTHER was never redeemed for guild Wolves"),
        (("FROST", "--guild", "Wolves"), "There is nothing to stop: FROST for Wolves is finished."),
    ],
)
def test_a_stop_that_cannot_be_made_is_refused_with_the_reason(
    world: World, words: tuple[Any, ...], reason: str
) -> None:
    wolves = guild("Wolves")
    world.redeem(wolves, gift_code("FROST"))
    gift_code("OTHER")

    said = run("stop", *words)

    assert said.status == 1
    assert reason in said.err


# --- --dry-run ------------------------------------------------------------------------------------
def test_a_dry_run_says_for_each_member_what_would_happen_and_why(world: World) -> None:
    wolves, bears = guild("Wolves"), guild("Bears")
    code = gift_code("FROST")
    for player, name in (
        ("1001", "Has it"),
        ("1002", "Wrong realm"),
        ("1003", "Elsewhere"),
        ("1004", "Opted out"),
    ):
        member(wolves, player, nickname=name)
    member(wolves, "1005", nickname="Left", active=False)
    member(bears, "1003")
    world.knows(wolves, bears)
    world.game.merge({"players": {"1002": {"realm": 7}}})
    world.has(code)
    world.redeem(bears, code)
    wolves.members.filter(player_id="1004").update(opted_out=True)
    world.redeem(wolves, code)
    member(wolves, "1006", nickname="New")
    before = list(MemberRedemption.objects.order_by("pk").values())

    found = json.loads(run("redeem", "frost", "--guild", "Wolves", "--dry-run", "--json").out)
    shown = run("redeem", "FROST", "--guild", "Wolves", "--dry-run")

    assert found["refusal"] == ""
    assert {one["nickname"]: (one["is_asked"], one["words"]) for one in found["members"]} == {
        "Has it": (False, "has the code: redeemed"),
        "Wrong realm": (
            True,
            f"once more: {MemberRedemption.objects.get(player_id='1002').reason}",
        ),
        "Elsewhere": (False, "has the code through guild Bears"),
        "Opted out": (False, "has opted out"),
        "Left": (False, "has left the guild"),
        "New": (True, "for the first time"),
    }
    assert "Requests would be sent for 2 of 6 member(s). Nothing was changed." in shown.lines
    assert list(MemberRedemption.objects.order_by("pk").values()) == before
    asked = len(world.requests)
    world.redeem(wolves, code, Trigger.COMMAND)
    world.breathe()
    assert {request["player"] for request in world.requests[asked:]} == {"1002", "1006"}, (
        "the dry run named these members"
    )


def test_a_dry_run_during_a_run_says_that_the_start_would_be_refused(world: World) -> None:
    wolves = guild("Wolves", members=2)
    world.begin(wolves, gift_code("FROST"))

    said = run("redeem", "FROST", "--guild", "Wolves", "--dry-run")

    assert said.status == 2
    assert "already in progress" in said.err
    assert "waits already" in said.out


@pytest.mark.parametrize("obstacle", ["stopping", "code probed", "guild inactive"])
def test_a_dry_run_refuses_a_run_in_progress_as_the_start_does_whatever_the_obstacle(
    world: World, obstacle: str
) -> None:
    wolves, code = guild("Wolves", members=2), gift_code("FROST")
    redemption = world.begin(wolves, code)
    if obstacle == "stopping":
        Redemption.objects.filter(pk=redemption.pk).update(stop_requested_at=database_now())
    elif obstacle == "code probed":
        GiftCode.objects.filter(pk=code.pk).update(state=CodeState.PROBING)
    else:
        Guild.objects.filter(pk=wolves.pk).update(active=False)

    asked = run("redeem", "FROST", "--guild", "Wolves", "--dry-run")
    started = run("redeem", "FROST", "--guild", "Wolves")

    assert (asked.status, started.status) == (2, 2)
    assert asked.err == f"The start would be refused: {started.err}"


def test_a_dry_run_of_an_unknown_code_does_not_add_it(world: World) -> None:
    guild("Wolves", members=2)

    said = run("redeem", "BRANDNEW", "--guild", "Wolves", "--dry-run")

    assert said.status == 0
    assert "Requests would be sent for 2 of 2 member(s)." in said.out
    assert not GiftCode.objects.exists()
