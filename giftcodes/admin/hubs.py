"""The pages “Activity”, “Games and feeds” and “System”, which link to other pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.template.response import TemplateResponse
from django.urls import reverse

from giftcodes.admin.common.live import IDLE_SECONDS, answer, parts_of
from giftcodes.admin.hub_states import states_of
from giftcodes.admin_menu import MENU

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse, JsonResponse

    from giftcodes.admin_menu import Entry, MenuPage

_STATE = "frame/hub_state.html"


def hub(request: HttpRequest, name: str) -> HttpResponse:
    """Show links to those pages of a menu entry that the person may see.

    Each link is a card that says how the page's subject is now, and what the page is for.

    Args:
        request: the person's request.
        name: the entry's `hub`.

    Raises:
        PermissionDenied: the person may see none of the pages.
    """
    entry, pages = _pages(request, name)
    states = states_of(pages, request)
    context = {
        **admin.site.each_context(request),
        "title": entry.title,
        "cards": [(page, states.get(page.name)) for page in pages],
        "live_url": reverse(f"admin:live_{name}"),
        "again_in_seconds": IDLE_SECONDS,
    }
    return TemplateResponse(request, "frame/hub.html", context)


def live(request: HttpRequest, name: str) -> JsonResponse:
    """Respond with the state of each card of a hub.

    Args:
        request: the request of live.js.
        name: the entry's `hub`.

    Raises:
        PermissionDenied: the person may see none of the pages.
    """
    _entry, pages = _pages(request, name)
    parts = {
        page: parts_of(request, {page: _STATE}, {"state": state})[page]
        for page, state in states_of(pages, request).items()
    }
    return answer(parts, again_in_seconds=IDLE_SECONDS)


def _pages(request: HttpRequest, name: str) -> tuple[Entry, list[MenuPage]]:
    """A menu entry, and those of its pages that the person may see."""
    entry = next(entry for entry in MENU if entry.hub == name)
    pages = entry.pages_for(request.user)
    if not pages:
        raise PermissionDenied
    return entry, pages
