"""The tabs of a guild's page, and the parts that all of them share.

Each tab is a page with an address of its own, so it can be bookmarked, opened in a new window, and
reached by keyboard and without JavaScript.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common.html import guild_url
from giftcodes.admin.guilds import joining
from giftcodes.admin.guilds.next_steps import may_hide, needed_of, next_of, steps_of

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.utils.functional import _StrPromise as Words

    from giftcodes.models import Guild

#: The tab with the form of Django's admin.
SETTINGS = "change"


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab.

    Args:
        name: the last part of its address, and of the name of its URL.
        title: what the tab is called.
        permissions: what a person needs to open it, besides seeing the guild.
    """

    name: str
    title: Words
    permissions: tuple[str, ...] = ()

    def is_for(self, person: Any) -> bool:
        """Whether a person may open this tab for the guilds that they see."""
        return bool(person.has_perms(self.permissions))


TABS = (
    Tab("overview", _("Overview")),
    Tab("members", _("Members"), ("giftcodes.view_member",)),
    Tab("codes", _("Codes"), ("giftcodes.view_giftcode", "giftcodes.view_redemption")),
    Tab("channels", _("Channels"), ("giftcodes.view_channel",)),
    Tab("joining", _("How players join"), joining.PERMISSIONS),
    Tab("officers", _("Officers")),
    Tab(SETTINGS, _("Settings")),
)


def tab_named(name: str) -> Tab:
    """The tab with this name, which must be one of `TABS`."""
    return next(tab for tab in TABS if tab.name == name)


def frame(request: HttpRequest, guild: Guild, name: str) -> dict[str, Any]:
    """The context of the parts that all tabs share, in a fixed number of queries.

    Args:
        request: the request of a person who may see the guild and the tab.
        guild: the guild, with `members_number` from the admin's queryset.
        name: the name of the tab that is open.
    """
    waiting = guild.join_requests.count()
    steps = steps_of(request, guild)
    return {
        "guild": guild,
        "title": str(guild),
        "subtitle": tab_named(name).title,
        "tab": name,
        "guild_tabs": [
            {
                "title": tab.title,
                "url": guild_url(guild.pk, tab.name),
                "is_open": tab.name == name,
                "waiting": waiting if tab.name == "joining" else 0,
            }
            for tab in TABS
            if tab.is_for(request.user)
        ],
        "steps": steps,
        "next_step": next_of(steps),
        # Only “Overview” has the button that hides optional steps. So other tabs name an optional
        # next step only while they show a message, such as after something was saved.
        "needed_step": needed_of(steps),
        "may_hide_steps": may_hide(steps),
    }
