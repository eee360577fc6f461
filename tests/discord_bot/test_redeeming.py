"""`/redeem` and `/stop`: officers start one run, and nobody else starts any."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, connection

from giftcodes.discord_bot import redeeming
from giftcodes.discord_bot.redeeming import redeem_now
from giftcodes.models import (
    DiscordServer,
    EventKind,
    Guild,
    Redemption,
    RedemptionEvent,
    RunState,
    Trigger,
)
from giftcodes.services import discord_officers
from giftcodes.services.discord_links import Asker
from tests.discord_bot.officers import by_account, by_role, officer, starts
from tests.discord_bot.stage import Play, Stage, callbacks, labels_of, text_of
from tests.factories import astray, gift_code, guild, member, member_redemption

START = "Redeem now"


def refusals(of: Guild) -> list[RedemptionEvent]:
    return list(RedemptionEvent.objects.filter(redemption__guild=of, kind=EventKind.REFUSED))


@pytest.mark.parametrize("how", ["account", "role"])
def test_an_officer_sees_what_will_happen_and_starts_one_run(
    play: Play, pack: Guild, how: str
) -> None:
    code = gift_code("WOLF1")
    has = member(pack, nickname="Anna")
    member_redemption(has, code, "redeemed")

    async def scenario(stage: Stage) -> None:
        person = officer(stage, how, pack)
        assert await person.offered("redeem", "code", "wolf") == ["WOLF1"]

        said = await person.slash("redeem", code="wolf1")

        assert said.ephemeral
        words = text_of(said)
        assert "Code WOLF1 for Wolves" in words
        assert "**4 members**, 1 has it" in words
        assert "Requests to the game: **3**" in words
        assert "Estimated time: **" in words
        assert starts(pack) == 0
        await stage.restart()
        done = await person.press(said, START)
        assert "Started for guild Wolves with code WOLF1" in text_of(done)
        assert "1 of 4 has it" in text_of(done) or "1 of 4 have it" in text_of(done)
        assert labels_of(done) == ["Refresh", "Stop"]
        (event,) = RedemptionEvent.objects.filter(kind=EventKind.LOCKED)
        assert event.trigger == Trigger.DISCORD
        if how == "account":
            assert event.user is not None
            assert (event.user.username, event.detail) == ("otto", "")
        else:
            assert event.user is None
            assert "rolf" in event.detail
            assert "in Discord" in event.detail
        assert set(callbacks(stage)) <= {5, 6, 8}

    play(scenario)


def test_the_preview_says_who_is_left_out_and_why(play: Play, pack: Guild) -> None:
    code = gift_code("WOLF1")
    for one in pack.members.all():
        member_redemption(one, code, "redeemed")
    astray(pack, code)

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", pack)
        said = await person.slash("redeem", code="WOLF1")
        words = text_of(said)
        assert "Remark: 1 needs correction, 3 have it" in words
        assert "1 member whom the game does not know is left out until" in words
        assert "No request would be sent now." in words
        assert labels_of(said) == [START]

    play(scenario)


def test_a_duplicate_is_refused_with_the_progress_and_journalled(play: Play, pack: Guild) -> None:
    gift_code("WOLF1")

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", pack)
        first = await person.slash("redeem", code="WOLF1")
        second = await person.slash("redeem", code="WOLF1")
        await person.press(first, START)
        refused = await person.press(second, START)
        words = text_of(refused)
        assert "is running already: 0 of 3 have it" in words
        assert "Nothing is asked twice" in words
        assert starts(pack) == 1
        (event,) = refusals(pack)
        assert "rolf" in event.detail
        # The command itself shows the run instead of a second start.
        assert labels_of(await person.slash("redeem", code="WOLF1")) == ["Refresh", "Stop"]

    play(scenario)


def test_ten_officers_at_once_start_one_run(pack: Guild) -> None:
    """The simulated Discord takes one press at a time, so the bot's function is called directly."""
    code = gift_code("WOLF1")
    DiscordServer.objects.create(guild=pack, server_id=7, name="Home", role_id=8)
    barrier = threading.Barrier(10)

    def pressed(number: int) -> str:
        asker = Asker(number, f"rolf{number}", server_id=7, role_ids=frozenset({8}))
        barrier.wait()
        try:
            return redeem_now(asker, str(pack.pk), str(code.pk)).text
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        said = list(pool.map(pressed, range(10)))
    assert sum("Started for guild" in one for one in said) == 1, said
    assert starts(pack) == 1
    assert Redemption.objects.get(guild=pack).run_number == 1
    assert len(refusals(pack)) == 9
    assert {event.detail for event in refusals(pack)} < {f"rolf{n} in Discord" for n in range(10)}


