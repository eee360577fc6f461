"""The admin site: its name, the order of its pages, the note that a demo runs, and no NUL gets in."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.conf import settings
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import SEARCH_VAR
from django.http import HttpRequest, HttpResponseBadRequest
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from giftcodes.admin_menu import side_bar

#: Sections of the index, in the order of the day's work. What is named nowhere comes last.
SECTIONS = (
    (_("Redeeming"), ("Guild", "Member", "GiftCode", "Redemption", "MemberRedemption", "Channel")),
    (_("Games"), ("RateBudget", "Feed", "Directory", "DirectoryLookup")),
    (
        _("History"),
        (
            *("Alarm", "RedemptionEvent", "Attempt", "Announcement", "AlarmNotice"),
            *("MemberImport", "OptOut", "Heartbeat", "PrunedFigure"),
        ),
    ),
)
_RANK = {
    name: rank for rank, name in enumerate(name for _title, names in SECTIONS for name in names)
}
_APP = "giftcodes"


#: Route, view and name of each page that belongs to no model. The pages add themselves.
PAGES: list[tuple[str, Callable[..., Any], str]] = []


class RedeemerSite(UnfoldAdminSite):
    index_title = _("Gift codes for every member of every guild, once")

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Every page says whether it shows a demo, and in which zone its times are."""
        zone = timezone.get_current_timezone_name()
        return {**super().each_context(request), "demo": is_demo(), "zone": zone}

    def extra_urls(self) -> list[URLPattern]:
        """Pages of the app that belong to no model."""
        return [path(route, self.admin_view(view), name=name) for route, view, name in PAGES]

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """The pages in plain words; Unfold's own comes from the settings and asks once for each row."""
        return side_bar(request)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The app's pages in sections and in order, before those of Django and Celery."""
        apps = super().get_app_list(request, app_label)
        ours = [app for app in apps if app["app_label"] == _APP]
        for app in ours:
            app["models"].sort(key=lambda model: _RANK.get(model["object_name"], len(_RANK)))
        if app_label is None:
            ours = [section for app in ours for section in _sections(app)]
        return [*ours, *(app for app in apps if app["app_label"] != _APP)]

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """PostgreSQL stores no NUL, and takes no query with one: it is refused before it becomes a server error."""
        inner = super().admin_view(view, cacheable)

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if _has_nul(request):
                return HttpResponseBadRequest(
                    _("The address holds an invisible NUL character. Remove it.")
                )
            return inner(request, *args, **kwargs)

        return update_wrapper(guarded, inner)


def is_demo() -> bool:
    """Only the bundled simulator is configured: nothing reaches a game."""
    return {config.name for config in settings.PROVIDERS.values() if config.is_on} == {"simulator"}


def _sections(app: dict[str, Any]) -> list[dict[str, Any]]:
    by_name = {model["object_name"]: model for model in app["models"]}
    sections = [
        {**app, "name": title, "models": [by_name.pop(name) for name in names if name in by_name]}
        for title, names in SECTIONS
    ]
    if by_name:
        sections.append({**app, "models": list(by_name.values())})
    return [section for section in sections if section["models"]]


def _has_nul(request: HttpRequest) -> bool:
    """Form fields and the search box have validators of their own, which say it in the page."""
    asked = [
        value
        for name, values in request.GET.lists()
        if name != SEARCH_VAR
        for value in [name, *values]
    ]
    chosen = request.POST.getlist(ACTION_CHECKBOX_NAME) if request.method == "POST" else []
    return any("\0" in text for text in [request.path, *asked, *chosen])
