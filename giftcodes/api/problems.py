"""Errors as `application/problem+json` (RFC 9457). Each says what to do."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpResponse

CONTENT_TYPE = "application/problem+json"


class ProblemKind(Enum):
    """The kinds of errors: a name that does not change, the status, and the title."""

    BAD_REQUEST = "bad-request", 400, "The request cannot be read"
    TOKEN = "token", 401, "The token is missing or does not work"
    FORBIDDEN = "forbidden", 403, "The token may not do this"
    NOT_FOUND = "not-found", 404, "There is no such thing"
    METHOD = "method", 405, "This address does not take this method"
    RUN_UNDER_WAY = "run-under-way", 409, "A run is under way already"
    NOT_POSSIBLE = "not-possible", 409, "This is not possible now"
    KEY_UNDER_WAY = "key-under-way", 409, "The first request with this key is being answered"
    TOO_LONG = "too-long", 413, "The body is too long"
    UNUSABLE = "unusable", 422, "A value cannot be used"
    KEY_REUSED = "key-reused", 422, "The key belongs to another request"
    LIMIT = "limit", 429, "Too many requests"
    FAILED = "failed", 500, "Something went wrong"
    BUSY = "busy", 503, "The database is busy or does not answer"

    def __init__(self, name: str, status: int, title: str) -> None:
        """Take the parts of the value."""
        self.slug, self.status, self.title = name, status, title

    @property
    def type(self) -> str:
        """The URI of the kind, which programs compare."""
        return f"urn:redeemer:problem:{self.slug}"

    @classmethod
    def title_of(cls, status: int) -> str:
        """The titles of the kinds with a status."""
        return ", or: ".join(kind.title for kind in cls if kind.status == status)


@dataclass(slots=True)
class Problem(Exception):  # noqa: N818 - most are expected
    """An error that a program gets.

    Args:
        kind: the kind.
        detail: what happened and what to do, for a person.
        more: further members of the body.
        headers: further headers.
    """

    kind: ProblemKind
    detail: str
    more: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> HttpResponse:
        """The answer."""
        body = {
            "type": self.kind.type,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            **self.more,
        }
        return HttpResponse(
            json.dumps(body, cls=DjangoJSONEncoder, ensure_ascii=False),
            status=HTTPStatus(self.kind.status),
            content_type=CONTENT_TYPE,
            headers=self.headers,
        )


def wait(seconds: int, detail: str, kind: ProblemKind = ProblemKind.LIMIT) -> Problem:
    """An error that is over in some seconds, with `Retry-After`."""
    return Problem(kind, detail, headers={"Retry-After": str(seconds)})
