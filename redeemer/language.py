"""Pages are in the viewer's language: the one chosen on a page, or one that the browser asks for.

The choice is kept in a cookie of the browser, so it holds without an account.
"""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest, HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.i18n import set_language


class ViewerLanguageMiddleware(LocaleMiddleware):
    """Activates the viewer's language, and restores the thread's own language afterwards.

    It comes before all middleware that may answer with a page, so that error pages are in the
    viewer's language, too. It uses neither the session nor the database.
    """

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer in the viewer's language."""
        with translation.override(translation.get_language()):
            response = cast(HttpResponseBase, super().__call__(request))
        # Django names only `Accept-Language`, but the choice is in a cookie.
        patch_vary_headers(response, ["Cookie"])
        return response


@csrf_exempt
@never_cache
def choose(request: HttpRequest) -> HttpResponseBase:
    """Keep the chosen language in a cookie, and lead back to a page of this site.

    There is no check of the form's origin: pages with a secret address send `Origin: null`, error
    pages must not need a cookie, and another site could change nothing but the language.
    """
    return set_language(request)
