"""The addresses of the API, and its description (OpenAPI). `door.py` imports this module late."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.core.exceptions import ValidationError as FieldError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema

from giftcodes.api import codes, guilds, members, redemptions
from giftcodes.api.common import unusable
from giftcodes.api.door import PREFIX
from giftcodes.api.problems import CONTENT_TYPE, Problem, ProblemKind

_ABOUT = (
    "Guilds, members, codes and runs, with the same rights and limits as on the pages. Each "
    "request needs a token, which an officer makes on the page of the guild."
)
#: How many faults of a body an answer names.
MOST_ERRORS = 20
#: The maximum number of characters of a field's name that an answer repeats.
_MOST_NAME = 60
_EXTRA = {
    "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    "security": [{"token": []}],
}

api = NinjaAPI(
    title="Redeemer",
    version="1",
    description=_ABOUT,
    urls_namespace="api-v1",
    openapi_url=None,
    docs_url=None,
    openapi_extra=_EXTRA,
)
for _router in (guilds.router, members.router, codes.router, redemptions.router):
    api.add_router("", _router)


@api.exception_handler(Problem)
def _problem(_request: HttpRequest, problem: Problem) -> HttpResponse:
    return problem.response()


@api.exception_handler(ValidationError)
def _invalid(_request: HttpRequest, error: ValidationError) -> HttpResponse:
    # A body of 64 kB may have thousands of faults or very long names, and the answer is stored if
    # the request has an Idempotency-Key.
    named = error.errors[:MOST_ERRORS]
    errors = [
        {"at": [str(part)[:_MOST_NAME] for part in one["loc"]], "reason": one["msg"]}
        for one in named
    ]
    first = errors[0] if errors else {"at": [], "reason": ""}
    words = "%(place)s cannot be used: %(reason)s."
    detail = words % {"place": "/".join(first["at"]), "reason": first["reason"]}
    return Problem(ProblemKind.UNUSABLE, detail, more={"errors": errors}).response()


@api.exception_handler(FieldError)
def _field(_request: HttpRequest, error: FieldError) -> HttpResponse:
    return unusable(error).response()


@api.exception_handler(HttpError)
def _unreadable(_request: HttpRequest, error: HttpError) -> HttpResponse:
    words = "The body cannot be read. Send JSON as UTF-8."
    kind = ProblemKind.BAD_REQUEST if error.status_code == 400 else ProblemKind.FAILED
    return Problem(kind, words).response()


@api.exception_handler(Http404)
def _missing(_request: HttpRequest, _error: Http404) -> HttpResponse:
    return Problem(ProblemKind.NOT_FOUND, "There is no such thing.").response()


@api.exception_handler(Exception)
def _unexpected(_request: HttpRequest, error: Exception) -> HttpResponse:
    raise error


@cache
def openapi() -> OpenAPISchema:
    """The description of the API."""
    found: Any = api.get_openapi_schema(path_prefix=PREFIX)
    for operations in found["paths"].values():
        for method, operation in operations.items():
            _describe(method, operation)
    return found  # type: ignore[no-any-return]


def _describe(method: str, operation: dict[str, Any]) -> None:
    """Describe errors as `application/problem+json`, and the `Idempotency-Key` of a POST."""
    for status, response in operation["responses"].items():
        if int(status) >= 400:
            response["description"] = ProblemKind.title_of(int(status))
            response["content"] = {CONTENT_TYPE: response["content"].pop("application/json")}
    if method == "post":
        operation.setdefault("parameters", []).append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": (
                    "A request that is repeated with its key within 24 hours is not done again, "
                    "but gets the same answer."
                ),
                "schema": {"type": "string", "pattern": "^[!-~]+$", "maxLength": 200},
            }
        )


@cache
def _openapi_json() -> bytes:
    # It is cached, because anyone may request it, and it takes as long to make as a page.
    return JsonResponse(openapi()).content


def description() -> HttpResponse:
    """The answer with the description of the API."""
    return HttpResponse(_openapi_json(), content_type="application/json")


urlpatterns = [path(PREFIX.removeprefix("/"), api.urls)]
