"""What the Discord bot and the pages about it read."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from django.utils.translation import gettext

from giftcodes.domain.sentences import Sentence
from giftcodes.domain.served import Tone
from giftcodes.models import BotState, DiscordBot, GiftCode, Guild, PlayerLink, database_now
from giftcodes.models.site_settings import discord_token

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.db.models import QuerySet


class BotStanding(StrEnum):
    """Whether the bot is connected to Discord, and if not, why."""

    NO_TOKEN = "no token"  # noqa: S105 - no secret
    CONNECTED = "connected"
    CONNECTING = "connecting"
    SILENT = "silent"
    TOKEN_REFUSED = "token refused"  # noqa: S105 - no secret
    INTENTS_MISSING = "intents missing"
    UNREACHABLE = "unreachable"


_OF_STATE = {
    BotState.OFF: BotStanding.CONNECTING,
    BotState.CONNECTING: BotStanding.CONNECTING,
    BotState.CONNECTED: BotStanding.CONNECTED,
    BotState.TOKEN_REFUSED: BotStanding.TOKEN_REFUSED,
    BotState.INTENTS_MISSING: BotStanding.INTENTS_MISSING,
    BotState.UNREACHABLE: BotStanding.UNREACHABLE,
}
#: Why the bot is not connected: the keys of the sentences, which alarms store, too.
_REASONS = {
    BotStanding.CONNECTING: "bot_connecting",
    BotStanding.SILENT: "bot_silent",
    BotStanding.TOKEN_REFUSED: "bot_token_refused",
    BotStanding.INTENTS_MISSING: "bot_refused",
    BotStanding.UNREACHABLE: "bot_unreachable",
}
TONES = {
    BotStanding.NO_TOKEN: Tone.NEUTRAL,
    BotStanding.CONNECTED: Tone.GOOD,
    BotStanding.CONNECTING: Tone.BUSY,
}


@dataclass(frozen=True, slots=True)
class Bot:
    """The bot as pages and alarms describe it.

    Args:
        standing: whether the bot is connected, and if not, why.
        name: the bot's name in Discord. Empty if it never was connected.
        since: when the state began. None if there is no bot, or no process runs it.
        application_id: Discord's number of the application. None if it never was connected.
    """

    standing: BotStanding
    name: str = ""
    since: dt.datetime | None = None
    application_id: int | None = None

    @property
    def add_url(self) -> str:
        """The address at which a person adds the bot to a Discord server. Empty if not known.

        The commands need no permission in the server.
        """
        if self.application_id is None:
            return ""
        return (
            f"https://discord.com/oauth2/authorize?client_id={self.application_id}"
            "&scope=bot%20applications.commands&permissions=0"
        )

    @property
    def words(self) -> str:
        """One or two sentences: what is the case, and what to do."""
        if self.standing is BotStanding.NO_TOKEN:
            return gettext("No bot: no token is set.")
        if self.standing is BotStanding.CONNECTED:
            return gettext("Connected as {name}.").format(name=self.name)
        return Sentence.of(_REASONS[self.standing])

    @property
    def tone(self) -> Tone:
        """The tone of the words."""
        return TONES.get(self.standing, Tone.BAD)


def bot() -> Bot:
    """The state of the bot, in two statements."""
    if not discord_token():
        return Bot(BotStanding.NO_TOKEN)
    row = DiscordBot.objects.first()
    if row is None or row.lease_until is None or row.lease_until <= database_now():
        return Bot(BotStanding.SILENT)
    return Bot(_OF_STATE[BotState(row.state)], row.name, row.since, row.application_id)


# --- Guilds and players ---------------------------------------------------------------------------
def guilds_of_server(server_id: int) -> QuerySet[Guild]:
    """The active guilds that are linked to a server. A command may name no other guild."""
    return Guild.objects.active().filter(discord_servers__server_id=server_id).order_by("name")


def players_of(discord_user: int) -> list[PlayerLink]:
    """The personal links of a Discord user in all guilds, also while a request to join waits."""
    return list(PlayerLink.objects.of_discord(discord_user))


def active_codes(providers: Collection[str], typed: str, *, most: int) -> list[str]:
    """The newest active codes of these games that contain a text, in one statement."""
    codes = GiftCode.objects.active().filter(provider__in=providers, folded__contains=typed)
    found = codes.order_by("-first_seen_at", "-pk").values_list("code", flat=True)
    return list(dict.fromkeys(found[:most]))


def known_codes(provider: str, folded: Collection[str]) -> set[str]:
    """Which of these folded words are codes of a game, in one statement."""
    codes = GiftCode.objects.filter(provider=provider, folded__in=list(folded)[:2_000])
    return set(codes.values_list("folded", flat=True))
