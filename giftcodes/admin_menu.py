"""The admin's pages in the order of daily work, and the side bar that lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.utils.functional import _StrPromise as Words


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry in the side bar, which links to the list of a model.

    Args:
        title: the text of the entry.
        icon: the name of a Material symbol.
        page: the app label and the model name, as in the names of the model's URLs, such as
            `giftcodes_guild`.
    """

    title: Words
    icon: str
    page: str

    @property
    def permission(self) -> str:
        """The permission that a person needs to see the entry."""
        app, _underscore, model = self.page.rpartition("_")
        return f"{app}.view_{model}"


SECTIONS: tuple[tuple[Words | str, tuple[Entry, ...]], ...] = (
    (
        _("Redeeming"),
        (
            Entry(_("Guilds"), "groups", "giftcodes_guild"),
            Entry(_("Members"), "person", "giftcodes_member"),
            Entry(_("Codes"), "redeem", "giftcodes_giftcode"),
            Entry(_("Redemptions"), "playlist_add_check", "giftcodes_redemption"),
            Entry(_("Member redemptions"), "how_to_reg", "giftcodes_memberredemption"),
            Entry(_("Proposed codes"), "rate_review", "giftcodes_codeproposal"),
        ),
    ),
    (
        _("Games"),
        (
            Entry(_("Games"), "sports_esports", "giftcodes_ratebudget"),
            Entry(_("Feeds"), "rss_feed", "giftcodes_feed"),
            Entry(_("Directories"), "person_search", "giftcodes_directory"),
        ),
    ),
    (
        _("What happened"),
        (
            Entry(_("Alarms"), "notifications", "giftcodes_alarm"),
            Entry(_("Journal"), "history", "giftcodes_redemptionevent"),
            Entry(_("Requests"), "swap_horiz", "giftcodes_attempt"),
            Entry(_("Announcements"), "campaign", "giftcodes_announcement"),
            Entry(_("Imports"), "upload_file", "giftcodes_memberimport"),
            Entry(_("Logins"), "login", "axes_accesslog"),
            Entry(_("Failed logins"), "lock_clock", "axes_accessattempt"),
        ),
    ),
    (
        _("Settings"),
        (
            Entry(_("Users"), "badge", "auth_user"),
            Entry(_("Invitations"), "person_add", "giftcodes_invitation"),
            Entry(_("Groups"), "shield_person", "auth_group"),
            Entry(_("Schedule"), "schedule", "django_celery_beat_periodictask"),
            Entry(_("Opt-outs"), "do_not_disturb_on", "giftcodes_optout"),
            Entry(_("Pulse"), "ecg_heart", "giftcodes_heartbeat"),
            Entry(_("Pruned"), "auto_delete", "giftcodes_prunedfigure"),
        ),
    ),
)

#: The permissions for the coverage page, which shows members and their redemptions.
_COVERAGE = ("giftcodes.view_guild", "giftcodes.view_memberredemption")

_RANK = {
    entry.page: rank
    for rank, entry in enumerate(entry for _title, entries in SECTIONS for entry in entries)
}


def rank(app_label: str, object_name: str) -> int:
    """The position of a model in the menu. Models that are not in it come last."""
    return _RANK.get(f"{app_label}_{object_name.lower()}", len(_RANK))


def side_bar(request: HttpRequest) -> list[dict[str, Any]]:
    """The sections that the person may see, in the format that Unfold's templates expect."""
    dashboard = _item(request, _("Dashboard"), "dashboard", reverse("admin:index"), is_exact=True)
    coverage = _item(request, _("Coverage"), "grid_on", reverse("admin:matrix"))
    first = [dashboard, *([coverage] if request.user.has_perms(_COVERAGE) else [])]
    sections = [
        {
            "title": title,
            "items": [
                _item(request, entry.title, entry.icon, reverse(f"admin:{entry.page}_changelist"))
                for entry in entries
                if request.user.has_perm(entry.permission)
            ],
        }
        for title, entries in SECTIONS
    ]
    return [{"items": first}, *(section for section in sections if section["items"])]


def _item(
    request: HttpRequest, title: Any, icon: str, link: str, *, is_exact: bool = False
) -> dict[str, Any]:
    is_active = request.path == link if is_exact else request.path.startswith(link)
    return {"title": title, "icon": icon, "link": link, "active": is_active, "has_permission": True}
