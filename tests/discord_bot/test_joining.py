"""`/join`: who asks is told what it means, agrees, and joins or waits for an officer."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError

from giftcodes.models import DiscordBot, Guild, JoinRequest, PlayerLink, SelfServiceEvent
from giftcodes.services import join_decisions, joining, self_service_limits
from tests.discord_bot.stage import Play, Stage, callbacks, labels_of, text_of
from tests.factories import guild, member

ANNA, BRAM = "300000001", "300000002"


def test_with_an_open_join_link_a_player_joins_at_once(play: Play, wolves: Guild) -> None:
    joining.make_join_link(wolves.pk, needs_approval=False)

    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        anna = stage.person("anna")

        said = await anna.slash("join", player_id=f"ID: {ANNA}", state="#1043", name="Anna")

        assert said.ephemeral
        assert "**Wolves**" in text_of(said)
        assert f"**{ANNA}** (Anna)" in text_of(said)
        assert "State 1043" in text_of(said)
        assert not wolves.members.exists()  # Nothing is stored before the player agrees.

        said = await anna.press(said, "I agree")

        assert "Welcome to **Wolves**" in text_of(said)
        assert labels_of(said) == []
        found = wolves.members.get()
        assert (found.player_id, found.nickname, found.realm) == (ANNA, "Anna", 1043)
        assert found.consented_on is not None
        link = PlayerLink.objects.get()
        assert (link.discord_user, link.member, link.is_confirmed) == (anna.id, found, False)
        assert not JoinRequest.objects.exists()

    play(scenario)


@pytest.mark.parametrize("has_link", [True, False])
def test_a_request_waits_for_an_officer_whose_approval_makes_the_player_theirs(
    play: Play, wolves: Guild, has_link: bool
) -> None:
    if has_link:
        joining.make_join_link(wolves.pk)
    officer = User.objects.create_user("otto")

    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        anna = stage.person("anna")

        said = await anna.press(await anna.slash("join", player_id=ANNA), "I agree")

        assert "have your request" in text_of(said)
        assert not wolves.members.exists()
        said = await anna.slash("codes")
        assert "has not decided" in text_of(said)

        request = JoinRequest.objects.get()
        assert (request.nickname, request.link.discord_name) == ("anna", "anna (@anna)")
        join_decisions.approve(wolves.pk, [request.pk], user_id=officer.pk, may_end_opt_outs=False)
        link = PlayerLink.objects.get()
        assert (link.discord_user, link.is_confirmed) == (anna.id, True)
        assert "There is no code yet" in text_of(await anna.slash("codes"))

    play(scenario)


def test_a_player_whom_the_guild_knows_waits_even_if_the_link_is_open(
    play: Play, wolves: Guild
) -> None:
    joining.make_join_link(wolves.pk, needs_approval=False)
    known = member(wolves, ANNA, nickname="The real Anna")

    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        thief = stage.person("thief")

        said = await thief.press(await thief.slash("join", player_id=ANNA), "I agree")

        assert "have your request" in text_of(said)
        for command in ("codes", "mydata", "leave"):
            assert "The real Anna" not in text_of(await thief.slash(command))
        known.refresh_from_db()
        assert (known.active, known.nickname) == (True, "The real Anna")

    play(scenario)


def test_two_presses_make_one_member_and_one_request(play: Play, wolves: Guild) -> None:
    joining.make_join_link(wolves.pk, needs_approval=False)

    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        anna, bram = stage.person("anna"), stage.person("bram")
        member(wolves, BRAM)
        for person, player, last in ((anna, ANNA, "yours in"), (bram, BRAM, "have your request")):
            first = await person.slash("join", player_id=player)
            second = await person.slash("join", player_id=player)
            await person.press(first, "I agree")

            assert last in text_of(await person.press(second, "I agree"))

        assert wolves.members.count() == 2
        assert JoinRequest.objects.count() == 1
        assert PlayerLink.objects.count() == 2
        assert SelfServiceEvent.objects.count() == 2

    play(scenario)


def test_a_button_from_before_a_restart_works(play: Play, wolves: Guild) -> None:
    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        anna = stage.person("anna")
        said = await anna.slash("join", player_id=ANNA, name="A:n:na")

        await stage.restart()

        assert "have your request" in text_of(await anna.press(said, "I agree"))
        assert JoinRequest.objects.get().nickname == "A:n:na"
        assert stage.syncs() == 1  # The commands are the same, so they are not registered again.
        DiscordBot.objects.update(commands_hash="that of another version")
        await stage.restart()
        assert stage.syncs() == 2

    play(scenario)


def test_a_press_after_the_server_was_unlinked_changes_nothing(play: Play, wolves: Guild) -> None:
    async def scenario(stage: Stage) -> None:
        linked = stage.link(wolves)
        anna = stage.person("anna")
        said = await anna.slash("join", player_id=ANNA)

        linked.delete()

        said = await anna.press(said, "I agree")
        assert "No active guild of that name is linked" in text_of(said)
        assert "Wolves" not in text_of(said)
        assert not JoinRequest.objects.exists()

    play(scenario)


def test_nothing_of_a_guild_that_is_not_linked_to_the_server_is_shown_or_taken(
    play: Play, wolves: Guild, bears: Guild
) -> None:
    foxes, asleep = guild("Foxes"), guild("Asleep", active=False)

    async def scenario(stage: Stage) -> None:
        anna = stage.person("anna")
        said = await anna.slash("join", player_id=ANNA)
        assert "No active guild of that name is linked" in text_of(said)
        stage.link(wolves)
        stage.link(foxes)
        stage.link(asleep)
        stage.server("Elsewhere").link(bears)

        assert await anna.offered("join", "guild") == ["Foxes", "Wolves"]
        assert await anna.offered("join", "guild", "bea") == []
        said = await anna.slash("join", player_id=ANNA)
        assert "several guilds: Foxes, Wolves" in text_of(said)
        for other in ("Bears", str(bears.pk), "Asleep", str(asleep.pk)):
            said = await anna.slash("join", player_id=ANNA, guild=other)
            assert "No active guild of that name is linked" in text_of(said)
        said = await anna.slash("join", player_id=ANNA, guild=str(foxes.pk))
        assert "**Foxes**" in text_of(said)

    play(scenario)


def test_what_cannot_be_read_is_refused_with_what_to_do(play: Play, wolves: Guild) -> None:
    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        anna = stage.person("anna")
        for player, state, words in (
            ("12345", "", "6 to 12 digits"),
            ("Anna", "", "digits only"),
            (ANNA, "north", "**State**: Write digits only"),
        ):
            said = await anna.slash("join", player_id=player, state=state or "1042")
            assert words in text_of(said), text_of(said)
            assert labels_of(said) == []

    play(scenario)


def test_names_cannot_mention_or_format(play: Play) -> None:
    loud = guild("**@everyone** <@1>")

    async def scenario(stage: Stage) -> None:
        stage.link(loud)
        anna = stage.person("anna")
        said = text_of(await anna.slash("join", player_id=ANNA, name="@here `x`"))
        assert "@everyone" not in said
        assert "@here" not in said
        assert "<@1>" not in said
        assert r"\*\*@" in said

    play(scenario)


def test_a_long_name_of_emoji_fits_into_the_button(play: Play, wolves: Guild) -> None:
    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        anna = stage.person("anna")
        said = await anna.slash("join", player_id="3" * 12, state="99999", name="🐺" * 40)
        assert "have your request" in text_of(await anna.press(said, "I agree"))
        assert JoinRequest.objects.get().nickname == "🐺" * 25

    play(scenario)


def test_a_discord_user_is_limited_like_an_address(
    play: Play, wolves: Guild, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_service_limits, "JOINS_OF_ADDRESS", 3)
    monkeypatch.setattr(joining, "MOST_WAITING_OF_ADDRESS", 2)

    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        anna, bram = stage.person("anna"), stage.person("bram")
        said = [
            text_of(await anna.press(await anna.slash("join", player_id=player), "I agree"))
            for player in ("300000001", "300000002", "300000003", "300000004")
        ]
        assert "have your request" in said[1]
        assert "Several of your requests" in said[2]
        assert "Try again in about" in said[3]
        said_to_bram = await bram.press(await bram.slash("join", player_id=BRAM), "I agree")
        assert "have your request" in text_of(said_to_bram)

    play(scenario)


def test_with_a_slow_database_discord_hears_in_time_that_an_answer_will_come(
    play: Play, wolves: Guild, monkeypatch: pytest.MonkeyPatch
) -> None:
    from giftcodes.discord_bot import choosing

    order: list[Any] = []
    real = choosing.guilds_of_server

    def slow(server_id: int) -> Any:
        order.append(callbacks(here[0])[-1:])  # What Discord had heard when the work began.
        time.sleep(0.3)
        return real(server_id)

    here: list[Stage] = []
    monkeypatch.setattr(choosing, "guilds_of_server", slow)

    async def scenario(stage: Stage) -> None:
        here.append(stage)
        stage.link(wolves)
        anna = stage.person("anna")
        said = await anna.slash("join", player_id=ANNA)
        said = await anna.press(said, "I agree")
        assert "have your request" in text_of(said)
        assert order == [[5], [6]]

    play(scenario)


@pytest.mark.parametrize("error", [OperationalError("password=x"), RuntimeError("a defect")])
def test_when_something_fails_the_person_is_told_and_a_second_try_works(
    play: Play, wolves: Guild, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    from giftcodes.discord_bot import joining as functions

    real = functions.ask_in_discord

    def fails(*_arguments: Any, **_options: Any) -> Any:
        monkeypatch.setattr(functions, "ask_in_discord", real)
        raise error

    monkeypatch.setattr(functions, "ask_in_discord", fails)

    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        anna = stage.person("anna")
        said = await anna.press(await anna.slash("join", player_id=ANNA), "I agree")
        assert "Something failed here" in text_of(said)
        assert str(error) not in text_of(said)
        said = await anna.press(await anna.slash("join", player_id=ANNA), "I agree")
        assert "have your request" in text_of(said)

    play(scenario)


def test_when_discord_takes_no_answer_the_bot_goes_on(play: Play, wolves: Guild) -> None:
    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        anna = stage.person("anna")
        stage.env.inject_error("POST", "/interactions/*/callback", status=404, code=10062)
        await anna.slash("join", player_id=ANNA)
        stage.env.inject_error("POST", "/webhooks/*", status=500)
        await anna.slash("join", player_id=ANNA)
        said = await anna.press(await anna.slash("join", player_id=ANNA), "I agree")
        assert "have your request" in text_of(said)

    play(scenario)


def test_a_guild_that_was_renamed_meanwhile_has_its_new_name(play: Play, wolves: Guild) -> None:
    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        anna = stage.person("anna")
        said = await anna.slash("join", player_id=ANNA, guild="wolves")
        Guild.objects.filter(pk=wolves.pk).update(name="Foxes")
        assert "**Foxes** have your request" in text_of(await anna.press(said, "I agree"))

    play(scenario)


def test_a_process_that_lost_its_lease_answers_nothing(play: Play, wolves: Guild) -> None:
    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        anna = stage.person("anna")
        said = await anna.slash("join", player_id=ANNA)

        stage.is_the_bot = False

        assert not (await anna.slash("codes")).acknowledged
        assert not (await anna.press(said, "I agree")).acknowledged
        assert not JoinRequest.objects.exists()

    play(scenario)
