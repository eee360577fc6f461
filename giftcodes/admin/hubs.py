"""The pages “Activity”, “Games and feeds” and “System”, which link to other pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.template.response import TemplateResponse

from giftcodes.admin_menu import MENU

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


def hub(request: HttpRequest, name: str) -> HttpResponse:
    """Show links to those pages of a menu entry that the person may see, with their purposes.

    Args:
        request: the person's request.
        name: the entry's `hub`.

    Raises:
        PermissionDenied: the person may see none of the pages.
    """
    entry = next(entry for entry in MENU if entry.hub == name)
    pages = entry.pages_for(request.user)
    if not pages:
        raise PermissionDenied
    context = {**admin.site.each_context(request), "title": entry.title, "pages": pages}
    return TemplateResponse(request, "frame/hub.html", context)