@pytest.mark.parametrize("who", ["member", "stranger", "officer of another guild"])
def test_others_start_nothing_and_learn_nothing(
    play: Play, pack: Guild, bears: Guild, who: str
) -> None:
    gift_code("WOLF1")

    async def scenario(stage: Stage) -> None:
        chief = by_role(stage, "rolf", pack)
        den = stage.server("Den")
        den.link(bears, den.role("chiefs"))
        person = (
            by_account(stage, "olga", bears)
            if who == "officer of another guild"
            else stage.person("person")
        )
        for command, options in (
            ("redeem", {"code": "WOLF1"}),
            ("redeem", {"code": "WOLF1", "guild": str(pack.pk)}),
            ("redeem", {"code": "WOLF1", "guild": "Bears"}),
            ("stop", {}),
            ("stop", {"guild": str(pack.pk)}),
        ):
            said = text_of(await person.slash(command, **options))
            assert "Only officers of the guild" in said
            assert "Wolves" not in said
            assert "Bears" not in said
        assert await person.offered("redeem", "code") == []
        assert await person.offered("redeem", "guild") == []
        assert labels_of(await chief.slash("redeem", code="WOLF1")) == [START]
        assert starts(pack) == 0

    play(scenario)


def test_who_presses_is_checked_again(play: Play, pack: Guild) -> None:
    gift_code("WOLF1")

    async def scenario(stage: Stage) -> None:
        stage.link(pack)
        person = by_account(stage, "otto", pack)
        said = await person.slash("redeem", code="WOLF1")
        pack.officers.clear()
        assert "Only officers" in text_of(await person.press(said, START))
        assert starts(pack) == 0

    play(scenario)


def test_after_unlinking_the_server_a_button_starts_nothing(play: Play, pack: Guild) -> None:
    gift_code("WOLF1")

    async def scenario(stage: Stage) -> None:
        link = stage.link(pack)
        person = by_account(stage, "otto", pack)
        said = await person.slash("redeem", code="WOLF1")
        link.delete()
        assert "Only officers" in text_of(await person.press(said, START))
        assert starts(pack) == 0

    play(scenario)


def test_an_officer_of_several_guilds_chooses_one_and_meets_no_third(
    play: Play, pack: Guild, bears: Guild
) -> None:
    gift_code("WOLF1")
    hidden = guild("Hidden", members=1)

    async def scenario(stage: Stage) -> None:
        for one in (pack, bears, hidden):
            stage.link(one)
        person = by_account(stage, "otto", pack, bears)
        said = text_of(await person.slash("redeem", code="WOLF1"))
        assert "several guilds" in said
        assert "Hidden" not in said
        assert sorted(await person.offered("redeem", "guild")) == ["Bears", "Wolves"]
        assert "for Wolves" in text_of(
            await person.slash("redeem", code="WOLF1", guild=str(pack.pk))
        )
        # A name that is mistyped, and the name of a guild that the person may not see.
        for typed in ("Wolfes", "Hidden"):
            said = text_of(await person.slash("redeem", code="WOLF1", guild=typed))
            assert f"no officer of a guild “{typed}” here" in said
            assert "choose one of these: " in said
            assert sorted(said.rstrip(".").rpartition(": ")[2].split(", ")) == ["Bears", "Wolves"]

    play(scenario)


def test_an_officer_by_role_reopens_only_what_an_officer_may(play: Play, pack: Guild) -> None:
    code = gift_code("WOLF1")
    lost = astray(pack, code)

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", pack)
        await person.press(await person.slash("redeem", code="WOLF1"), START)
        state = Redemption.objects.get(guild=pack).member_redemptions.get(member=lost).state
        assert state == "needs_correction"

    play(scenario)


