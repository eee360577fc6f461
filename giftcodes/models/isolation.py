"""One bad row stops no other: each item of a pass is worked on by itself."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from django.db import InterfaceError, OperationalError

from giftcodes.domain import log_lines
from giftcodes.models.alarm import Alarm

_P = ParamSpec("_P")
_T = TypeVar("_T")
_SUBJECT_LENGTH = 100


class FailureIsolation:
    """A pass over many items. What fails is left out, and has an alarm for as long as it fails.

        with FailureIsolation("sweep") as isolation:
            for pk in ids:
                isolation.call(f"code {pk}", close, pk)

    Args:
        step: what makes the pass; begins the alarms' subjects.
    """

    def __init__(self, step: str) -> None:
        self._step = step
        self._failed: set[str] = set()

    def call(
        self, what: str, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T | None:
        """Work on one item.

        Args:
            what: the item, for people: `code 17`.
            work: must leave no transaction open, and be called in none.

        Returns:
            What the work returns; None: it failed.

        Raises:
            OperationalError, InterfaceError: the database is away, and the other items would fail alike.
        """
        try:
            return work(*args, **kwargs)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 (whatever it is, the others go on)
            self._note(what, error)
            return None

    def _note(self, what: str, error: Exception) -> None:
        """The error's own words stay out: PostgreSQL quotes whole rows, secrets included."""
        subject = f"{self._step}: {what}"[:_SUBJECT_LENGTH]
        self._failed.add(subject)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        message = (
            f"The {self._step} fails for {what} ({type(error).__name__}) and goes on with the rest. It is tried again "
            f"each time. Look at that row."
        )
        if Alarm.objects.raise_once(Alarm.Kind.BAD_ROW, subject, message):
            log_lines.warning(f"🔔 {message}", at=f"{Path(frame.filename).name}:{frame.lineno}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Clear the alarms of this step whose items did not fail this time."""
        if kind is not None:
            return
        mine = Alarm.objects.standing().filter(
            kind=Alarm.Kind.BAD_ROW, subject__startswith=f"{self._step}: "
        )
        over = [
            subject
            for subject in mine.values_list("subject", flat=True)
            if subject not in self._failed
        ]
        if over:
            mine.filter(subject__in=over).clear_all()
