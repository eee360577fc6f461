"""`/codes`, `/leave` and `/mydata`: a person sees and changes their own players only."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from giftcodes.models import Guild, JoinRequest, Member, PlayerLink
from giftcodes.services import joining, personal_links, self_service_limits
from giftcodes.services.players import erase_in_guild, opt_out_in
from tests.discord_bot.stage import Person, Play, Stage, labels_of, message_of, text_of
from tests.factories import astray, gift_code, member, member_redemption

ANNA = "300000001"


def own(person: Person, of: Member, *, is_confirmed: bool = True) -> PlayerLink:
    """Make a member the player of a Discord user."""
    link, _token = PlayerLink.objects.issue(
        guild_id=of.guild_id,
        member=of,
        is_confirmed=is_confirmed,
        discord_user=person.id,
        discord_name="Somebody",
    )
    return link


def test_a_person_sees_which_codes_they_have_and_why_not(play: Play, wolves: Guild) -> None:
    has, lost = gift_code("HAVE1"), gift_code("LOST1")
    anna = astray(wolves, lost, nickname="Anna")
    member_redemption(anna, has, "redeemed")

    async def scenario(stage: Stage) -> None:
        person = stage.person("anna")
        own(person, anna)

        said = await person.slash("codes")

        assert said.ephemeral
        words = text_of(said)
        assert "Anna" in words
        assert "State 1042" in words
        assert words.index("Needs you") < words.index("LOST1") < words.index("You have these")
        assert words.index("You have these") < words.index("HAVE1")
        assert "does not know your player ID in state 1042" in words
        assert labels_of(said) == ["Correct my state", "Message me if I am needed", "Refresh"]

    play(scenario)


def test_the_button_corrects_the_state_and_the_code_is_tried_again(
    play: Play, wolves: Guild
) -> None:
    anna = astray(wolves, gift_code("LOST1"))

    async def scenario(stage: Stage) -> None:
        person = stage.person("anna")
        own(person, anna)
        said = await person.slash("codes")
        await stage.restart()
        form = await person.press(said, "Correct my state")
        assert form.modal is not None
        await stage.restart()  # A form that is open during a restart is not lost, either.

        done = await person.fill(form, "#1043")

        assert "Saved: State 1043. 1 code is tried again now." in text_of(done)
        anna.refresh_from_db()
        assert anna.realm == 1043
        said = await person.press(done, "Show my codes")
        assert "Being tried in State 1043" in text_of(said)
        for entered, words in (("1043", "Nothing to change"), ("north", "digits only")):
            form = await person.press(await person.slash("codes"), "Correct my state")
            assert words in text_of(await person.fill(form, entered))

    play(scenario)


def test_corrections_are_limited_as_on_the_personal_page(
    play: Play, wolves: Guild, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_service_limits, "CORRECTIONS_OF_LINK", 1)
    anna = member(wolves, ANNA)

    async def scenario(stage: Stage) -> None:
        person = stage.person("anna")
        own(person, anna)
        said = await person.slash("codes")
        for realm, words in (("1043", "Saved"), ("1044", "very often")):
            form = await person.press(said, "Correct my state")
            assert words in text_of(await person.fill(form, realm))
            # The first answer replaced the message, and the person goes back.
            said = await person.slash("codes")

    play(scenario)


def test_a_person_with_several_players_chooses_one(play: Play, wolves: Guild, bears: Guild) -> None:
    first = member(wolves, ANNA, nickname="Anna")
    second = member(bears, "300000002", nickname="Anna's farm")
    foreign = member(wolves, "300000003", nickname="Bram")

    async def scenario(stage: Stage) -> None:
        person, other = stage.person("anna"), stage.person("bram")
        own(person, first)
        farm = own(person, second)
        of_other = own(other, foreign)

        offered = await person.offered("codes", "player")
        assert len(offered) == 2
        assert not any("Bram" in one for one in offered)
        assert await person.offered("codes", "player", "farm") == [offered[1]]
        said = await person.slash("codes")
        assert "several players" in text_of(said)
        said = await person.choose(said, str(farm.pk))
        assert "Anna's farm" in text_of(said)
        for command in ("codes", "leave", "mydata"):
            said = await person.slash(command, player=str(of_other.pk))
            assert "no longer yours" in text_of(said)
            assert "Bram" not in text_of(said)

    play(scenario)


def test_a_stranger_is_told_how_to_begin(play: Play, wolves: Guild) -> None:
    member(wolves, ANNA, nickname="Anna")

    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        stranger = stage.person("stranger")
        for command in ("codes", "leave", "mydata"):
            said = text_of(await stranger.slash(command))
            assert "no player here yet" in said
            assert "Anna" not in said
        assert await stranger.offered("codes", "player") == []

    play(scenario)


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_leaving_needs_a_second_press_and_can_be_pressed_twice(
    play: Play, wolves: Guild, is_confirmed: bool
) -> None:
    anna = member(wolves, ANNA)

    async def scenario(stage: Stage) -> None:
        person = stage.person("anna")
        own(person, anna, is_confirmed=is_confirmed)
        label = "Leave me out" if is_confirmed else "Leave"
        first, second = await person.slash("leave"), await person.slash("leave")
        anna.refresh_from_db()
        assert (anna.active, anna.opted_out) == (True, False)

        for said in (first, second):
            assert "Done" in text_of(await person.press(said, label))

        anna.refresh_from_db()
        assert (anna.opted_out, anna.active) == ((True, True) if is_confirmed else (False, False))
        said = await person.slash("codes")
        assert ("left out" if is_confirmed else "not in this guild now") in text_of(said)
        stage.link(wolves)
        said = await person.press(await person.slash("join", player_id=ANNA), "I agree")
        assert "have your request" in text_of(said)
        assert PlayerLink.objects.count() == 1

    play(scenario)


def test_who_opted_out_here_takes_it_back_here_but_no_other_opt_out(
    play: Play, wolves: Guild
) -> None:
    anna = member(wolves, ANNA)

    async def scenario(stage: Stage) -> None:
        person = stage.person("anna")
        own(person, anna)
        await person.press(await person.slash("leave"), "Leave me out")
        old = await person.slash("codes")
        assert labels_of(old) == ["Take part again", "Refresh"]
        said = await person.press(await person.slash("codes"), "Take part again")
        assert "Welcome back" in text_of(said)
        anna.refresh_from_db()
        assert not anna.opted_out

        opt_out_in(Member.objects.filter(pk=anna.pk), reason="")

        assert labels_of(await person.slash("codes")) == ["Refresh"]
        assert "not made here" in text_of(await person.press(old, "Take part again"))
        anna.refresh_from_db()
        assert anna.opted_out

    play(scenario)


def test_a_waiting_request_can_be_withdrawn(play: Play, wolves: Guild) -> None:
    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        person = stage.person("anna")
        await person.press(await person.slash("join", player_id=ANNA), "I agree")
        said = await person.press(await person.slash("codes"), "Withdraw the request")
        assert "withdrawn" in text_of(said)
        assert not JoinRequest.objects.exists()
        assert not PlayerLink.objects.exists()

    play(scenario)


def test_my_data_is_the_file_of_the_personal_page(play: Play, wolves: Guild, bears: Guild) -> None:
    anna = member(wolves, ANNA, nickname="Anna")
    member(bears, ANNA, nickname="Elsewhere")

    async def scenario(stage: Stage) -> None:
        person = stage.person("anna")
        link = own(person, anna)

        said = await person.slash("mydata")

        assert message_of(said).ephemeral
        (file,) = message_of(said).attachments
        assert file.filename == "my-gift-code-data.json"
        data = json.loads(await file.read())
        expected = personal_links.download(link)
        assert data["members"][0]["nickname"] == "Anna"
        assert data["members"][0]["personal_links"][0]["discord_user"] == person.id
        assert set(data) == set(expected)
        assert "Elsewhere" not in json.dumps(data)

    play(scenario)


def test_a_player_that_no_officer_confirmed_gives_no_data_but_can_ask(
    play: Play, wolves: Guild
) -> None:
    anna = member(wolves, ANNA)

    async def scenario(stage: Stage) -> None:
        person = stage.person("anna")
        own(person, anna, is_confirmed=False)
        said = await person.slash("mydata")
        assert "must first confirm" in text_of(said)
        assert not message_of(said).attachments
        for _press in range(2):
            await person.press(await person.slash("mydata"), "Ask the officers")
        assert JoinRequest.objects.count() == 1

    play(scenario)


def test_a_player_who_was_erased_or_given_away_meanwhile_is_no_longer_theirs(
    play: Play, wolves: Guild
) -> None:
    officer = User.objects.create_user("otto")
    erased, taken = member(wolves, ANNA), member(wolves, "300000002")

    async def scenario(stage: Stage) -> None:
        person, other = stage.person("anna"), stage.person("bram")
        own(person, erased)
        own(other, taken)
        of_person, of_other = await person.slash("codes"), await other.slash("leave")

        erase_in_guild(erased, reason="")
        personal_links.end_discord(taken, user_id=officer.pk)

        assert "no longer yours" in text_of(await person.press(of_person, "Refresh"))
        assert "no longer yours" in text_of(await other.press(of_other, "Leave me out"))
        taken.refresh_from_db()
        assert not taken.opted_out

    play(scenario)


def test_players_can_be_looked_after_in_a_direct_message(play: Play, wolves: Guild) -> None:
    anna = member(wolves, ANNA, nickname="Anna")

    async def scenario(stage: Stage) -> None:
        person = stage.person("anna")
        own(person, anna)
        user = person.actor.user
        await user.send_dm("Hello")
        assert sorted(user.available_commands()) == ["codes", "iam", "leave", "mydata"]
        assert "Anna" in text_of(await user.slash("codes"))
        said = await user.slash("leave")
        assert "Done" in text_of(await user.click(message_of(said), label="Leave me out"))

    play(scenario)


def test_each_use_lets_the_link_last_for_a_year(play: Play, wolves: Guild) -> None:
    anna = member(wolves, ANNA)

    async def scenario(stage: Stage) -> None:
        person = stage.person("anna")
        link = own(person, anna)
        PlayerLink.objects.filter(pk=link.pk).update(ends_at=timezone.now() + timedelta(days=1))
        await person.slash("codes")
        link.refresh_from_db()
        assert link.ends_at > timezone.now() + timedelta(days=300)
        PlayerLink.objects.filter(pk=link.pk).update(ends_at=timezone.now())
        assert "no player here yet" in text_of(await person.slash("codes"))

    play(scenario)


def test_codes_with_the_same_cause_are_told_once(play: Play, wolves: Guild) -> None:
    anna = astray(wolves, gift_code("LOST1"), gift_code("LOST2"), nickname="Anna")

    async def scenario(stage: Stage) -> None:
        person = stage.person("anna")
        own(person, anna)
        said = text_of(await person.slash("codes"))
        assert "The game did not find your account in state 1042. Correct your state" in said
        assert "- **LOST2**, **LOST1**: Your account was not found." in said
        assert said.count("does not know your player ID") == 1
        # Without its guild, nothing can be done.
        Guild.objects.update(active=False)
        said = text_of(await person.slash("codes"))
        assert "The guild is switched off" in said
        assert "Correct your state" not in said

    play(scenario)


def test_very_many_codes_fit_into_one_answer(play: Play, wolves: Guild) -> None:
    anna = member(wolves, ANNA)
    for number in range(150):
        member_redemption(anna, gift_code(f"CODE{number:04}"), "redeemed")

    async def scenario(stage: Stage) -> None:
        person = stage.person("anna")
        own(person, anna)
        said = text_of(await person.slash("codes"))
        assert "CODE0149" in said
        assert "… +" in said

    play(scenario)


def test_a_link_of_the_web_and_a_discord_user_live_side_by_side(wolves: Guild) -> None:
    officer = User.objects.create_user("otto")
    anna = member(wolves, ANNA)
    link, _token = PlayerLink.objects.issue(
        guild_id=wolves.pk, member=anna, is_confirmed=True, discord_user=7
    )
    claimed, _token = PlayerLink.objects.issue(guild_id=wolves.pk, member=anna, discord_user=8)

    personal_links.make_for(anna, user_id=officer.pk)
    personal_links.make_for(anna, user_id=officer.pk)

    found = PlayerLink.objects.filter(member=anna).order_by("pk")
    assert [one.discord_user for one in found] == [7, None]
    assert joining.ask_in_discord(
        wolves.pk, joining.Wish(ANNA, "Anna", 1042), discord_user=9, discord_name="Nine"
    )
    assert not PlayerLink.objects.filter(pk=claimed.pk).exists()
    assert PlayerLink.objects.filter(pk=link.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_many_presses_at_once_make_one_member(wolves: Guild) -> None:
    joining.make_join_link(wolves.pk, needs_approval=False)
    wish = joining.Wish(ANNA, "Anna", 1042)
    start = threading.Barrier(6)

    def press() -> joining.JoinResult:
        start.wait()
        try:
            return joining.ask_in_discord(wolves.pk, wish, discord_user=7, discord_name="Anna")
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        presses = [pool.submit(press) for _number in range(6)]
        results = sorted(one.result().value for one in presses)

    assert results == ["is member"] * 5 + ["joined"]
    assert PlayerLink.objects.count() == 1
    assert wolves.members.count() == 1


def test_a_player_asks_for_messages_and_takes_it_back(play: Play, wolves: Guild) -> None:
    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        anna = stage.person("anna")
        anna_link = own(anna, member(wolves))

        said = await anna.slash("codes")
        assert "Message me if I am needed" in labels_of(said)
        said = await anna.press(said, "Message me if I am needed")
        assert "once a week at most" in text_of(said)
        anna_link.refresh_from_db()
        assert anna_link.next_message_at is not None
        said = await anna.press(said, "Show my codes")
        assert "No more messages" in labels_of(said)
        await stage.restart()
        said = await anna.press(said, "No more messages")
        anna_link.refresh_from_db()
        assert anna_link.next_message_at is None
        assert "no more messages" in text_of(said)

    play(scenario)
