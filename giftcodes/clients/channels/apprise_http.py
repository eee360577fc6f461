"""HTTP for Apprise's plug-ins: no proxies, no redirects, and the answers are noted.

A plug-in calls functions of the module `requests`, which read proxies and passwords from the
environment, and it returns only True or False. So the name `requests` in the plug-ins leads to the
object here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import requests

_ANSWERS: ContextVar[list[requests.Response] | None] = ContextVar("_ANSWERS", default=None)
_METHODS = frozenset({"delete", "get", "head", "options", "patch", "post", "put"})


class _Requests:
    """The module `requests`, with other functions for requests."""

    def __getattr__(self, name: str) -> Any:
        if name in _METHODS:
            return lambda url, **options: self.request(name.upper(), url, **options)
        return getattr(requests, name)

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        """One request, as `requests.request`."""
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(method, url, **{**options, "allow_redirects": False})
        noted = _ANSWERS.get()
        if noted is not None:
            noted.append(answer)
        return answer


_REQUESTS = _Requests()


def take_over() -> None:
    """Make the plug-ins that are loaded use this module. It is safe to repeat."""
    for name, module in list(sys.modules.items()):
        if name.startswith("apprise.plugins.") and vars(module).get("requests") is requests:
            module.requests = _REQUESTS  # type: ignore[attr-defined]


@contextmanager
def noted_answers() -> Iterator[list[requests.Response]]:
    """The answers to the requests that the plug-ins make meanwhile in this thread."""
    answers: list[requests.Response] = []
    token = _ANSWERS.set(answers)
    try:
        yield answers
    finally:
        _ANSWERS.reset(token)
