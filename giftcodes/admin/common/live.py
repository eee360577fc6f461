"""Pages that update without a reload: the browser fetches parts and replaces changed ones.

The parts are rendered here, by the same templates as the whole page. So a part looks the same as
in the whole page, and everything in it is escaped. `static/giftcodes/live.js` requests the parts,
and each response says how soon to request them again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import JsonResponse
from django.template.loader import render_to_string
from django.utils.cache import add_never_cache_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest

#: The time between two requests of a page: during a run, and while there is no run.
BUSY_SECONDS = 2.0
IDLE_SECONDS = 10.0


def parts_of(
    request: HttpRequest, templates: Mapping[str, str], context: Mapping[str, Any]
) -> dict[str, str]:
    """Render parts of a page.

    Args:
        request: the browser's request.
        templates: the template of each part, by the part's name.
        context: the values that the templates show.

    Returns:
        The HTML of each part, by its name.
    """
    return {
        name: render_to_string(template, dict(context), request)
        for name, template in templates.items()
    }


def answer(parts: Mapping[str, str], *, again_in_seconds: float | None) -> JsonResponse:
    """The response to live.js. If `again_in_seconds` is None, the page no longer changes."""
    response = JsonResponse({"parts": parts, "again_in_seconds": again_in_seconds})
    add_never_cache_headers(response)
    return response
