"""The buttons below the message of a run, as the worker sends it."""

from __future__ import annotations

from typing import Any

import pytest
from discord.http import Route

from giftcodes.clients.channels import BotChannel
from giftcodes.clients.channels import Message as SentMessage
from giftcodes.clients.channels.discord_by_bot import with_buttons
from giftcodes.discord_bot.commands import COMMANDS
from giftcodes.discord_bot.presses import PRESSES
from giftcodes.domain import press_ids
from giftcodes.models import (
    Announcement,
    Channel,
    EventKind,
    GiftCode,
    Guild,
    Redemption,
    RedemptionEvent,
    RunState,
    Trigger,
    database_now,
)
from giftcodes.notifications.channel_messages import message_of as message_of_row
from giftcodes.notifications.threads import list_message, needs_of
from tests.discord_bot.officers import by_account, by_role
from tests.discord_bot.stage import Person, Play, Stage, labels_of, text_of
from tests.factories import gift_code, guild, member, member_redemption


@pytest.fixture
def pack(transactional_db: None) -> Guild:
    return guild("Wolves")


async def posted(stage: Stage, run: Redemption, kind: str) -> Any:
    """The message of a run in the first server's channel, as the worker posts it."""
    place = BotChannel(stage.home.id, stage.home.channel.id)
    channel, _made = Channel.objects.get_or_create(
        guild=run.guild, name="runs", defaults={"address": place.address}
    )
    row = Announcement.objects.create(
        redemption=run, run_number=run.run_number, channel=channel, kind=kind
    )
    return await sent(stage, message_of_row(row))


async def sent(stage: Stage, message: SentMessage) -> Any:
    """A message in the first server's channel."""
    route = Route("POST", "/channels/{channel_id}/messages", channel_id=stage.home.channel.id)
    await stage.env.bot.http.request(route, json=with_buttons(message))
    return stage.home.channel.last_message


def running(of: Guild, code: GiftCode) -> Redemption:
    """A run under way, in which Anna waits."""
    anna = member(of, nickname="Anna")
    member_redemption(anna, code, "pending")
    Redemption.objects.update(
        state=RunState.RUNNING, trigger=Trigger.POLL, locked_at=database_now()
    )
    return Redemption.objects.select_related("guild", "gift_code").get(gift_code=code)


def over(of: Guild, code: GiftCode) -> Redemption:
    """A run that is over. Ben has the code, and the game does not know *Carl*."""
    member_redemption(member(of, nickname="Ben"), code, "redeemed")
    member_redemption(
        member(of, nickname="*Carl*"), code, "needs_correction", reason="Wrong realm."
    )
    return Redemption.objects.select_related("guild", "gift_code").get(gift_code=code)


def officer(stage: Stage, how: str, of: Guild) -> Person:
    if how == "role":
        return by_role(stage, "rolf", of)
    stage.link(of)
    return by_account(stage, "otto", of)


def test_every_button_of_a_message_has_its_function() -> None:
    assert COMMANDS
    names = (press_ids.RUN_NOW, press_ids.STOP_RUN, press_ids.WHO_IS_MISSING)
    names += (press_ids.WHO_NEEDS_YOU,)
    assert all(not PRESSES[name].in_place for name in names)
    assert {press_ids.SHOW_CODES, press_ids.NO_MESSAGES} <= set(PRESSES)


@pytest.mark.parametrize("how", ["account", "role"])
def test_an_officer_stops_the_run_of_a_message_also_after_a_restart(
    play: Play, pack: Guild, how: str
) -> None:
    code = gift_code("WOLF1")
    run = running(pack, code)

    async def scenario(stage: Stage) -> None:
        person = officer(stage, how, pack)
        message = await posted(stage, run, "started")
        await stage.restart()

        said = await person.actor.click(message, label="Stop")

        assert said.ephemeral
        assert "WOLF1" in text_of(said)
        run.refresh_from_db()
        assert run.state == RunState.STOPPED
        stop = RedemptionEvent.objects.get(kind=EventKind.STOP_REQUESTED)
        assert stop.trigger == Trigger.DISCORD
        assert (stop.user is not None) == (how == "account")
        assert ("rolf" in stop.detail) == (how == "role")
        said = await person.actor.click(message, label="Stop")
        assert "nothing to stop" in text_of(said)
        assert RedemptionEvent.objects.filter(kind=EventKind.STOP_REQUESTED).count() == 1

    play(scenario)


def test_an_old_message_does_not_stop_a_later_run(play: Play, pack: Guild) -> None:
    run = running(pack, gift_code("WOLF1"))

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", pack)
        message = await posted(stage, run, "started")
        Redemption.objects.update(run_number=2)
        said = await person.actor.click(message, label="Stop")
        assert "a later run of" in text_of(said)
        run.refresh_from_db()
        assert run.state == RunState.RUNNING
        assert run.stop_requested_at is None

    play(scenario)


