"""`/join`: a player asks to join a guild, and agrees."""

from __future__ import annotations

from django.utils.translation import gettext as _

from giftcodes import tasks
from giftcodes.discord_bot.answers import Answer, Button, Refused, Style
from giftcodes.discord_bot.choosing import guild_of
from giftcodes.discord_bot.names import safe
from giftcodes.discord_bot.presses import press
from giftcodes.estimates.formatting import about
from giftcodes.models import Guild
from giftcodes.models.game_words import place_noun, title_of
from giftcodes.player_forms import JoinForm
from giftcodes.services.discord_links import Asker
from giftcodes.services.joining import (
    JoinResult,
    TooManyOfAddressError,
    TooManyWaitingError,
    Wish,
    ask_in_discord,
)
from giftcodes.services.self_service_limits import seconds_until_join_in_discord

_MOST_NAME = 40
_MOST_IN_BUTTON = 50


def ask(asker: Asker, player_id: str, realm: str, name: str, chosen: str) -> Answer:
    """Say what joining means, with a button to agree. Nothing is stored before it is pressed."""
    guild = guild_of(asker, chosen)
    wish = _wish(guild, player_id, realm or str(guild.realm), name)
    values = {
        "player": wish.player_id,
        "game": safe(title_of(guild.provider)),
        "Place": place_noun(guild.provider).capitalize(),
        "place": place_noun(guild.provider),
        "realm": wish.realm,
        "guild": safe(guild.name),
        "name": safe(wish.nickname),
    }
    text = (
        _(
            "You are about to join **%(guild)s** with the player **%(player)s** (%(name)s) of "
            "%(game)s, %(Place)s %(realm)s.\n"
            "- Each gift code is then redeemed for this player. The rewards come by mail in the "
            "game. In some guilds an officer decides first.\n"
            "- The player ID, the %(place)s, the name, your Discord user, and which codes the "
            "player got are stored. The officers of the guild see them.\n"
            "- You can see your codes with `/codes`, leave with `/leave`, and get your data with "
            "`/mydata`."
        )
        % values
    )
    question = _("Do you agree, and is this your own account in the game?")
    button = Button(
        _("I agree"),
        "join",
        (guild.pk, wish.player_id, wish.realm, wish.nickname),
        Style.GOOD,
    )
    return Answer(f"{text}\n\n{question}", parts=(button,))


@press("join", values=4)
def agree(asker: Asker, guild_id: str, player_id: str, realm: str, name: str) -> Answer:
    """Ask to join. The guild must still be linked to this server."""
    guild = guild_of(asker, guild_id)
    wish = _wish(guild, player_id, realm, name)
    if seconds := seconds_until_join_in_discord(asker.user_id, guild.pk):
        raise Refused(_("Too many requests. Try again in %s.") % about(seconds))
    try:
        result = ask_in_discord(guild.pk, wish, discord_user=asker.user_id, discord_name=asker.name)
    except TooManyOfAddressError:
        raise Refused(
            _(
                "Several of your requests are waiting for this guild already, so this one was not "
                "taken. Ask an officer to decide about them, then try again."
            )
        ) from None
    except TooManyWaitingError:
        raise Refused(
            _(
                "Very many requests for this guild are waiting, so yours was not taken. Ask an "
                "officer, or try again tomorrow."
            )
        ) from None
    if result is JoinResult.JOINED:
        tasks.enqueue_on_commit(tasks.catch_up, [guild.pk])
    values = {"player": wish.player_id, "guild": safe(guild.name)}
    return Answer(_RESULTS[result]() % values)


_RESULTS = {
    JoinResult.JOINED: lambda: _(
        "Welcome to **%(guild)s**. The codes that still work are redeemed for player %(player)s "
        "now. `/codes` shows how far they are."
    ),
    JoinResult.WAITS: lambda: _(
        "The officers of **%(guild)s** have your request for player %(player)s. `/codes` shows "
        "whether they have decided."
    ),
    JoinResult.IS_MEMBER: lambda: _(
        "Player %(player)s is yours in **%(guild)s** already. `/codes` shows the codes."
    ),
}


def _wish(guild: Guild, player_id: str, realm: str, name: str) -> Wish:
    """What was entered, read and checked by the rules of the join link's form.

    Raises:
        Refused: something is wrong. The text says what to do.
    """
    form = JoinForm(
        {
            "player_id": player_id,
            "realm": realm,
            "nickname": _fitting(name.strip()[:_MOST_NAME]),
            "consent": "on",
        },
        realm_word=place_noun(guild.provider),
    )
    if not form.is_valid():
        raise Refused(_first_error(form))
    entered = form.cleaned_data
    return Wish(entered["player_id"], entered["nickname"], entered["realm"])


def _fitting(name: str) -> str:
    """As much of the name as fits into a button. Discord counts an emoji as two characters."""
    while len(name.encode("utf-16-le")) > 2 * _MOST_IN_BUTTON:
        name = name[:-1]
    return name


def _first_error(form: JoinForm) -> str:
    name, errors = next(iter(form.errors.as_data().items()))
    return f"**{form.fields[name].label}**: {' '.join(errors[0].messages)}"
