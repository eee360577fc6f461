"""Sends unexpected errors to Sentry, if SENTRY_DSN is set. Otherwise nothing here is loaded.

An event says which error was raised and where, in which task or at which page. It has no message of
the error, no variables and no request: PostgreSQL quotes whole rows in messages, and addresses of
pages contain tokens. The log of this machine has the message.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import sentry_sdk
from celery import signals
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import got_request_exception
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from sentry_sdk.utils import BadDsn

import giftcodes
from giftcodes.models.failure_isolation import unexpected_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

#: The same error at the same line is sent once in this time by each process. While the database is
#: down, every tick fails.
REST_SECONDS = 60.0
#: What an event keeps, and what it keeps of each error and of each frame. All else is dropped.
_KEPT = ("event_id", "timestamp", "level", "platform", "release", "environment", "sdk", "tags")
_KEPT_OF_AN_ERROR = ("type", "module", "mechanism")
_KEPT_OF_A_FRAME = (
    "filename",
    "module",
    "function",
    "lineno",
    "pre_context",
    "context_line",
    "post_context",
    "in_app",
)


def start(dsn: str) -> None:
    """Send the unexpected errors of this process from now on.

    Args:
        dsn: the address of a project in Sentry, with its key. It is a secret.

    Raises:
        ImproperlyConfigured: the DSN cannot be used. The text does not contain it.
    """
    try:
        sentry_sdk.init(
            dsn=dsn,
            release=f"redeemer@{giftcodes.__version__}",
            before_send=_Filter().kept,
            # The integrations of Django and Celery would add requests, arguments and statements.
            default_integrations=False,
            auto_enabling_integrations=False,
            integrations=[
                ExcepthookIntegration(),
                DedupeIntegration(),
                AtexitIntegration(callback=lambda _pending, _timeout: None),
            ],
            send_default_pii=False,
            include_local_variables=False,
            max_breadcrumbs=0,
            auto_session_tracking=False,
            send_client_reports=False,
            enable_backpressure_handling=False,
            in_app_include=["giftcodes", "redeemer"],
        )
    except BadDsn:
        bad = "SENTRY_DSN must be the DSN of a project, such as https://key@sentry.example.org/1."
        raise ImproperlyConfigured(bad) from None
    signals.task_failure.connect(_task_failed)
    got_request_exception.connect(_page_failed)
    unexpected_error.connect(_handled)


def _task_failed(sender: Any, exception: BaseException, **_: Any) -> None:
    _send(exception, task=sender.name)


def _page_failed(request: HttpRequest | None = None, **_: Any) -> None:
    error = sys.exc_info()[1]
    # The route has the form of the address, without the values in it.
    route = getattr(getattr(request, "resolver_match", None), "route", "")
    if error is not None:
        _send(error, page=f"{getattr(request, 'method', '')} /{route}")


def _handled(sender: str, error: BaseException, **_: Any) -> None:
    _send(error, step=sender)


def _send(error: BaseException, **tags: str) -> None:
    """Put an error into the queue of Sentry's own thread. This never waits for the network."""
    with sentry_sdk.new_scope() as scope:
        for name, value in tags.items():
            scope.set_tag(name, value)
        scope.capture_exception(error)


class _Filter:
    """Drops what was sent a moment ago, and keeps of other events only what is named above."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._sent_at: dict[tuple[Any, ...], float] = {}
        self._lock = threading.Lock()

    def kept(self, event: Any, _hint: Any) -> Any:
        """Return the event to send, or None to drop it (`before_send`)."""
        errors = [_error(value) for value in event.get("exception", {}).get("values", [])]
        if not errors or errors[-1].get("type") == ImproperlyConfigured.__name__:
            return None
        if not self._is_news(errors[-1]):
            return None
        kept = {name: event[name] for name in _KEPT if name in event}
        return {**kept, "exception": {"values": errors}}

    def _is_news(self, error: dict[str, Any]) -> bool:
        frames = error.get("stacktrace", {}).get("frames", [])
        last = frames[-1] if frames else {}
        key = (error.get("type"), last.get("filename"), last.get("lineno"))
        with self._lock:
            now = self._now()
            self._sent_at = {k: at for k, at in self._sent_at.items() if now - at < REST_SECONDS}
            is_news = key not in self._sent_at
            self._sent_at.setdefault(key, now)
        return is_news


def _error(value: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value[name] for name in _KEPT_OF_AN_ERROR if value.get(name)}
    frames = (value.get("stacktrace") or {}).get("frames", [])
    return {
        **kept,
        "stacktrace": {
            "frames": [
                {name: frame[name] for name in _KEPT_OF_A_FRAME if name in frame}
                for frame in frames
            ]
        },
    }
