"""The messages of alarms: what happened, and what to do."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from giftcodes.domain.sentences.text import Text

#: Parts of messages.
_PARTS = {
    "minutes": Text(ngettext_lazy("%(number)s minute", "%(number)s minutes", "number")),
    "hours": Text(ngettext_lazy("%(number)s hour", "%(number)s hours", "number")),
    "days": Text(ngettext_lazy("%(number)s day", "%(number)s days", "number")),
    "feed_of_game": Text(_("The feed of %(game)s")),
    "feed_by_name": Text(_("The feed “%(name)s” of %(game)s")),
    "feed_not_polled": Text(_("it is not polled.")),
    "one_code": Text(_("code %(code)s")),
    "some_codes": Text(_("the codes %(codes)s")),
    "many_codes": Text(
        ngettext_lazy(
            "the codes %(codes)s and %(more)s more",
            "the codes %(codes)s and %(more)s more",
            "more",
        )
    ),
}

# `time` is such as `30 minutes`, `feed` such as `The feed of Kingshot`, and `why` is a sentence.
_OF_GAMES = {
    "feed_silent": Text(_("%(feed)s has failed or been silent for %(time)s: %(why)s")),
    "feed_distrusted": Text(
        _(
            "%(feed)s has listed %(number)s codes in a row that the game does not know. New codes "
            "of this feed wait for an administrator, and other feeds go on. Open the feed's page: "
            "trust the feed again, let its codes wait, or switch it off."
        )
    ),
    "code_odd": Text(
        _(
            "The game's answer for code %(code)s is unclear: %(answer)s. The code is held back, "
            "and other codes go on. Look at the code's requests. Then close the code, or press "
            "“Redeem now” to try again."
        )
    ),
    "directory_without_key": Text(
        _(
            "The directory of players of %(game)s refuses our key, and no player is looked up: "
            "%(why)s"
        )
    ),
    "directory_failing": Text(
        _("The directory of players of %(game)s has given no good answer for %(time)s: %(why)s")
    ),
}

_OF_GUILDS = {
    "guild_without_members": Text(
        _(
            "Guild %(guild)s redeems automatically, but has no members. Add its members, or switch "
            "the guild off."
        )
    ),
    "guild_uncovered": Text(
        _(
            "Guild %(guild)s has waited for %(time)s for a run of an active code, although its "
            "game works."
        )
    ),
    # `codes` is such as `code FROST` or `the codes FROST, SNOW and 3 more`.
    "guild_unserved": Text(
        _(
            "No member of guild %(guild)s got %(codes)s, although members of other guilds did. The "
            "game does not know these players: check their player IDs, and the state or kingdom. "
            "The alarm ends when one member gets a code."
        )
    ),
    "members_uncorrected": Text(
        ngettext_lazy(
            "The game has not known %(number)s member of guild %(guild)s for %(days)s days or "
            "longer. Correct the player ID, or the state or kingdom, and every code is tried at "
            "once. If a member has left, make the member inactive.",
            "The game has not known %(number)s members of guild %(guild)s for %(days)s days or "
            "longer. Correct the player ID, or the state or kingdom, and every code is tried at "
            "once. If a member has left, make the member inactive.",
            "number",
        )
    ),
    "channel_takes_nothing": Text(
        _(
            "The channel “%(channel)s” of guild %(guild)s takes no messages: %(why)s Redeeming "
            "goes on."
        )
    ),
    "channel_silent": Text(
        _(
            "The channel “%(channel)s” of guild %(guild)s has taken no message for %(time)s: "
            "%(why)s It is tried again. Redeeming goes on."
        )
    ),
    "channel_without_thread": Text(
        _(
            "In the channel “%(channel)s” of guild %(guild)s, the members who need a person could "
            "not be listed in a thread: %(why)s The channel's messages are still sent."
        )
    ),
    "end_in_doubt": Text(
        _(
            "It is unknown whether the channel “%(channel)s” of guild %(guild)s shows that the run "
            "of %(code)s is over: %(why)s"
        )
    ),
}

_OF_THE_SYSTEM = {
    "beat_silent": Text(
        _(
            "Celery beat or the workers have not run for %(seconds)s s, so nothing is redeemed. "
            "Start `%(command)s`, and look at its log."
        )
    ),
    "step_fails": Text(
        _(
            "The step “%(step)s” fails for %(item)s (%(error)s). Everything else is handled, "
            "and this item is tried again each time. Look at this item."
        )
    ),
    "bot_not_connected": Text(
        _("The Discord bot has had no connection for %(time)s. %(why)s Redeeming goes on.")
    ),
    # Why it is not connected. The pages of the bot say it, too.
    "bot_connecting": Text(_("Connecting to Discord.")),
    "bot_silent": Text(
        _(
            "Not connected: no process runs the bot. The command “make up” or “redeemer up” starts "
            "it within some seconds. With compose.yaml, start the service discord-bot."
        )
    ),
    "bot_token_refused": Text(
        _(
            "Not connected: Discord refuses the token. Enter the token that the developer portal "
            "shows on the page “Bot”."
        )
    ),
    "bot_refused": Text(
        _(
            "Not connected: Discord refuses the bot. In the developer portal, look whether the "
            "application still exists and is not restricted."
        )
    ),
    "bot_unreachable": Text(
        _("Not connected: Discord cannot be reached. The bot tries again by itself.")
    ),
}

TEXTS = {**_PARTS, **_OF_GAMES, **_OF_GUILDS, **_OF_THE_SYSTEM}
