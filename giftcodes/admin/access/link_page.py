"""The page that shows a link once, right after it was made. Only a hash of it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers

from giftcodes import site_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest


def address_of(request: HttpRequest, route: str, secret: str) -> str:
    """The full address of a link.

    Args:
        request: its host is used if the address of the site is not set.
        route: the name of the URL, which takes the secret.
        secret: the secret of the link.
    """
    path = reverse(route, args=[secret])
    return site_address.link(path) or request.build_absolute_uri(path)


def link_page(
    request: HttpRequest,
    *,
    title: Any,
    address: str,
    words: Any,
    next_steps: Sequence[tuple[Any, str]],
) -> TemplateResponse:
    """The page with the link, which is not shown again.

    Args:
        request: the request that made the link.
        title: the heading.
        address: the full address of the link.
        words: what the link does, how long it works, and how to pass it on.
        next_steps: the label and the address of each next page.
    """
    context = {
        **admin.site.each_context(request),
        "title": title,
        "address": address,
        "words": words,
        "next_steps": next_steps,
    }
    response = TemplateResponse(request, "admin/giftcodes/link.html", context)
    add_never_cache_headers(response)
    return response
