"""`/members`: the members of a guild, page by page."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcodes.discord_bot.answers import Answer, Button, Style, in_lines
from giftcodes.discord_bot.names import safe
from giftcodes.discord_bot.officers import officer_of
from giftcodes.discord_bot.paging import page_buttons, page_number
from giftcodes.discord_bot.presses import press
from giftcodes.domain.lists import joined
from giftcodes.models.game_words import place_word
from giftcodes.queries.guild_members import MemberLine, member_page
from giftcodes.queries.player_codes import place_of
from giftcodes.services.discord_links import Asker
from giftcodes.services.discord_officers import SEE_MEMBERS

SIZE = 20
#: The most characters of the search text, which must fit into a button.
MOST_OF_TEXT = 30


def members(asker: Asker, text: str, chosen: str) -> Answer:
    """Show the members whose name or player ID contains a text."""
    guild_id = str(officer_of(asker, chosen, SEE_MEMBERS).guild.pk)
    return show_members(asker, guild_id, "1", text.strip()[:MOST_OF_TEXT])


@press("members", values=3)
def show_members(asker: Asker, guild_id: str, page: str, text: str) -> Answer:
    """Show a page of the members."""
    guild = officer_of(asker, guild_id, SEE_MEMBERS).guild
    found = member_page(guild, text=text, number=page_number(page), size=SIZE)
    if not found.total:
        words = _("No member of **%(guild)s** matches “%(text)s”.") if text else ""
        words = words or _("**%(guild)s** has no members yet. Use `/import`.")
        return Answer(words % {"guild": safe(guild.name), "text": safe(text)})
    number = ngettext("%d member", "%d members", found.total) % found.total
    if found.pages > 1:
        page_words = _("page %(page)d of %(pages)d")
        page_words %= {"page": found.number, "pages": found.pages}
        number = f"{number} · {page_words}"
    lines = [number, *map(_line, found.lines)]
    parts = page_buttons("members", guild.pk, found.number, found.pages, text)
    if any(one.is_unknown or one.served.needs_you for one in found.lines):
        parts.append(Button(_("Who needs you"), "missing", (guild.pk, 1), Style.FIRST))
    return Answer(in_lines(lines), safe(guild.name), tuple(parts))


def _line(one: MemberLine) -> str:
    """A member in a line, such as `- Anna (300000001), State 1042: 5 codes, 🟠 1 needs you`."""
    member = one.member
    place = f"{place_word(member.guild.provider)} {place_of(member)}"
    words = f"- {joined([safe(member), place])}"
    if member.opted_out or not member.active:
        why = _("left out at their own wish") if member.opted_out else _("inactive")
        return f"{words}: ⚫ {why}"
    codes = ngettext("%d code", "%d codes", one.served.has) % one.served.has
    parts = [codes]
    if one.is_unknown:
        unknown = _("the game does not know the player there")
        parts.append(f"🟠 {unknown}")
    elif one.served.needs_you:
        needs = one.served.needs_you
        needs_words = ngettext("%d needs you", "%d need you", needs) % needs
        parts.append(f"🟠 {needs_words}")
    return f"{words}: {joined(parts)}"
