"""A start that settings forbid ends with one clear line, and not with a traceback."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import NoReturn

from django.core.exceptions import ImproperlyConfigured


def show_in_one_line() -> None:
    """From now on, ImproperlyConfigured ends this process with one line. Other errors are shown as before."""
    sys.excepthook = _show


def end_process(error: ImproperlyConfigured) -> NoReturn:
    """End this process with one line and exit status 1."""
    sys.stderr.write(_line(error))
    sys.exit(1)


def require_secret_key() -> None:
    """For what signs: the site, and what works for it.

    Raises:
        ImproperlyConfigured: there is no SECRET_KEY. The text says what to do.
    """
    from giftcodes.secret_key import secret_key

    secret_key()


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, ImproperlyConfigured):
        sys.stderr.write(_line(error))
    else:
        sys.__excepthook__(kind, error, trace)


def _line(error: ImproperlyConfigured) -> str:
    from giftcodes.secret_key import NOT_SET

    text = " ".join(str(error).split())
    return f"{NOT_SET if text.startswith('The SECRET_KEY setting') else text}\n"
