"""`/announce`: an officer chooses a channel of Discord, and the page of the guild shows it."""

from __future__ import annotations

from typing import Any

import discord
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission

from giftcodes.clients.channels import BotChannel
from giftcodes.models import Alarm, Announcement, Channel, DiscordAccount, DiscordServer, Guild
from giftcodes.models.channel import MOST_CHANNELS, Tells
from tests.discord_bot.officers import by_account
from tests.discord_bot.stage import Play, Stage, text_of


def only_channel() -> Channel:
    return Channel.objects.select_related("guild").get()


def test_a_manager_chooses_a_channel_and_gets_a_test(play: Play, wolves: Guild) -> None:
    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        ping = stage.home.role("Ping")

        said = await stage.manager("boss").slash(
            "announce here", what=Tells.NEEDED.value, role=ping
        )

        assert said.ephemeral
        assert "runs of **Wolves** are announced here" in text_of(said)
        channel = only_channel()
        assert channel.bot_channel == BotChannel(stage.home.id, stage.home.channel.id)
        assert (channel.guild, channel.name, channel.is_on) == (wolves, "general", True)
        assert (channel.tells, channel.role_id) == (Tells.NEEDED, str(ping.id))
        assert Announcement.objects.get().kind == Announcement.Kind.TEST

    play(scenario)


def test_a_channel_that_is_chosen_again_is_changed(play: Play, wolves: Guild) -> None:
    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        boss = stage.manager("boss")
        await boss.slash("announce here")
        assert only_channel().tells == Tells.RUNS
        Channel.objects.update(is_on=False, role_id="900000000000000001")
        said = await boss.slash("announce here", what=Tells.ALL.value)
        assert "Changed. For **Wolves**, this channel gets" in text_of(said)
        channel = only_channel()
        assert (channel.is_on, channel.tells) == (True, Tells.ALL)
        assert channel.role_id == "900000000000000001"

    play(scenario)


def test_officers_of_this_guild_may_choose_and_others_may_not(
    play: Play, wolves: Guild, bears: Guild
) -> None:
    async def scenario(stage: Stage) -> None:
        chiefs, bear_chiefs = stage.home.role("Chiefs"), stage.home.role("Bear chiefs")
        stage.link(wolves, chiefs)
        elsewhere = stage.server("Elsewhere")
        elsewhere.link(bears)

        for name, roles in (("someone", ()), ("bear", (bear_chiefs,))):
            said = text_of(await stage.person(name, *roles).slash("announce here"))
            assert "Only officers of the guild" in said
            said = text_of(await stage.person(f"{name}2", *roles).slash("announce off"))
            assert "Only officers of the guild" in said
        boss = stage.manager("boss")
        for chosen in ("Bears", str(bears.pk)):
            said = text_of(await boss.slash("announce here", guild=chosen))
            assert "No active guild of that name is linked" in said
        assert await boss.offered("announce here", "guild") == ["Wolves"]
        assert not Channel.objects.exists()
        await stage.person("chief", chiefs).slash("announce here")
        assert only_channel().guild == wolves

    play(scenario)


def test_what_the_bot_lacks_is_named_at_once(play: Play, wolves: Guild) -> None:
    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        boss = stage.manager("boss")
        everyone = stage.home.handle.default_role
        rules = discord.PermissionOverwrite(send_messages=False, embed_links=False)
        boss.channel = stage.home.handle.create_text_channel("quiet", overwrites={everyone: rules})

        said = text_of(await boss.slash("announce here"))

        assert "may not post here yet" in said
        assert "Send Messages, Embed Links" in said
        assert not Channel.objects.exists()

    play(scenario)


def test_a_channel_is_removed_in_discord_with_its_alarm(play: Play, wolves: Guild) -> None:
    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        boss = stage.manager("boss")
        assert "announces nothing" in text_of(await boss.slash("announce off"))
        await boss.slash("announce here")
        subject = str(only_channel().pk)
        Alarm.objects.raise_once(Alarm.Kind.CHANNEL_GONE, subject, "It is gone.")
        said = await boss.slash("announce off")
        assert "Nothing of **Wolves** is announced here any more" in text_of(said)
        assert not Channel.objects.exists()
        assert not Alarm.objects.standing().exists()

    play(scenario)


