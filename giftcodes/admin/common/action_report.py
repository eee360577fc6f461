"""The messages that an action shows. Each result is shown once, and a long list is shortened."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from django.contrib import messages
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from django.http import HttpRequest

#: If there are more lines of one level than this, they are joined into one message.
SHOWN = 5
_ORDER = (messages.SUCCESS, messages.INFO, messages.WARNING, messages.ERROR)


class Report:
    """Collects lines by level. A line that comes up several times is shown once, with its count."""

    def __init__(self) -> None:
        self._lines: dict[int, Counter[str]] = {level: Counter() for level in _ORDER}

    def done(self, text: str) -> None:
        """Add a line about something that the action did."""
        self._lines[messages.SUCCESS][text] += 1

    def nothing(self, text: str) -> None:
        """Add a line about a row for which there was nothing to do."""
        self._lines[messages.INFO][text] += 1

    def refused(self, text: str) -> None:
        """Add the reason why the action did not do something."""
        self._lines[messages.WARNING][text] += 1

    def failed(self, text: str) -> None:
        """Add a line about something that the action should have done but could not do."""
        self._lines[messages.ERROR][text] += 1

    def tell(self, request: HttpRequest, *, is_silent: bool = False) -> None:
        """Show the lines on the next page. If there are none, say that there was nothing to do.

        Args:
            request: the request of the person whose next page shows the lines.
            is_silent: whether to show nothing if there are no lines, because the next page says
                enough.
        """
        has_lines = False
        for level in _ORDER:
            for text in _texts(self._lines[level]):
                messages.add_message(request, level, text)
                has_lines = True
        if not has_lines and not is_silent:
            messages.info(request, _("There was nothing to do."))


def _texts(lines: Counter[str]) -> list[str]:
    texts = [
        text if number == 1 else _("%(text)s (%(number)d times)") % {"text": text, "number": number}
        for text, number in lines.items()
    ]
    if len(texts) <= SHOWN:
        return texts
    rest = _("… and %(rest)d more, %(all)d in all.") % {
        "rest": len(texts) - SHOWN,
        "all": sum(lines.values()),
    }
    return ["\n".join([*texts[:SHOWN], rest])]
