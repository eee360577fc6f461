"""The admin site: its pages and their order, a note if it is a demo, and checks of addresses."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from giftcodes.admin_menu import rank, side_bar, tabs
from giftcodes.models.start_rules import providers_on

_APP = "giftcodes"
#: How long the part of an address after the question mark may be.
_MAX_QUERY_CHARACTERS = 2_000

#: The route, view and name of each page that belongs to no model. giftcodes.admin.urls adds them.
PAGES: list[tuple[str, Callable[..., Any], str]] = []


class LongAddressError(BadRequest):
    """The address is longer than any link of the site: it has too many words or filters."""


class RedeemerSite(UnfoldAdminSite):
    index_title = _("Home")

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Add the time zone, which every page shows, and whether the site is a demo."""
        zone = timezone.get_current_timezone_name()
        return {**super().each_context(request), "demo": is_demo(), "zone": zone}

    def get_urls(self) -> list[Any]:
        """Our pages come before Unfold's, so that our search replaces Unfold's."""
        own = [path(route, self.admin_view(view), name=name) for route, view, name in PAGES]
        return [*own, *super().get_urls()]

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Our menu. Unfold's own menu would check the permissions of each entry several times."""
        return side_bar(request)

    def get_tabs_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """The tabs above the lists that belong to the same entry of the menu."""
        return tabs(request)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The app's models in the order of the menu, before those of other packages."""
        apps = super().get_app_list(request, app_label)
        for app in apps:
            app["models"].sort(key=lambda model: rank(app["app_label"], model["object_name"]))
        return sorted(apps, key=lambda app: app["app_label"] != _APP)

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        """The choices for a search field of a form. Django would also answer for fields of no form.

        Raises:
            PermissionDenied: no form has this search field.
        """
        names = [request.GET.get(name, "") for name in ("app_label", "model_name", "field_name")]
        if tuple(names) not in self._search_fields_of_forms(request):
            raise PermissionDenied
        choices: HttpResponse = super().autocomplete_view(request)
        return choices

    def _search_fields_of_forms(self, request: HttpRequest) -> set[tuple[str, ...]]:
        """The app label, model name and field name of each search field."""
        return {
            (model._meta.app_label, model._meta.model_name or "", name)
            for model, page in self._registry.items()
            for name in page.get_autocomplete_fields(request)
        }

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """Refuse requests with a NUL character, and requests whose query is very long.

        PostgreSQL would answer a NUL with an error. Many links of a page repeat its query, so a
        long query would make the page large.

        Raises:
            BadRequest: the view was called with such a request.
        """
        inner = super().admin_view(view, cacheable)

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if _has_nul(request):
                raise BadRequest("The address contains a NUL character.")
            if len(request.META.get("QUERY_STRING", "")) > _MAX_QUERY_CHARACTERS:
                raise LongAddressError("The address is too long.")
            return inner(request, *args, **kwargs)

        return update_wrapper(guarded, inner)


def is_demo() -> bool:
    """Whether only the bundled simulator is configured. In a demo, no request reaches a game."""
    return providers_on() == ["simulator"]


def _has_nul(request: HttpRequest) -> bool:
    """Whether the request has a NUL character in a place that no form validates.

    Form fields and the search box are left out, because their validators show the error on the
    page.
    """
    asked = [
        value
        for name, values in request.GET.lists()
        if name != SEARCH_VAR
        for value in [name, *values]
    ]
    chosen = request.POST.getlist(ACTION_CHECKBOX_NAME) if request.method == "POST" else []
    return any("\0" in text for text in [request.path, *asked, *chosen])
