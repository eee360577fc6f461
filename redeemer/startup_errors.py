"""Shows an error in the settings as one clear line instead of a traceback, and ends the process."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import NoReturn

from django.core.exceptions import ImproperlyConfigured


def install_excepthook() -> None:
    """Show an uncaught ImproperlyConfigured as one line. Other errors are shown as before."""
    sys.excepthook = _excepthook


def exit_with(error: ImproperlyConfigured) -> NoReturn:
    """End this process with one line and exit status 1."""
    sys.stderr.write(_line(error))
    sys.exit(1)


def require_secret_key() -> None:
    """Check SECRET_KEY in the processes that need it: the site, the workers and beat.

    Raises:
        ImproperlyConfigured: there is no SECRET_KEY, or it can be guessed. The text says what to
            do.
    """
    from giftcodes.secret_key import require_strong

    require_strong()


def _excepthook(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if isinstance(error, ImproperlyConfigured):
        sys.stderr.write(_line(error))
    else:
        sys.__excepthook__(kind, error, trace)


def _line(error: ImproperlyConfigured) -> str:
    from giftcodes.secret_key import NOT_SET

    text = " ".join(str(error).split())
    return f"{NOT_SET if text.startswith('The SECRET_KEY setting') else text}\n"