def test_an_officer_sees_who_is_missing_and_why(play: Play, pack: Guild) -> None:
    run = over(pack, gift_code("WOLF1"))

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", pack)
        message = await posted(stage, run, "complete")
        assert [one.label for row in message.components for one in row.children] == [
            "Redeem now",
            "Who is missing",
        ]

        said = await person.actor.click(message, label="Who is missing")

        assert said.ephemeral
        words = text_of(said)
        assert "Without code WOLF1 in Wolves" in words
        assert "1 needs you" in words
        assert "\\*Carl\\*" in words
        assert "Wrong state." in words
        assert "Ben" not in words
        assert labels_of(said) == ["Who needs you"]

    play(scenario)


def test_the_button_in_a_thread_shows_who_needs_what_with_the_buttons_of_missing(
    play: Play, pack: Guild, bears: Guild
) -> None:
    for number in range(3):
        member(pack, nickname=f"Ben {number}")
    carl = member(pack, nickname="*Carl*", refused_at=database_now(), refused_realm=pack.realm)
    code = gift_code("WOLF1")
    member_redemption(carl, code, "needs_correction")
    run = Redemption.objects.select_related("guild", "gift_code").get(gift_code=code)

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", pack)
        listed = await sent(stage, list_message(needs_of(run), pack.pk))
        await stage.restart()

        said = await person.actor.click(listed, label="Who needs you")

        assert said.ephemeral
        assert "The game does not know **1** of 4 members" in text_of(said)
        assert "Correct *Carl*" in labels_of(said)
        assert "1 member needs you." in stage.home.channel.last_message.embeds[0].description
        for other in (stage.person("stranger"), by_role(stage, "bea", bears)):
            said = await other.actor.click(listed, label="Who needs you")
            assert said.ephemeral
            assert "Only officers of the guild may do this" in text_of(said)
            assert "Carl" not in text_of(said)

    play(scenario)


def test_redeem_now_says_first_what_it_will_do_and_starts_one_run(play: Play, pack: Guild) -> None:
    run = over(pack, gift_code("WOLF1"))
    member(pack, nickname="Dora")

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", pack)
        message = await posted(stage, run, "complete")

        said = await person.actor.click(message, label="Redeem now")

        assert said.ephemeral
        assert "Requests to the game: **2**" in text_of(said)
        assert not RedemptionEvent.objects.exists()
        said = await person.press(said, "Redeem now")
        assert RedemptionEvent.objects.filter(kind=EventKind.LOCKED).count() == 1
        again = await person.actor.click(message, label="Redeem now")
        assert "unning" in text_of(again)
        assert RedemptionEvent.objects.filter(kind=EventKind.LOCKED).count() == 1

    play(scenario)


def test_nobody_but_officers_of_the_guild_learns_or_does_anything(
    play: Play, pack: Guild, bears: Guild
) -> None:
    run = running(pack, gift_code("WOLF1"))
    ended = over(pack, gift_code("WOLF2"))

    async def scenario(stage: Stage) -> None:
        stage.link(pack)
        stranger, bear = stage.person("stranger"), by_role(stage, "bea", bears)
        started = await posted(stage, run, "started")
        complete = await posted(stage, ended, "complete")
        presses = [(started, "Stop"), (started, "Who is missing"), (complete, "Redeem now")]
        for person in (stranger, bear):
            for message, label in presses:
                said = await person.actor.click(message, label=label)
                assert said.ephemeral
                words = text_of(said)
                assert "Only officers of the guild may do this" in words
                for secret in ("Wolves", "WOLF", "Anna", "Carl"):
                    assert secret not in words
        run.refresh_from_db()
        assert run.stop_requested_at is None
        assert not RedemptionEvent.objects.exists()

    play(scenario)


@pytest.mark.parametrize("is_forged", [False, True])
def test_a_press_never_replaces_a_message_that_others_read(
    play: Play, pack: Guild, is_forged: bool
) -> None:
    run = running(pack, gift_code("FROST2026"))

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", pack)
        message = await posted(stage, run, "started")
        if is_forged:
            forged = {"type": 2, "style": 1, "label": "x", "custom_id": f"rd:members:{pack.pk}:1:"}
            rows = [{"type": 1, "components": [forged]}]
            route = Route("POST", "/channels/{channel_id}/messages", channel_id=person.channel.id)
            await stage.env.bot.http.request(route, json={"content": "Runs", "components": rows})
            said = await person.actor.click(person.channel.last_message, label="x")
        else:
            said = await person.actor.click(message, label="Who is missing")
        assert said.ephemeral
        assert "Anna" in text_of(said)
        public = person.channel.last_message
        assert "Anna" not in str([public.content, public.embeds])

    play(scenario)