def test_a_guild_has_a_limited_number_of_channels_and_everyone_is_never_mentioned(
    play: Play, wolves: Guild
) -> None:
    for number in range(MOST_CHANNELS):
        Channel.objects.create(guild=wolves, name=f"general {number}", address="json://localhost")

    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        boss = stage.manager("boss")
        said = await boss.slash("announce here")
        assert f"at most {MOST_CHANNELS} channels" in text_of(said)
        said = await boss.slash("announce here", role=stage.home.handle.default_role)
        assert "everyone" in text_of(said)
        assert Channel.objects.count() == MOST_CHANNELS

    play(scenario)


def test_the_list_of_changes_names_the_account(play: Play, wolves: Guild) -> None:
    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        person = by_account(stage, "otto", wolves)
        user = DiscordAccount.objects.get().user
        user.user_permissions.add(Permission.objects.get(codename="change_channel"))
        await person.slash("announce here")
        await person.slash("announce off")
        written = LogEntry.objects.order_by("pk").values_list("user__username", "object_repr")
        assert list(written) == [("otto", "general of Wolves"), ("otto", "Wolves")]

    play(scenario)


@pytest.mark.parametrize("name", ["general", "Runs"])
def test_a_taken_name_gets_a_number(play: Play, wolves: Guild, name: str) -> None:
    Channel.objects.create(guild=wolves, name=name, address="json://localhost")

    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        await stage.manager("boss").slash("announce here")
        names = set(Channel.objects.values_list("name", flat=True))
        assert names == {name, "general 2" if name == "general" else "general"}
        assert DiscordServer.objects.get().guild == wolves

    play(scenario)


def place(stage: Stage, **permissions: bool) -> Any:
    """A channel in which the bot lacks, or has, these permissions."""
    rules = discord.PermissionOverwrite(**permissions)
    return stage.home.handle.create_text_channel(
        "place", overwrites={stage.home.handle.default_role: rules}
    )


def test_threads_are_chosen_stay_chosen_and_are_left_out_again(play: Play, wolves: Guild) -> None:
    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        boss = stage.manager("boss")
        assert "thread" not in text_of(await boss.slash("announce here"))
        assert not only_channel().opens_threads
        said = await boss.slash("announce here", threads=True)
        assert "a thread below its message lists them" in text_of(said)
        assert only_channel().opens_threads
        await boss.slash("announce here", what=Tells.ALL.value)
        assert only_channel().opens_threads
        Alarm.objects.raise_once(Alarm.Kind.NO_THREAD, str(only_channel().pk), "It may not.")
        said = await boss.slash("announce here", threads=False)
        assert "thread" not in text_of(said)
        assert not only_channel().opens_threads
        assert not Alarm.objects.standing().exists()

    play(scenario)


def test_what_the_bot_lacks_for_threads_is_named_and_nothing_is_changed(
    play: Play, wolves: Guild
) -> None:
    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        boss = stage.manager("boss")
        boss.channel = place(stage, create_public_threads=False, send_messages_in_threads=False)

        said = text_of(await boss.slash("announce here", threads=True))

        assert "Create Public Threads, Send Messages in Threads" in said
        assert "choose False" in said
        assert not Channel.objects.exists()
        await boss.slash("announce here")
        assert not only_channel().opens_threads

    play(scenario)


def test_a_thread_can_have_no_threads(play: Play, wolves: Guild) -> None:
    async def scenario(stage: Stage) -> None:
        stage.link(wolves)
        boss = stage.manager("boss")
        boss.channel = stage.home.handle.create_voice_channel("talk")

        said = text_of(await boss.slash("announce here", threads=True))

        assert "no threads in a thread or voice channel" in said
        assert not Channel.objects.exists()

    play(scenario)
