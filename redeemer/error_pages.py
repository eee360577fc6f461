"""The pages that say what went wrong, and what to do.

A person who is logged in sees some of them inside the frame of the site. The others use neither the
database nor a second template, because they must also work when the database or a template fails.
"""

from __future__ import annotations

import datetime as dt
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.exceptions import DisallowedModelAdminLookup, DisallowedModelAdminToField
from django.core.exceptions import (
    DisallowedHost,
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import HttpResponse
from django.middleware.csrf import REASON_NO_CSRF_COOKIE
from django.template import loader
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from psycopg.errors import QueryCanceled

from giftcodes.admin_site import LongAddressError
from giftcodes.domain import log_lines
from giftcodes.domain.dates import worded
from giftcodes.domain.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest

_REASON_LENGTH = 200
_TOO_MUCH = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)
_BAD_FILTERS = (DisallowedModelAdminLookup, DisallowedModelAdminToField)
#: The beginnings of PostgreSQL's error codes for a connection that it cannot serve: connection
#: errors, shutdown and start of the server, and too many connections. If no connection was made,
#: the error has no code.
_NO_CONNECTION = ("08", "57P01", "57P02", "57P03", "53300")
#: After this many seconds, browsers and proxies may try whether the database answers again.
_AGAIN_SECONDS = "15"
#: After this many seconds, a person who had too many open requests may try again.
_SOON_SECONDS = "5"
#: This is shown if even the template cannot be read.
_LAST_RESORT = (
    "<!DOCTYPE html><html lang=en><title>Redeemer</title><h1>Something went wrong</h1>"
    "<p>Try again in a minute."
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What an error page says.

    Args:
        status: the HTTP status.
        title: what is wrong, in a few words.
        sentences: what is wrong, then what to do.
        links: the address and the text of each link.
        can_reload: whether the page offers to load the same address again.
        outside: the sentences for a person who is not logged in, if they differ.
    """

    status: int
    title: str
    sentences: Sequence[str]
    links: Sequence[tuple[str, str]] = ()
    can_reload: bool = False
    outside: Sequence[str] = ()


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """Answer a request for a page that does not exist, or that is hidden from this person."""
    return _framed(
        request,
        Trouble(
            404,
            _("This page does not exist"),
            [
                _(
                    "The address is wrong, or its page no longer exists or belongs to a guild that "
                    "is not yours."
                ),
                _("Check the address, search for what you want above, or choose it in the menu."),
            ],
            [("/admin/", _("Home"))],
            outside=[
                _("The address is wrong, or its page no longer exists."),
                _("Check the address. If you have an account, log in first."),
            ],
        ),
    )


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """Answer a request that this person may not make."""
    return _framed(
        request,
        Trouble(
            403,
            _("You may not do this"),
            [
                _("Your account has no permission for this page or this action."),
                _("If you need it, ask an administrator. Nothing was changed."),
            ],
            [("/admin/", _("Home"))],
        ),
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a form with too much data, an unusable filter or host, or any other bad request.

    The reason is added to the log line that is written when the request ends.
    """
    if "request_id" in structlog.contextvars.get_contextvars():
        structlog.contextvars.bind_contextvars(reason=one_line(str(exception), _REASON_LENGTH))
    if isinstance(exception, DisallowedHost):
        return plain(request, _unknown_host(request))
    if isinstance(exception, LongAddressError):
        return _framed(request, _too_long(request))
    if isinstance(exception, _TOO_MUCH):
        return _framed(request, _too_much())
    if isinstance(exception, _BAD_FILTERS):
        sentences = [
            _(
                "Nothing was changed. The address has a filter that this page does not offer, a "
                "value that the filter cannot use, or too many values."
            ),
            _("Open the page without filters, and choose the filters there."),
        ]
        links = [(request.path, _("Open the page without filters"))]
        return _framed(request, Trouble(400, _("This address cannot be used"), sentences, links))
    return _framed(
        request,
        Trouble(
            400,
            _("This request cannot be read"),
            [
                _(
                    "The address or the form has a value that cannot be used, such as an invisible "
                    "character. No data was changed."
                ),
                _("Go back, correct it, and try again."),
            ],
            [("/admin/", _("Home"))],
        ),
    )


def _unknown_host(request: HttpRequest) -> Trouble:
    host = one_line(request.META.get("HTTP_HOST", ""), _REASON_LENGTH)
    return Trouble(
        400,
        _("Unknown host name"),
        [
            _(
                "This site does not answer to the name “%s”. Open it under the address that its "
                "operator gave you."
            )
            % host,
            _(
                "If you are the operator: add the name to the setting ALLOWED_HOSTS, and start the "
                "site again. Behind a proxy, let the proxy pass on the name that the browser sent."
            ),
        ],
    )


def _too_long(request: HttpRequest) -> Trouble:
    return Trouble(
        414,
        _("This address is too long"),
        [_("Nothing was changed. Search for fewer words, or use fewer filters.")],
        [(request.path, _("Open the page without filters"))],
    )


def _too_much() -> Trouble:
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1_000_000
    return Trouble(
        413,
        _("Too much at once"),
        [
            _(
                "Nothing was changed. A form accepts at most %(most)d MB of text and 1,000 values. "
                "Go back and send less: split a long list and import its parts, shorten a long "
                "text, or choose fewer rows."
            )
            % {"most": most},
            _(
                "A list of members can also be chosen as a file, or imported on the command line: "
                "import_members accepts up to 5 MB."
            ),
        ],
    )


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form with an invalid CSRF token: there is no cookie, or the session has changed."""
    if reason == REASON_NO_CSRF_COOKIE and settings.CSRF_COOKIE_SECURE and not request.is_secure():
        sentences = [
            _(
                "This page was loaded without TLS, but the cookies of this site are sent over "
                "https only. Open the site with https."
            ),
            _(
                "To the administrator: set HTTPS=1 behind a proxy with TLS. In a private network "
                "without TLS, set SECURE_COOKIES=0. Anyone who can read the traffic there can then "
                "take over a session."
            ),
        ]
        return plain(request, Trouble(403, _("Your browser did not send the cookie"), sentences))
    sentences = [
        _(
            "Nothing was changed. You have logged in or out since the form was opened, in this "
            "window or in another one, or your browser accepts no cookies from this site."
        ),
        _("Go back, load the page again, and send the form once more."),
    ]
    links = [("/admin/", _("Home"))]
    return plain(request, Trouble(403, _("This form is out of date"), sentences, links))


def locked_out(request: HttpRequest, until: dt.datetime, *, is_guarded: bool) -> HttpResponse:
    """Answer a login after too many failed ones.

    Args:
        request: the login.
        until: when the next login is accepted.
        is_guarded: whether the failures were for this account, from many addresses.
    """
    when = {
        "until": f"{date_format(localtime(until), 'H:i e')}, {worded(localtime(until), 'j F Y')}"
    }
    if is_guarded:
        words = _(
            "Too many logins for this account have failed, from many addresses. From a network "
            "where this account has not logged in before, only one login in 15 minutes is "
            "accepted. Try again after %(until)s, or from a network where you have logged in "
            "before."
        )
    else:
        words = _("Logins from your address are blocked until %(until)s. Try again after that.")
    forgotten = _("If you have forgotten your password, ask an administrator for a new one.")
    return plain(request, Trouble(429, _("Too many failed logins"), [words % when, forgotten]))


def too_many_at_once(request: HttpRequest) -> HttpResponse:
    """Refuse a request because too many other requests of the same person are being answered.

    The page needs no database query, because those other requests already make many.
    """
    sentences = [
        _(
            "Several pages that you have opened are still being prepared, so this one was not "
            "begun. Nothing was changed."
        ),
        _(
            "Wait a few seconds until they are shown, or close them. Then try again. If this was a "
            "form, go back and send it again."
        ),
    ]
    links = [("/admin/", _("Home"))]
    page = plain(
        request, Trouble(429, _("Too many pages at once"), sentences, links, can_reload=True)
    )
    page.headers["Retry-After"] = _SOON_SECONDS
    return page


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a request that failed. Nothing here needs the database or another template."""
    exception = sys.exc_info()[1]
    if exception is not None and is_cancelled(exception):
        return too_slow(request)
    if exception is not None and _is_without_database(exception):
        return no_database(request)
    sentences = [
        _("This is a fault of the site. What you were doing may not have been saved."),
        _(
            "Try again in a minute. If it happens again, tell the administrator what you did and "
            "when: the log has the reason."
        ),
    ]
    links = [("/admin/", _("Home"))]
    return plain(
        request, Trouble(500, _("Something went wrong"), sentences, links, can_reload=True)
    )


def no_database(request: HttpRequest) -> HttpResponse:
    """Answer a request that could not be served because the database does not answer."""
    sentences = [
        _("The database does not answer. Nothing was changed, and no code is redeemed meanwhile."),
        _(
            "Try again in a minute. Nothing is lost: redeeming continues on its own when the "
            "database is back."
        ),
    ]
    trouble = Trouble(503, _("Not available at the moment"), sentences, can_reload=True)
    page = plain(request, trouble)
    page.headers["Retry-After"] = _AGAIN_SECONDS
    return page


def too_slow(request: HttpRequest) -> HttpResponse:
    """Answer a request in which the database cancelled a statement, and log the cancellation."""
    log_lines.warning("⏱ A page was given up: its statement took too long.", path=request.path)
    sentences = [
        _(
            "The request was stopped, so that the site stays usable for others. The step that took "
            "too long was undone. Earlier steps of the same action were not undone."
        ),
        _(
            "Try again in a minute. If it happens again, search for less or choose fewer rows, or "
            "do it on the command line, which has no time limit."
        ),
    ]
    links = [(request.path, _("Open the page without filters"))]
    return plain(request, Trouble(503, _("This took too long"), sentences, links))


def is_cancelled(exception: BaseException) -> bool:
    """Whether the database cancelled the statement, as it does when the time limit is reached."""
    return isinstance(exception, OperationalError) and isinstance(
        exception.__cause__, QueryCanceled
    )


def _is_without_database(exception: BaseException) -> bool:
    """Whether the database could not be reached: the error has no code, or one that says so."""
    if not isinstance(exception, InterfaceError | OperationalError):
        return False
    code = getattr(exception.__cause__, "sqlstate", None)
    return code is None or code.startswith(_NO_CONNECTION)


def _framed(request: HttpRequest, trouble: Trouble) -> HttpResponse:
    """Return the page inside the site's frame if the person is logged in, else the plain page."""
    try:
        # A request that was refused early has no person yet.
        user: Any = getattr(request, "user", None)
        if user is None or not (user.is_active and user.is_staff):
            return plain(request, replace(trouble, sentences=trouble.outside or trouble.sentences))
        context = {**admin.site.each_context(request), "title": trouble.title, "trouble": trouble}
        text = loader.render_to_string("errors/framed.html", context, request)
    except DatabaseError:
        return plain(request, trouble)
    return HttpResponse(text, status=trouble.status)


def plain(request: HttpRequest, trouble: Trouble) -> HttpResponse:
    """Return a standalone page that needs no database query and no second template."""
    here = request.get_full_path() if request.method == "GET" else ""
    again = here if trouble.can_reload else ""
    try:
        text: str = loader.render_to_string(
            "errors/plain.html", {"trouble": trouble, "again": again, "here": here}
        )
    except Exception:  # noqa: BLE001 - The last page must not fail.
        text = _LAST_RESORT
    return HttpResponse(text, status=trouble.status)
