"""`/status`: what runs, the newest codes, who needs a person, and the game."""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcodes.discord_bot.answers import Answer, Button, Style, in_lines
from giftcodes.discord_bot.missing import unclear_words
from giftcodes.discord_bot.names import moment, safe
from giftcodes.discord_bot.officers import officer_of
from giftcodes.discord_bot.presses import press
from giftcodes.discord_bot.redeeming import left_words
from giftcodes.estimates import formatting
from giftcodes.estimates.queue_snapshot import Outlooks, read_outlooks
from giftcodes.models import Guild, Member
from giftcodes.queries.guild_board import daily, runs_of, waiting_requests
from giftcodes.queries.needs import unknown_by_guild
from giftcodes.queries.overview import game_now
from giftcodes.queries.served import RedemptionServed
from giftcodes.services.discord_links import Asker
from giftcodes.services.discord_officers import SEE_MEMBERS, SEE_RUNS

_MOST_RUNNING, _MOST_RECENT = 8, 8


def status(asker: Asker, chosen: str) -> Answer:
    """Show how a guild is doing."""
    guild = officer_of(asker, chosen, SEE_RUNS, SEE_MEMBERS).guild
    return show_status(asker, str(guild.pk))


@press("status", values=1)
def show_status(asker: Asker, guild_id: str) -> Answer:
    """Show how a guild is doing now."""
    guild = officer_of(asker, guild_id, SEE_RUNS, SEE_MEMBERS).guild
    outlooks = read_outlooks()
    runs = runs_of(guild, most_running=_MOST_RUNNING, most_recent=_MOST_RECENT)
    lines = [_bold(_("Running"))]
    lines += [_of_run(one, outlooks) for one in runs.running] or [_("Nothing runs now.")]
    if runs.has_more:
        lines.append(_("There are more runs: `/stop` lists them."))
    lines += ["", _bold(_("Newest codes"))]
    lines += [_of_code(one) for one in runs.recent] or [_("No code was redeemed yet.")]
    needs = _needs(guild)
    lines += ["", _bold(_("Needs you")), *(needs or [_("Nothing needs you now.")])]
    lines += ["", _bold(_("The game")), *_game(guild, outlooks)]
    parts = [Button(_("Refresh"), "status", (guild.pk,))]
    if needs:
        parts.append(Button(_("Who needs you"), "missing", (guild.pk, 1), Style.FIRST))
    return Answer(in_lines(lines), safe(guild.name), tuple(parts))


def _bold(words: str) -> str:
    return f"**{words}**"


def _of_run(one: RedemptionServed, outlooks: Outlooks) -> str:
    left = left_words(one, outlooks.by_redemption.get(one.redemption.pk))
    code = safe(one.redemption.gift_code)
    return f"- {one.result.icon} **{code}**: {one.served.all_words}{left}"


def _of_code(one: RedemptionServed) -> str:
    code = safe(one.redemption.gift_code)
    return f"- {one.result.icon} **{code}**: {one.served.words} – {one.result.words}"


def _needs(guild: Guild) -> list[str]:
    """What needs a person, in numbers."""
    found = []
    if number := unknown_by_guild(Member.objects.filter(guild=guild)).get(guild.pk, 0):
        words = ngettext(
            "- The game does not know %d member.", "- The game does not know %d members.", number
        )
        found.append(words % number)
    if number := waiting_requests(guild):
        words = ngettext(
            "- %d player asks to join. Decide on the guild's page, under “How players join”.",
            "- %d players ask to join. Decide on the guild's page, under “How players join”.",
            number,
        )
        found.append(words % number)
    if words := unclear_words(guild):
        found.append(f"- {words}")
    return found


def _game(guild: Guild, outlooks: Outlooks) -> list[str]:
    """The pace and the pause of the guild's game.

    The numbers of requests are left out, because they tell what other guilds do.
    """
    game = game_now(guild.provider, outlooks) if guild.active else None
    if game is None:
        return [_("No code is redeemed for this guild now.")]
    title = safe(game["title"])
    if not game["is_on"]:
        words = _("**%s** is not connected. No code is redeemed until it is connected.")
        return [words % title]
    lines = [f"**{title}**: {formatting.pace_words(game['budget'])}"]
    if pause := game["pause"]:
        until = pause["until"] and moment(dt.datetime.fromisoformat(pause["until"]))
        again = _("It is tried again %s.") % until if until else ""
        words = _("The game is paused.")
        again = again or _("The pause lasts until a person resumes the game.")
        lines.append(f"{words} {again}")
    elif game["connection"]["state"] == "unreachable":
        lines.append(_("The game cannot be used now."))
    waiting = daily(guild)
    if waiting["number"]:
        words = ngettext(
            "%d member is not eligible for a code now, and is tried again every day.",
            "%d members are not eligible for a code now, and are tried again every day.",
            waiting["number"],
        )
        lines.append(words % waiting["number"])
        if waiting["at"]:
            lines.append(_("The next try is %s.") % moment(waiting["at"]))
    return lines
