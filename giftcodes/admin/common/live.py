"""Pages that change by themselves: the browser asks for named parts of a page, and exchanges those that differ.

The parts are rendered here, by the templates that the page itself was made of, so that there is one way to show a thing
and everything in it is escaped. `static/giftcodes/live.js` asks; how soon it asks again is said here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import JsonResponse
from django.template.loader import render_to_string
from django.utils.cache import add_never_cache_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest

#: While something runs, and while nothing does.
BUSY_SECONDS = 2.0
IDLE_SECONDS = 10.0


def parts_of(
    request: HttpRequest, templates: Mapping[str, str], context: Mapping[str, Any]
) -> dict[str, str]:
    """Render parts of a page.

    Args:
        request: for whom.
        templates: the template of each part, by the part's name.
        context: what they show.
    """
    return {
        name: render_to_string(template, dict(context), request)
        for name, template in templates.items()
    }


def answer(parts: Mapping[str, str], *, again_in_seconds: float | None) -> JsonResponse:
    """What live.js gets. `again_in_seconds` None: it will not change any more."""
    response = JsonResponse({"parts": parts, "again_in_seconds": again_in_seconds})
    add_never_cache_headers(response)
    return response
