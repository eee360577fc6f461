"""Configures structured log lines. They are readable text, or JSON with `LOG_FORMAT=json`."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import structlog

from giftcodes.domain.text import one_line, printable
from giftcodes.domain.tokens import hide_tokens

FORMATS = ("console", "json")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_MAX_LINE_CHARACTERS = 2_000
#: The secret in the address of an invitation, or of a link to a new password (redeemer/urls.py).
_SECRET_IN_PATH = re.compile(r"(/(?:invitation|password-link)/)[^/\s'\"?&<>]+")
#: The maximum length of what a stranger sends: a path, or a header. A path may have 30,000
#: characters, and a refused request is logged in up to two lines.
_MAX_SENT_CHARACTERS = 200
#: The values of a log line that come from the request.
_SENT = ("request", "user_agent", "correlation_id", "request_id")


def shortened(_logger: Any, _method: str, event: Any) -> Any:
    """Shorten the values that a request sends, and Django's messages, which may contain them."""
    for name in _SENT:
        if isinstance(event.get(name), str):
            event[name] = _cut(event[name], _MAX_SENT_CHARACTERS)
    if isinstance(event.get("event"), str):
        is_django = str(event.get("logger", "")).startswith(("django.", "axes"))
        most = _MAX_SENT_CHARACTERS if is_django else _MAX_LINE_CHARACTERS
        event["event"] = _cut(event["event"], most)
    return event


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def only_printable(_logger: Any, _method: str, event: Any) -> Any:
    """Remove from every value of a log line the characters that hide or reorder text.

    The values include the names of players and the responses of servers.
    """
    return {name: _each_text(value, printable) for name, value in event.items()}


def without_secrets(_logger: Any, _method: str, event: Any) -> Any:
    """Remove from every value of a log line the secrets in addresses of links."""
    return {name: _each_text(value, _without_secrets) for name, value in event.items()}


def _without_secrets(text: str) -> str:
    return hide_tokens(_SECRET_IN_PATH.sub(r"\1…", text))


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """Return the value with each text in it changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _each_text(inner, change) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_each_text(inner, change) for inner in value]
    return value


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
    shortened,
    only_printable,
    without_secrets,
]


class OneLine(logging.Filter):
    """Reduces a message to one line."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Remove line breaks and other control characters, and limit the length."""
        record.msg, record.args = one_line(record.getMessage(), _MAX_LINE_CHARACTERS), ()
        return True


class RefusedRequest(logging.Filter):
    """Writes one line about each request that Django refused.

    Django adds a traceback, which shows only how the request was refused.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the traceback by the path and the client's address.

        Returns:
            False if the record is dropped, because the line about the end of the request also has
            the reason (redeemer.error_pages.bad_request).
        """
        request = getattr(record, "request", None)
        if request is None or not record.exc_info or getattr(record, "status_code", 500) >= 500:
            return True
        if "reason" in structlog.contextvars.get_contextvars():
            return False
        record.exc_info = record.exc_text = None
        record.msg, record.args = one_line(record.getMessage(), _MAX_LINE_CHARACTERS), ()
        record.path, record.ip = request.path, _client_address(request)
        return True


def _client_address(request: Any) -> str | None:
    # Django configures the logs before its apps are ready, and `redeemer.security` needs the apps.
    from redeemer.security import client_address

    return client_address(request)


def configure(*, log_format: str, level: str) -> dict[str, Any]:
    """Configure structlog and return the `LOGGING` dictionary for Django and Celery.

    Args:
        log_format: one of FORMATS.
        level: one of LEVELS.
    """
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, sort_keys=True)
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    renderer,
                ],
                "foreign_pre_chain": [
                    structlog.stdlib.ExtraAdder(allow=("path", "ip")),
                    *_SHARED,
                ],
            }
        },
        "filters": {"one line": {"()": OneLine}, "refused": {"()": RefusedRequest}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "structured",
                "filters": ["refused"],
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "axes": {"level": "WARNING"},
            "celery": {"level": "WARNING"},
            # The bot's process says in one line of its own what these say in many.
            "discord": {"level": "ERROR"},
            "discord.client": {"level": "CRITICAL"},
            "celery.beat": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "django_structlog": {"level": "WARNING"},
            "django.server": {"level": "WARNING"},
            # Waitress logs the decoded path of a request. Line breaks in a path would forge lines.
            "waitress": {"level": "WARNING", "filters": ["one line"]},
            # This logger warns whenever a request waits for a thread, even for a moment.
            "waitress.queue": {"level": "ERROR"},
            # The warnings of urllib3 show raw bytes of broken responses, which may have secrets.
            "urllib3": {"level": "ERROR"},
        },
    }
