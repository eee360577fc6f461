"""Work on each item of a pass separately, so that one bad row does not stop the others."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from django.db import InterfaceError, OperationalError
from django.dispatch import Signal

from giftcodes.domain import log_lines
from giftcodes.domain.sentences import Sentence, english
from giftcodes.models.alarm import Alarm

_P = ParamSpec("_P")
_T = TypeVar("_T")
_SUBJECT_LENGTH = 100

#: Code sends this signal when it has caught an unexpected exception and goes on. The argument
#: `error` is the exception. The sender is the name of the step, as text.
unexpected_error = Signal()


class FailureIsolation:
    """A pass over many items. A failing item is skipped, and an alarm is raised for it.

    The alarm is cleared at the end of the first pass in which the item does not fail.

        with FailureIsolation("sweep") as isolation:
            for pk in ids:
                isolation.call(f"code {pk}", close, pk)

    Args:
        step: the name of the pass. The subjects of its alarms begin with it.
        is_left_out: takes an item in words, as `call` does, and returns whether this pass leaves
            the item out. The alarm of such an item stays until another pass handles the item. By
            default, no item is left out.
    """

    def __init__(
        self, step: str, *, is_left_out: Callable[[str], bool] = lambda _what: False
    ) -> None:
        self._step = step
        self._is_left_out = is_left_out
        self._failed: set[str] = set()

    def call(
        self, what: str, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T | None:
        """Call a function for one item.

        Args:
            what: the item in words, such as `code 17`.
            work: the function. It must not be called in a transaction, and must not leave one open.

        Returns:
            What the function returns. None if it failed.

        Raises:
            OperationalError, InterfaceError: the database is down. The other items would fail, too.
        """
        try:
            return work(*args, **kwargs)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 (the other items go on after any error)
            self._note(what, error)
            return None

    def _note(self, what: str, error: Exception) -> None:
        """Raise an alarm about an item that failed.

        The alarm leaves out the error's message, because PostgreSQL quotes whole rows in it,
        including secrets.
        """
        subject = f"{self._step}: {what}"[:_SUBJECT_LENGTH]
        self._failed.add(subject)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        message = Sentence.of("step_fails", step=self._step, item=what, error=type(error).__name__)
        if Alarm.objects.raise_once(Alarm.Kind.BAD_ROW, subject, message):
            log_lines.warning(
                f"🔔 {english(message)}", at=f"{Path(frame.filename).name}:{frame.lineno}"
            )
            unexpected_error.send(self._step, error=error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Clear the alarms of this step, except for items that failed now or were left out."""
        if kind is not None:
            return
        mine = Alarm.objects.standing().filter(
            kind=Alarm.Kind.BAD_ROW, subject__startswith=f"{self._step}: "
        )
        over = [
            subject
            for subject in mine.values_list("subject", flat=True)
            if subject not in self._failed
            and not self._is_left_out(subject.removeprefix(f"{self._step}: "))
        ]
        if over:
            mine.filter(subject__in=over).clear_all()
