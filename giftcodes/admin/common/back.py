"""The page that a person came from, as their browser reports it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme


class LeadsOn(HttpResponseRedirect):
    """A redirect of an action to its results. It is followed even if `back` names a page."""


def page_before(request: HttpRequest) -> str:
    """The address in the form field `back`, or an empty string if it is not a page of this site.

    A page of another site can send any form field. The address of another site, or of a script,
    must not become a link or a redirect.
    """
    address = request.POST.get("back", "")
    is_ours = url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return address if is_ours else ""