def test_a_run_is_stopped_and_resumed(play: Play, pack: Guild) -> None:
    gift_code("WOLF1")

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", pack)
        assert "Nothing runs in **Wolves**" in text_of(await person.slash("stop"))
        await person.press(await person.slash("redeem", code="WOLF1"), START)
        said = await person.slash("stop")
        await stage.restart()
        done = await person.press(said, "Stop")
        assert "is stopped" in text_of(done)
        row = Redemption.objects.get(guild=pack)
        assert row.state == RunState.STOPPED
        event = RedemptionEvent.objects.get(kind=EventKind.STOP_REQUESTED)
        assert (event.trigger, "rolf" in event.detail) == (Trigger.DISCORD, True)
        shown = await person.slash("redeem", code="WOLF1")
        again = await person.press(done, "Resume")
        assert "Started" in text_of(again)
        row.refresh_from_db()
        assert row.state == RunState.RUNNING
        # A button of an earlier message says what is the case now.
        assert "is running already" in text_of(await person.press(shown, START))
        assert row.run_number == 2
        # A second run is chosen from a menu.
        gift_code("WOLF2")
        await person.press(await person.slash("redeem", code="WOLF2"), START)
        said = await person.slash("stop")
        said = await person.choose(said, str(row.pk))
        assert "WOLF1" in text_of(said)

    play(scenario)


def test_an_old_answer_does_not_stop_a_later_run(play: Play, pack: Guild) -> None:
    gift_code("WOLF1")

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", pack)
        await person.press(await person.slash("redeem", code="WOLF1"), START)
        first = await person.slash("stop")
        done = await person.press(await person.slash("stop"), "Stop")
        await person.press(done, "Resume")

        said = await person.press(first, "Stop")

        assert "a later run of" in text_of(said)
        row = Redemption.objects.get(guild=pack)
        assert (row.state, row.run_number, row.is_stopping) == (RunState.RUNNING, 2, False)

    play(scenario)


def test_a_failure_after_the_start_does_not_say_that_nothing_was_done(
    play: Play, pack: Guild, monkeypatch: pytest.MonkeyPatch
) -> None:
    gift_code("WOLF1")

    def fails(*_arguments: Any, **_options: Any) -> Any:
        raise OperationalError

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", pack)
        said = await person.slash("redeem", code="WOLF1")
        monkeypatch.setattr(redeeming, "run_of_code", fails)

        words = text_of(await person.press(said, START))

        assert starts(pack) == 1
        assert words == "Something failed here. Try again in a minute: nothing is done twice."

    play(scenario)


def test_a_closed_code_says_so_and_has_no_button(play: Play, pack: Guild) -> None:
    gift_code("WOLF1", state="closed", reason="It expired.")

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", pack)
        said = await person.slash("redeem", code="WOLF1")
        assert "It expired." in text_of(said)
        assert labels_of(said) == []

    play(scenario)


def test_with_a_slow_database_discord_hears_in_time_that_an_answer_will_come(
    play: Play, pack: Guild, monkeypatch: pytest.MonkeyPatch
) -> None:
    gift_code("WOLF1")
    here: list[Stage] = []
    heard: list[list[int]] = []
    real = discord_officers.guilds_of_server

    def slow(server_id: int) -> Any:
        heard.append(callbacks(here[0])[-1:])  # What Discord had heard when the work began.
        time.sleep(0.3)
        return real(server_id)

    async def scenario(stage: Stage) -> None:
        here.append(stage)
        person = by_role(stage, "rolf", pack)
        monkeypatch.setattr(discord_officers, "guilds_of_server", slow)
        said = await person.slash("redeem", code="WOLF1")
        said = await person.press(said, START)
        assert "Started" in text_of(said)
        assert heard[0] == [5]
        assert heard[-1] == [6]

    play(scenario)


@pytest.mark.parametrize("error", [OperationalError("password=x"), RuntimeError("a defect")])
def test_when_the_start_fails_the_person_is_told_and_a_second_press_works(
    play: Play, pack: Guild, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    gift_code("WOLF1")
    real = redeeming.start_run

    def fails(*_arguments: Any, **_options: Any) -> Any:
        monkeypatch.setattr(redeeming, "start_run", real)
        raise error

    monkeypatch.setattr(redeeming, "start_run", fails)

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", pack)
        said = await person.slash("redeem", code="WOLF1")
        words = text_of(await person.press(said, START))
        assert "Something failed here" in words
        assert "password" not in words
        said = await person.slash("redeem", code="WOLF1")
        assert "Started" in text_of(await person.press(said, START))
        assert starts(pack) == 1

    play(scenario)
