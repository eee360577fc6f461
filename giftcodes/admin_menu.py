"""The menu: Home and eight entries in the order of daily work, and the pages behind each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.utils.functional import _StrPromise as Words


@dataclass(frozen=True, slots=True)
class MenuPage:
    """A page of an entry: the list of a model, or a page that belongs to no model.

    Args:
        title: what the menu, the tabs and the breadcrumbs call it.
        purpose: a sentence that says what the page is for.
        name: the app label and the model name, as in the names of the model's URLs, such as
            `giftcodes_guild`. For a page that belongs to no model, the name of its URL.
        permissions: what a person needs to see the page. Empty means the permission to view the
            model.
        is_list: whether the page is the list of a model.
        for_administrators: whether only administrators may see the page.
    """

    title: Words
    purpose: Words
    name: str
    permissions: tuple[str, ...] = ()
    is_list: bool = True
    for_administrators: bool = False

    @property
    def url(self) -> str:
        """The address of the page."""
        return reverse(f"admin:{self.name}_changelist" if self.is_list else f"admin:{self.name}")

    @property
    def model(self) -> str:
        """The model of a list, such as `giftcodes.guild`."""
        app, _underscore, model = self.name.rpartition("_")
        return f"{app}.{model}" if self.is_list else ""

    def is_for(self, person: Any) -> bool:
        """Whether a person may see the page."""
        if self.for_administrators:
            return bool(person.is_active and person.is_superuser)
        if self.permissions:
            return bool(person.has_perms(self.permissions))
        app, _dot, model = self.model.rpartition(".")
        return bool(person.has_perm(f"{app}.view_{model}"))


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the side bar.

    Args:
        title: the text of the entry.
        icon: the name of a Material symbol.
        pages: the pages behind the entry.
        hub: the name of the URL of a page that lists the pages. Without one, the entry leads to
            its first page.
        also: the names of the URLs of further pages on which the entry is the active one.
    """

    title: Words
    icon: str
    pages: tuple[MenuPage, ...]
    hub: str = ""
    also: tuple[str, ...] = ()

    def pages_for(self, person: Any) -> list[MenuPage]:
        """The pages that a person may see."""
        return [page for page in self.pages if page.is_for(person)]

    def url_for(self, person: Any) -> str:
        """The address of the entry for a person who may see one of its pages."""
        return reverse(f"admin:{self.hub}") if self.hub else self.pages_for(person)[0].url

    def has(self, path: str) -> bool:
        """Whether the page at this path belongs to the entry."""
        lists = [page.url for page in self.pages if page.is_list]
        others = [reverse(f"admin:{name}") for name in (self.hub, *self.also) if name]
        if any(path.startswith(url) for url in (*lists, *others)):
            return True
        # Below the address of another page, there may be pages of a guild.
        return any(path == page.url for page in self.pages if not page.is_list)


