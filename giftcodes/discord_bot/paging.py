"""Buttons that lead to the pages of an answer."""

from __future__ import annotations

from django.utils.translation import gettext as _

from giftcodes.discord_bot.answers import Button
from giftcodes.domain.numbers import row_id


def page_number(text: str) -> int:
    """The page in the values of a button."""
    return row_id(text) or 1


def page_buttons(
    action: str, guild_id: int, number: int, pages: int, *rest: object
) -> list[Button]:
    """The buttons to the pages before and after this one.

    Args:
        action: the name of the function that shows a page. Its values: guild, page and `rest`.
        guild_id: the guild.
        number: this page, from 1.
        pages: the number of pages.
        rest: further values.
    """
    found = []
    if number > 1:
        found.append(Button(_("Back"), action, (guild_id, number - 1, *rest)))
    if number < pages:
        found.append(Button(_("Next"), action, (guild_id, number + 1, *rest)))
    return found
