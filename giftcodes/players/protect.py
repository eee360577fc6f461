"""What protects the players' pages: headers, the check of forms, and limits on their use."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from axes.helpers import get_client_ip_address
from csp.constants import NONE, SELF
from csp.decorators import csp_replace
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.decorators import decorator_from_middleware
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from giftcodes.services import self_service_limits

View = Callable[..., HttpResponse]

#: These pages have no scripts and no inline styles.
_POLICY = {"script-src": [NONE], "style-src": [SELF], "connect-src": [NONE]}
#: These pages have buttons that copy and share, with a script of ours (static/giftcodes/copy.js).
#: Because of `connect-src`, it can send no request.
_POLICY_WITH_BUTTONS = {**_POLICY, "script-src": [SELF]}


class _CsrfCheck(CsrfViewMiddleware):
    """Django's check of forms, for pages whose address is a secret.

    Such a page sends no referrer, so browsers send `Origin: null` with its forms. That is accepted
    here. The token in the cookie is still compared with the one in the form.
    """

    def _origin_verified(self, request: HttpRequest) -> bool:
        is_hidden = request.META.get("HTTP_ORIGIN") == "null"
        return is_hidden or bool(super()._origin_verified(request))  # type: ignore[misc]


_check_csrf = decorator_from_middleware(_CsrfCheck)


def page(view: View) -> View:
    """A page of a player: no referrer, not indexed, not cached, no scripts, and checked forms."""
    return _guarded(view, _POLICY)


def page_with_buttons(view: View) -> View:
    """The same, with the script that copies and shares a link or a code."""
    return _guarded(view, _POLICY_WITH_BUTTONS)


def _guarded(view: View, policy: dict[str, list[str]]) -> View:
    inner = never_cache(csp_replace(policy)(_check_csrf(view)))

    @csrf_exempt  # `_CsrfCheck` checks instead.
    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = inner(request, *args, **kwargs)
        assert isinstance(response, HttpResponse)
        response.headers["Referrer-Policy"] = "no-referrer"
        # Storing a version of a member reads the session, which adds `Cookie` to `Vary`. Every
        # answer gets it, so that this header does not reveal whether a member was found.
        patch_vary_headers(response, ["Cookie"])
        # `Cache-Control` says the same, and contains no time.
        del response.headers["Expires"]
        response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
        return response

    return guarded


def address_of(request: HttpRequest) -> str:
    """The IPv4 address or the IPv6 network (/64) of the player. Empty if it is not known."""
    return get_client_ip_address(request) or ""


def seconds_until_join(request: HttpRequest, link_id: int) -> int:
    """Count a sent form of a join link. Returns 0 if it is accepted, else the seconds to wait."""
    return self_service_limits.seconds_until_join(address_of(request) or "unknown", link_id)


def too_often(request: HttpRequest, seconds: int) -> HttpResponse:
    """Say when the form is accepted again."""
    context = {"minutes": -(-seconds // 60)}
    response = render(request, "players/too_often.html", context, status=429)
    response.headers["Retry-After"] = str(seconds)
    return response
