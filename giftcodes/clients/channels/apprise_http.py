"""HTTP for Apprise's plug-ins, without proxies and redirects, and with a record of the answers.

A plug-in calls the functions of the module `requests`, and these read proxies and passwords from
the environment. And a plug-in returns only True or False, but not the answers. So the name
`requests` in the plug-ins' modules is bound to the object `_REQUESTS`, which is defined here.
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
    """A substitute for the module `requests` that differs only in the functions that send."""

    def __getattr__(self, name: str) -> Any:
        if name in _METHODS:
            return lambda url, **options: self.request(name.upper(), url, **options)
        return getattr(requests, name)

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        """Send one request, like `requests.request`."""
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(method, url, **{**options, "allow_redirects": False})
        noted = _ANSWERS.get()
        if noted is not None:
            noted.append(answer)
        return answer


_REQUESTS = _Requests()


def take_over() -> None:
    """Make all loaded plug-ins use `_REQUESTS`. It is safe to call this repeatedly."""
    for name, module in list(sys.modules.items()):
        if name.startswith("apprise.plugins.") and vars(module).get("requests") is requests:
            module.requests = _REQUESTS  # type: ignore[attr-defined]


@contextmanager
def noted_answers() -> Iterator[list[requests.Response]]:
    """Record the answers to the requests that plug-ins make in this thread during the block."""
    answers: list[requests.Response] = []
    token = _ANSWERS.set(answers)
    try:
        yield answers
    finally:
        _ANSWERS.reset(token)
