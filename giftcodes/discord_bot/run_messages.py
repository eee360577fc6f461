"""The buttons below the message of a run, and the one below the list in its thread.

Everyone in the channel sees the buttons. Each press checks whether the person is an officer of the
guild, and only this person sees the answer.
"""

from __future__ import annotations

from itertools import groupby

from django.utils.translation import gettext as _

from giftcodes.discord_bot import missing, redeeming
from giftcodes.discord_bot.answers import Answer, Button, in_lines
from giftcodes.discord_bot.names import safe, safe_words
from giftcodes.discord_bot.officers import officer_of
from giftcodes.discord_bot.presses import press
from giftcodes.domain.press_ids import RUN_NOW, STOP_RUN, WHO_IS_MISSING, WHO_NEEDS_YOU
from giftcodes.domain.served import Share
from giftcodes.queries.missing import Missing, missing_in
from giftcodes.queries.served import RedemptionServed
from giftcodes.services.discord_links import Asker
from giftcodes.services.discord_officers import REDEEM, SEE_MEMBERS


@press(RUN_NOW, values=2, in_place=False)
def run_now(asker: Asker, guild_id: str, redemption_id: str) -> Answer:
    """Say what another run will do, with a button that starts it."""
    officer = officer_of(asker, guild_id, REDEEM)
    return redeeming.preview_of(
        officer, redeeming.run_shown(officer, redemption_id).redemption.gift_code
    )


@press(STOP_RUN, values=3, in_place=False)
def stop_run(asker: Asker, guild_id: str, redemption_id: str, run_number: str) -> Answer:
    """Stop the run of the message. A later run of the same code goes on."""
    return redeeming.stop_now(asker, guild_id, redemption_id, run_number)


@press(WHO_IS_MISSING, values=2, in_place=False)
def who_is_missing(asker: Asker, guild_id: str, redemption_id: str) -> Answer:
    """List the members without the code, with the reasons. Those who need a person come first."""
    officer = officer_of(asker, guild_id, SEE_MEMBERS)
    run = redeeming.run_shown(officer, redemption_id)
    code, guild = run.redemption.gift_code, officer.guild
    title = _("Without code %(code)s in %(guild)s") % {"code": code, "guild": safe(guild.name)}
    rows = missing_in(run.redemption)
    if not rows:
        return Answer(_("Nobody is missing: %s.") % run.served.words, title)
    parts = []
    if run.served.needs_you:
        parts.append(Button(_("Who needs you"), "missing", (guild.pk, 1)))
    return Answer(in_lines(_lines(run, rows)), title, tuple(parts))


@press(WHO_NEEDS_YOU, values=1, in_place=False)
def who_needs_you(asker: Asker, guild_id: str) -> Answer:
    """Show who needs what now, as `/missing` does, with the buttons to correct it."""
    return missing.show_missing(asker, guild_id, "1")


def _lines(run: RedemptionServed, rows: list[Missing]) -> list[str]:
    words = dict(run.served.parts)
    lines: list[str] = []
    for share, some in groupby(rows, key=lambda one: one.share):
        lines.append(f"**{words.get(share, share.value)}**")
        by_reason: dict[str, list[str]] = {}
        for one in some:
            why = one.why if share is not Share.WAITING else ""
            by_reason.setdefault(why, []).append(safe(one.member))
        for why, members in by_reason.items():
            if why:
                lines.append(safe_words(why))
            lines += [f"- {member}" for member in members]
    return lines