MENU: tuple[Entry, ...] = (
    Entry(
        _("Guilds"),
        "groups",
        (
            MenuPage(
                _("Guilds"), _("The guilds whose members get each new code."), "giftcodes_guild"
            ),
            MenuPage(
                _("Announcements"),
                _("The messages to the channels of the guilds, and whether they arrived."),
                "giftcodes_announcement",
            ),
            MenuPage(
                _("Channels"),
                _("Where the runs of each guild are announced, such as a Discord channel."),
                "giftcodes_channel",
            ),
        ),
    ),
    Entry(
        _("Members"),
        "person",
        (
            MenuPage(_("Members"), _("The players of each guild."), "giftcodes_member"),
            MenuPage(
                _("Imports"),
                _("Lists of members that were imported. Each can be undone."),
                "giftcodes_memberimport",
            ),
            MenuPage(
                _("Opt-outs"),
                _("Players who do not want codes to be redeemed for them."),
                "giftcodes_optout",
            ),
        ),
        also=("member_import", "player"),
    ),
    Entry(
        _("Codes"),
        "redeem",
        (
            MenuPage(_("Codes"), _("The gift codes of each game."), "giftcodes_giftcode"),
            MenuPage(
                _("Proposed codes"),
                _("New codes that officers proposed, until an administrator decides."),
                "giftcodes_codeproposal",
            ),
        ),
        also=("plan",),
    ),
    Entry(
        _("Coverage"),
        "grid_on",
        (
            MenuPage(
                _("Coverage"),
                _("Which member of a guild has which code."),
                "matrix",
                ("giftcodes.view_guild", "giftcodes.view_memberredemption"),
                is_list=False,
            ),
        ),
    ),
    Entry(
        _("Activity"),
        "history",
        (
            MenuPage(
                _("Redemptions"),
                _("Each code for each guild: how far it is, and who started it."),
                "giftcodes_redemption",
            ),
            MenuPage(
                _("Journal"),
                _("What happened to redemptions and codes: starts, stops, refusals and ends."),
                "giftcodes_redemptionevent",
            ),
            MenuPage(
                _("Changes by people"),
                _("Who changed which guild, member, code or setting, and when."),
                "admin_logentry",
                ("giftcodes.view_guild",),
            ),
            MenuPage(
                _("Alarms"), _("Problems that need a person, now and earlier."), "giftcodes_alarm"
            ),
            MenuPage(
                _("Requests"),
                _("Every request to a game, with the game's answer."),
                "giftcodes_attempt",
            ),
            MenuPage(
                _("Member redemptions"),
                _("Each code for each member, with the reason if the member does not have it."),
                "giftcodes_memberredemption",
            ),
        ),
        hub="activity",
    ),
    Entry(
        _("Games and feeds"),
        "sports_esports",
        (
            MenuPage(
                _("Connect a game"),
                _("The salt, the feed, the channel for alarms, and the address of this site."),
                "connect_game",
                is_list=False,
                for_administrators=True,
            ),
            MenuPage(
                _("Games"),
                _("How many requests each game accepts, and whether it is paused."),
                "giftcodes_ratebudget",
            ),
            MenuPage(
                _("Feeds"), _("Where new codes come from, and the last answer."), "giftcodes_feed"
            ),
            MenuPage(
                _("Directories"),
                _("Services that look up players for you, and how often they may be asked."),
                "giftcodes_directory",
            ),
            MenuPage(
                _("Directory lookups"),
                _("What a directory said about each member who has consented."),
                "giftcodes_directorylookup",
            ),
        ),
        hub="games",
        also=("connect_game",),
    ),
    Entry(
        _("People"),
        "badge",
        (
            MenuPage(_("People"), _("Who may log in, and what each may do."), "auth_user"),
            MenuPage(
                _("Invitations"),
                _("Links by which people make their own accounts."),
                "giftcodes_invitation",
            ),
        ),
    ),
    Entry(
        _("System"),
        "settings",
        (
            MenuPage(
                _("Schedule"),
                _("What the system does on its own, and how often."),
                "django_celery_beat_periodictask",
            ),
            MenuPage(
                _("Pulse"),
                _("When each part of the system last worked."),
                "giftcodes_heartbeat",
            ),
            MenuPage(
                _("Discord bot"),
                _("The bot that members and officers use in Discord, and its token."),
                "discord_bot",
                is_list=False,
                for_administrators=True,
            ),
            MenuPage(
                _("API tokens"),
                _("The tokens with which programs use the API."),
                "api_tokens",
                is_list=False,
                for_administrators=True,
            ),
            MenuPage(
                _("Messages to the operator"),
                _("The alarms that were sent to the operator's channel, and whether they arrived."),
                "giftcodes_alarmnotice",
            ),
            MenuPage(
                _("Pruned"),
                _("How many old requests and journal entries were deleted."),
                "giftcodes_prunedfigure",
            ),
            MenuPage(_("Groups"), _("Sets of permissions for people."), "auth_group"),
            MenuPage(_("Logins"), _("Who logged in, when and from where."), "axes_accesslog"),
            MenuPage(
                _("Failed logins"),
                _("Wrong passwords, and the addresses that are locked out because of them."),
                "axes_accessattempt",
            ),
        ),
        hub="system",
    ),
)

_RANK = {
    page.model: rank for rank, page in enumerate(page for entry in MENU for page in entry.pages)
}


def rank(app_label: str, object_name: str) -> int:
    """The position of a model in the menu. Models that are not in the menu come last."""
    return _RANK.get(f"{app_label}.{object_name.lower()}", len(_RANK))


def entries_for(person: Any) -> Iterator[Entry]:
    """The entries of which a person may see at least one page."""
    return (entry for entry in MENU if entry.pages_for(person))


def entry_at(path: str) -> Entry | None:
    """The entry to which the page at this path belongs."""
    return next((entry for entry in MENU if entry.has(path)), None)


def side_bar(request: HttpRequest) -> list[dict[str, Any]]:
    """The entries that the person may see, in the format that the side bar's template expects."""
    home = reverse("admin:index")
    active = entry_at(request.path)
    items = [_item(_("Home"), "home", home, is_active=request.path == home)]
    items += [
        _item(entry.title, entry.icon, entry.url_for(request.user), is_active=entry is active)
        for entry in entries_for(request.user)
    ]
    return [{"items": items}]


def _item(title: Any, icon: str, link: str, *, is_active: bool) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": link, "active": is_active, "has_permission": True}


def tabs(request: HttpRequest) -> list[dict[str, Any]]:
    """The tabs above the lists of an entry, in the format that Unfold expects."""
    found = []
    for entry in entries_for(request.user):
        pages = [page for page in entry.pages_for(request.user) if page.is_list]
        if len(pages) > 1:
            items = [_tab(page, request.path) for page in pages]
            found.append({"models": [page.model for page in pages], "items": items})
    return found


def page_of(model: str) -> MenuPage | None:
    """The page of the menu that lists a model, such as `giftcodes.guild`."""
    pages = (page for entry in MENU for page in entry.pages)
    return next((page for page in pages if page.model == model), None)


def _tab(page: MenuPage, path: str) -> dict[str, Any]:
    url = page.url
    return {"title": page.title, "link": url, "active": path == url, "has_permission": True}
