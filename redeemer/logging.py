"""Structured log lines: readable on a terminal, JSON where `LOG_FORMAT=json`."""

from __future__ import annotations

import logging
from typing import Any

import structlog

from giftcodes.domain.text import one_line, printable

FORMATS = ("console", "json")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_LONGEST_LINE = 2_000


def only_printable(_logger: Any, _method: str, event: Any) -> Any:
    """Take out of every text of a log line what hides or reorders it: names of players and answers of servers are
    among them."""
    return {name: _shown(value) for name, value in event.items()}


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {name: _shown(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(inner) for inner in value]
    return value


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
    only_printable,
]


class OneLine(logging.Filter):
    """Keeps a message to one line."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Without line breaks and other control characters, and not endless."""
        record.msg, record.args = one_line(record.getMessage(), _LONGEST_LINE), ()
        return True


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
                "foreign_pre_chain": _SHARED,
            }
        },
        "filters": {"one line": {"()": OneLine}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "axes": {"level": "WARNING"},
            "celery": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "django_structlog": {"level": "WARNING"},
            "django.server": {"level": "WARNING"},
            # Its lines name the path that was asked for, decoded: a line break in one would forge a line.
            "waitress": {"level": "WARNING", "filters": ["one line"]},
            # That requests wait for a thread for a moment.
            "waitress.queue": {"level": "ERROR"},
            # Its warnings show raw bytes of broken answers; what we keep of those goes through the redactor.
            "urllib3": {"level": "ERROR"},
        },
    }
