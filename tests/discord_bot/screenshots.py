"""`make screenshots`: what officers and members see in Discord, into docs/screenshots/discord.

simcord draws the answers of the real bot as Discord would, without the network.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from discord.http import Route
from django.contrib.auth.models import User
from django.utils import timezone
from PIL import Image, ImageOps
from playwright.async_api import async_playwright
from simcord.preview import Preview
from simcord.results import InteractionResult

from giftcodes.clients.channels import BotChannel
from giftcodes.clients.channels.discord_by_bot import with_buttons
from giftcodes.domain.outcomes import Outcome
from giftcodes.domain.sentences import reason_of
from giftcodes.models import (
    Announcement,
    Channel,
    Feed,
    GiftCode,
    Guild,
    MemberRedemption,
    RateBudget,
    Redemption,
)
from giftcodes.models.stored_setting import store
from giftcodes.notifications.channel_messages import message_of as message_of_row
from giftcodes.services.discord_links import make_code
from tests.browser.conftest import ARGUMENTS, chromium_path
from tests.browser.world import build
from tests.discord_bot.stage import Person, Play, Server, Stage, labels_of, message_of
from tests.discord_bot.test_my_players import own
from tests.factories import astray

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "screenshots" / "discord"
#: The window of Discord. A picture shows the message in it, with a border of its background.
WIDTH, HEIGHT, BORDER = 640, 1_200, 12
#: The window with a form.
FORM = (560, 380)
#: What Discord shows as a name: the bot, and the person who is an officer.
BOT, OFFICER = "Redeemer", "Amber"
NEWS = "New gift code from the developers: **SPRING77**, until Sunday. Have fun!"
LIST = """Quinn 300 000 009
🐺Rosa🐺 → 300000010 S1043
Tove 300000012 said hello today
see you tomorrow"""


@dataclass(frozen=True, slots=True)
class Place:
    """A server with the guild, and what takes pictures of it."""

    stage: Stage
    server: Server
    guild: Guild
    preview: Preview

    async def shoot(self, name: str, said: Any, person: Person) -> None:
        """Take a picture of a message or a form, as this person sees it."""
        path = FOLDER / f"{name}.png"
        if isinstance(said, InteractionResult) and said.modal is not None:
            await self.preview.screenshot(
                path, target=said, viewer=person.actor, mode="viewport", viewport=FORM
            )
        else:
            message = message_of(said) if isinstance(said, InteractionResult) else said
            # simcord calls an answer that came later edited. Discord does not.
            row = self.stage.env.backend.get_message(self.server.channel.id, message.id)
            row.edited_timestamp = None
            await self.preview.screenshot(path, target=message, viewer=person.actor)
        with Image.open(path) as picture:
            plain = picture.convert("RGB")
        framed = ImageOps.expand(plain, BORDER, plain.getpixel((0, 0)))
        framed.quantize(128).save(path, optimize=True)


def fill(user: User) -> Guild:
    """A guild of Whiteout Survival with some codes. The game does not know two of the members."""
    world = build(user=user, members=48, codes=6)
    store({"WHITEOUT_SALT": "a salt for pictures"}, user_id=None)
    for model in (Guild, GiftCode, RateBudget, Feed):
        model._default_manager.filter(provider="simulator").update(provider="whiteout")
    guild = world.guild
    guild.refresh_from_db()
    mine = MemberRedemption.objects.filter(member__guild=guild)
    mine.filter(state__in=("needs_correction", "failed", "same_type")).update(
        state="redeemed", outcome=Outcome.SUCCESS, reason="", settled_at=timezone.now()
    )
    codes = GiftCode.objects.filter(code__in=("WINTERGIFT", "SNOWDAY"))
    for name in ("Linus", "Thea"):
        astray(guild, *codes, nickname=name)
    mine.filter(state="needs_correction").update(
        outcome=Outcome.WRONG_REALM, reason=reason_of(Outcome.WRONG_REALM)
    )
    return guild


def run_of(guild: Guild, code: str) -> Redemption:
    return Redemption.objects.select_related("guild", "gift_code").get(
        guild=guild, gift_code__code=code
    )


async def posted(place: Place, run: Redemption, kind: str) -> Any:
    """The message of a run, as the worker posts it."""
    where = BotChannel(place.server.id, place.server.channel.id)
    channel, _made = Channel.objects.get_or_create(
        guild=run.guild, name="gift-codes", defaults={"address": where.address}
    )
    row = Announcement.objects.create(
        redemption=run, run_number=run.run_number, channel=channel, kind=kind
    )
    route = Route("POST", "/channels/{channel_id}/messages", channel_id=where.channel_id)
    await place.stage.env.bot.http.request(route, json=with_buttons(message_of_row(row)))
    return place.server.channel.last_message


@asynccontextmanager
async def opened(
    stage: Stage, server: Server, guild: Guild, viewers: list[Person]
) -> AsyncIterator[Place]:
    """Discord in a browser, which asks only this process."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS)
        async with stage.env.preview(
            server.channel, viewers=[one.actor for one in viewers], width=WIDTH, height=HEIGHT
        ) as preview:
            # simcord would start a Chromium that it has downloaded.
            preview._capture_manager._browser = browser
            yield Place(stage, server, guild, preview)


