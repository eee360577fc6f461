"""The entry to the API: the token, the limits, and stored answers to repeated requests.

The web process loads this module and `problems.py` at its start, and everything else of the API at
the first request that gets in or asks for the description.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING

from axes.helpers import get_client_ip_address
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from django.http.request import UnreadablePostError
from django.urls import Resolver404, resolve
from django.utils.cache import add_never_cache_headers
from django.utils.log import log_response
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables

from giftcodes.api.problems import Problem, ProblemKind, wait
from giftcodes.services import api_answers, api_tokens
from giftcodes.services.api_answers import AnswerKind
from giftcodes.services.api_tokens import Caller, TokenRefused

if TYPE_CHECKING:
    from django.http import HttpRequest

#: All addresses of the API begin with this.
PREFIX = "/api/v1/"
#: The module with the addresses. It is imported at the first request.
_ROUTES = "giftcodes.api.routes"
_SAFE = ("GET", "HEAD", "OPTIONS")
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_REPLAYED = "Idempotency-Replayed"
_BUSY_SECONDS = 5


def api_caller(request: HttpRequest) -> Caller | None:
    """Who sends a request to the API. None if the token does not work: `api` says why.

    It is looked up once for each request.
    """
    if not hasattr(request, "api_entry"):
        try:
            found: Caller | Exception = _caller(request)
        except Exception as error:  # noqa: BLE001 - `api` raises it again
            found = error
        request.api_entry = found  # type: ignore[attr-defined]
    entry: Caller | Exception = request.api_entry  # type: ignore[attr-defined]
    return entry if isinstance(entry, Caller) else None


# No cookie is read, and the token is in a header that no form can send.
@csrf_exempt
def api(request: HttpRequest) -> HttpResponse:
    """Answer a request to the API. Each error is `application/problem+json`."""
    try:
        response = _answer(request)
    except Problem as problem:
        response = problem.response()
    except Exception as error:  # noqa: BLE001 - a program gets JSON whatever happens
        response = _failed(request, error)
    add_never_cache_headers(response)
    return response


def too_many_at_once() -> HttpResponse:
    """The answer if too many requests of one person or guild are being answered."""
    words = "Too many requests are being answered for you at once. Send them one by one."
    return wait(1, words).response()


def _answer(request: HttpRequest) -> HttpResponse:
    if request.path == f"{PREFIX}openapi.json" and request.method == "GET":
        # The description contains no names, and needs no token.
        return import_module(_ROUTES).description()  # type: ignore[no-any-return]
    caller = api_caller(request)
    if caller is None:
        raise request.api_entry  # type: ignore[attr-defined]
    # The history of each row that the request changes names this user.
    request.user = caller.user
    is_unsafe = request.method not in _SAFE
    # Several tokens share one limit of changes. A token that may only read must not use it up.
    changes = is_unsafe and caller.token.may_act
    if seconds := api_tokens.seconds_until_request(caller.token, changes=changes):
        raise _limited(caller, "sent too many requests", seconds)
    if is_unsafe and not caller.token.may_act:
        raise Problem(ProblemKind.FORBIDDEN, "This token may only read. Make one that may act.")
    api_tokens.note_use(caller.token)
    key = request.headers.get("Idempotency-Key", "")
    if request.method == "POST" and key:
        return _answer_once(request, caller, key)
    return _call(request)


@sensitive_variables("token")
def _caller(request: HttpRequest) -> Caller:
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.casefold() != "bearer" or not token:
        raise _no_token("Send the header “Authorization: Bearer TOKEN”.")
    address = get_client_ip_address(request) or "unknown"
    if seconds := api_tokens.seconds_locked_out(address):
        words = f"Your address sent too many wrong tokens. Try again in {seconds} s."
        raise wait(seconds, words)
    try:
        caller = api_tokens.caller_of(token)
    except TokenRefused as refusal:
        raise _no_token(str(refusal)) from None
    if caller is None:
        api_tokens.count_wrong_token(address)
        raise _no_token("No such token exists. Check that you copied all of it.")
    return caller


def _limited(caller: Caller, what: str, seconds: int) -> Problem:
    """The refusal of a request beyond a limit, which all tokens of a guild or account share."""
    whose = "this guild" if caller.token.guild_id else "your account"
    return wait(seconds, f"The tokens of {whose} {what}. Send the next one in {seconds} s.")


def _no_token(words: str) -> Problem:
    return Problem(ProblemKind.TOKEN, words, headers={"WWW-Authenticate": "Bearer"})


def _answer_once(request: HttpRequest, caller: Caller, key: str) -> HttpResponse:
    """Answer a POST. If the same request has been answered already, repeat the stored answer."""
    if not _KEY.fullmatch(key):
        words = "An Idempotency-Key has 1 to 200 printable ASCII characters without spaces."
        raise Problem(ProblemKind.BAD_REQUEST, words)
    same = f"{request.method} {request.get_full_path()}\n".encode() + request.body
    begun = api_answers.begin(caller, key, same)
    row = begun.row
    if begun.kind is AnswerKind.OTHER_REQUEST:
        words = "This Idempotency-Key was sent with another request. Choose a new key."
        raise Problem(ProblemKind.KEY_REUSED, words)
    if begun.kind is AnswerKind.UNDER_WAY:
        words = "The same request is being answered just now. Send it again for its answer."
        raise wait(1, words, ProblemKind.KEY_UNDER_WAY)
    if row is None:
        raise _limited(caller, "used too many keys", begun.seconds)
    if begun.kind is AnswerKind.KNOWN:
        assert row.status is not None
        return HttpResponse(
            row.body, status=row.status, content_type=row.content_type, headers={_REPLAYED: "true"}
        )
    try:
        response = _call(request)
    except Problem as problem:
        response = problem.response()
    except Exception:
        api_answers.forget(row)
        raise
    # A request that was not accepted now may be accepted later.
    if response.status_code == 429 or response.status_code >= 500:
        api_answers.forget(row)
    else:
        api_answers.keep(
            row,
            status=response.status_code,
            content_type=response.headers["Content-Type"],
            body=response.content.decode(),
        )
    return response


def _call(request: HttpRequest) -> HttpResponse:
    """Call the operation of an address."""
    try:
        found = resolve(request.path_info, _ROUTES)
    except Resolver404:
        raise Problem(ProblemKind.NOT_FOUND, "This address does not exist.") from None
    request.resolver_match = found
    response: HttpResponse = found.func(request, *found.args, **found.kwargs)
    if response.status_code == 405:
        allowed = {"Allow": response.headers["Allow"]}
        words = f"This address takes: {response.headers['Allow']}."
        raise Problem(ProblemKind.METHOD, words, headers=allowed)
    return response


def _failed(request: HttpRequest, error: Exception) -> HttpResponse:
    """The answer to an error that no operation expects."""
    if isinstance(error, Http404):
        return Problem(ProblemKind.NOT_FOUND, "This address does not exist.").response()
    if isinstance(error, RequestDataTooBig):
        return Problem(ProblemKind.TOO_LONG, "Send less at once.").response()
    if isinstance(error, SuspiciousOperation | BadRequest | UnreadablePostError):
        words = "The request cannot be read. Check its address, headers and body."
        return Problem(ProblemKind.BAD_REQUEST, words).response()
    got_request_exception.send(sender=None, request=request)
    if isinstance(error, OperationalError | InterfaceError):
        words = "The database is busy or does not answer. Send the request again."
        response = wait(_BUSY_SECONDS, words, ProblemKind.BUSY).response()
    else:
        words = "This is a fault of the site, and is in its log. Nothing more is known here."
        response = Problem(ProblemKind.FAILED, words).response()
    log_response(
        "%s: %s", response.reason_phrase, request.path, response=response, request=request,
        exception=error,
    )  # fmt: skip
    return response
