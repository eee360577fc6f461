"""Codes that are not stored yet, in `/redeem` and `/code add`, and the codes of a message."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from giftcodes import tasks
from giftcodes.models import CodeProposal, GiftCode, Guild, Redemption, Trigger
from giftcodes.models.officer_rules import NewCodes, set_new_codes
from giftcodes.models.trial import trials
from giftcodes.services import code_proposals
from tests.discord_bot.officers import by_account, by_role, officer, starts
from tests.discord_bot.stage import Person, Play, Stage, labels_of, message_of, text_of
from tests.factories import astray, gift_code, guild

START = "Redeem now"


@pytest.mark.parametrize("how", ["account", "role"])
def test_a_new_code_is_added_by_the_button_and_tried_in_the_guilds_of_the_officer(
    play: Play, pack: Guild, how: str
) -> None:
    foreign = guild("Foreign", members=1)

    async def scenario(stage: Stage) -> None:
        person = officer(stage, how, pack)
        said = await person.slash("redeem", code="fresh1")
        assert "Code **fresh1** is new here" in text_of(said)
        assert "Requests to the game: **3**" in text_of(said)
        assert "if the code works" in text_of(said)
        assert not GiftCode.objects.exists()
        done = await person.press(said, "Add and redeem now")
        assert "Code fresh1 is added. Started" in text_of(done)
        code = GiftCode.objects.get()
        assert trials() == {code.pk: [pack.pk]}
        assert starts(pack) == 1
        assert not Redemption.objects.filter(guild=foreign).exists()
        version = code.history.get()
        if how == "account":
            assert version.history_user.username == "otto"
        else:
            assert version.history_change_reason == "Added in Discord."

    play(scenario)


def test_the_preview_of_a_new_code_says_who_is_left_out(play: Play, pack: Guild) -> None:
    astray(pack)

    async def scenario(stage: Stage) -> None:
        said = text_of(await by_role(stage, "rolf", pack).slash("redeem", code="fresh1"))
        assert "**4 members**" in said
        assert "Requests to the game: **3**" in said
        assert "1 member whom the game does not know is left out until" in said

    play(scenario)


def test_beyond_the_limit_an_account_proposes_and_a_role_is_refused(
    play: Play, pack: Guild, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_proposals, "CODES_OF_OFFICER", 1)

    async def scenario(stage: Stage) -> None:
        chiefs = stage.home.role("chiefs")
        stage.link(pack, chiefs)
        rolf, rita = stage.person("rolf", chiefs), stage.person("rita", chiefs)
        otto = by_account(stage, "otto", pack)
        for person, code, words in (
            (rolf, "fresh1", "is added"),
            (rita, "fresh2", "does not let you add this code now"),
            (otto, "fresh3", "is added"),
            (otto, "fresh4", "is proposed"),
            (otto, "fresh4", "proposed code fresh4 already"),
        ):
            said = await person.slash("code add", code=code)
            assert words in text_of(said), text_of(said)
        assert set(GiftCode.objects.values_list("code", flat=True)) == {"fresh1", "fresh3"}
        assert CodeProposal.objects.get().code == "fresh4"
        said = await otto.slash("redeem", code="fresh5")
        assert labels_of(said) == ["Propose the code"]
        said = await rolf.slash("redeem", code="fresh5")
        assert "does not let you add this code now" in text_of(said)
        assert labels_of(said) == []

    play(scenario)


def test_code_add_takes_an_end_and_rewards(play: Play, pack: Guild) -> None:
    set_new_codes(NewCodes.PROPOSE)

    async def scenario(stage: Stage) -> None:
        stage.link(pack)
        person = by_account(stage, "otto", pack)
        offered = await person.offered("code add", "expires", "in 7")
        assert len(offered) == 1
        for end, words in (("soon", "is not a date and time"), ("2001-01-01 10:00", "in the past")):
            said = text_of(await person.slash("code add", code="fresh1", expires=end))
            assert words in said, said
        await person.slash(
            "code add", code="fresh1", expires="2050-01-31 10:00", rewards="100 gems"
        )
        proposal = CodeProposal.objects.get()
        assert proposal.rewards == "100 gems"
        assert proposal.expires_at is not None
        assert proposal.expires_at.year == 2050
        assert "letters and digits" in text_of(await person.slash("code add", code="a b"))

    play(scenario)


def test_a_code_of_a_role_is_redeemed_in_the_guild_of_the_role_until_it_is_proven(
    play: Play, pack: Guild
) -> None:
    foreign = guild("Foreign", members=1)

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", pack)
        said = await person.slash(
            "code add", code="fresh1", expires="2050-01-31 10:00", rewards="Come to our server"
        )
        assert "Its end and its rewards were not saved" in text_of(said)
        assert "It is redeemed now" in text_of(said)
        code = GiftCode.objects.get()
        assert (code.expires_at, code.rewards, code.trial_guild) == (None, "", pack)
        tasks.fan_out(code.pk, Trigger.DISCORD, None)
        assert starts(pack) == 1
        assert starts(foreign) == 0
        GiftCode.objects.update(proven_at=code.first_seen_at)
        tasks.catch_up()
        assert starts(foreign) == 1
        # A known code is not added again, however it is spelled.
        said = await person.slash("code add", code="FRESH1")
        assert "known as fresh1" in text_of(said)
        assert GiftCode.objects.count() == 1

    play(scenario)


# --- “Redeem this code” ---------------------------------------------------------------------------
MESSAGE = """🎁 NEW GIFT CODE for everyone! 🎁
Code: WOLF1 (expires 2026-12-31)
Also try `gogoWOLF` at https://example.com/GIFT2026 — 1000 gems, <@123456789012345678>"""


def test_the_codes_of_a_message_are_offered(play: Play, pack: Guild, bears: Guild) -> None:
    gift_code("WOLF1")

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", pack)
        writer, stranger = stage.person("writer"), stage.person("stranger")
        message = await writer.actor.send(stage.home.channel, MESSAGE)
        said = await menu(person, message)
        assert said.ephemeral
        assert options_of(said) == ["WOLF1", "gogoWOLF"]
        await stage.restart()
        known = await person.choose(said, f"{pack.pk}:WOLF1")
        assert labels_of(known) == [START]
        await person.press(known, START)
        assert starts(pack) == 1
        assert "Only officers" in text_of(await menu(stranger, message))
        # One code needs no choice.
        message = await writer.actor.send(stage.home.channel, "fresh one: FRESH99!")
        said = await menu(person, message)
        done = await person.press(said, "Add and redeem now")
        assert "FRESH99 is added" in text_of(done)
        message = await writer.actor.send(stage.home.channel, "good morning, dear friends")
        assert "looks like a gift code" in text_of(await menu(person, message))

    play(scenario)


def test_codes_are_found_in_the_embeds_of_a_message(play: Play, pack: Guild) -> None:
    gift_code("WOLF1")

    async def scenario(stage: Stage) -> None:
        person = by_role(stage, "rolf", pack)
        channel: Any = stage.env.bot.get_channel(stage.home.channel.id)
        embed = discord.Embed(title="News", description="A gift for you")
        embed.add_field(name="Gift code", value="`WOLF1`")
        said = await menu(person, await channel.send(embed=embed))
        assert "Code WOLF1 for Wolves" in text_of(said)

    play(scenario)


async def menu(person: Person, message: Any) -> Any:
    return await person.actor.context_menu(person.channel, "Redeem this code", message)


def options_of(said: Any) -> list[str]:
    (row,) = message_of(said).components
    return [one["label"] for one in row["components"][0]["options"]]