def shoot_discord(play: Play, admin_user: User) -> None:
    if chromium_path() is None:
        pytest.skip("No Chromium was found.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    guild = fill(admin_user)

    async def scenario(stage: Stage) -> None:
        backend: Any = stage.env.backend
        backend.clock._epoch = timezone.now()
        backend.bot_user.name = BOT
        server = stage.server("Wolves")
        chiefs = server.role("Chiefs")
        manager, officer = server.manager("Bram"), server.person(OFFICER, chiefs)
        player = server.person("Cleo")
        async with opened(stage, server, guild, [manager, officer, player]) as place:
            await show_links(place, manager, chiefs)
            await show_runs(place, officer)
            await show_members(place, officer)
            await show_players(place, player)

    play(scenario)


async def show_links(place: Place, manager: Person, chiefs: Any) -> None:
    admin = User.objects.get(username="admin")
    code = make_code(admin, place.guild)
    await place.shoot("link", await manager.slash("link", code=code, role=chiefs), manager)
    here = await manager.slash("announce here", what="all")
    await place.shoot("announce", here, manager)


async def show_runs(place: Place, officer: Person) -> None:
    await place.shoot(
        "run", await posted(place, run_of(place.guild, "FROST2026"), "started"), officer
    )
    over = await posted(place, run_of(place.guild, "WINTERGIFT"), "complete")
    await place.shoot("result", over, officer)
    await place.shoot("who", await officer.actor.click(over, label="Who is missing"), officer)
    await place.shoot("status", await officer.slash("status"), officer)
    message = await officer.actor.send(officer.channel, NEWS)
    menu = await officer.actor.context_menu(officer.channel, "Redeem this code", message)
    await place.shoot("redeem", menu, officer)
    await place.shoot("redeem-now", await officer.press(menu, labels_of(menu)[0]), officer)
    added = await officer.slash("code add", code="LANTERN8", rewards="1,000 gems")
    await place.shoot("code-add", added, officer)


async def show_members(place: Place, officer: Person) -> None:
    missing = await officer.slash("missing")
    await place.shoot("missing", missing, officer)
    form = await officer.press(missing, "Correct Linus")
    await place.shoot("missing-form", form, officer)
    await place.shoot("missing-done", await officer.fill(form, "1043"), officer)
    form = await officer.slash("import")
    await place.shoot("import", await officer.fill(form, LIST), officer)


async def show_players(place: Place, player: Person) -> None:
    await place.shoot("join", await player.slash("join", player_id="300000001"), player)
    member = place.guild.members.filter(nickname__startswith="Cleo").order_by("pk")[0]
    own(player, member)
    await place.shoot("codes", await player.slash("codes"), player)
