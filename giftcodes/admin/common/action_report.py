"""The messages that an action shows. Several results of a kind are one message, with a list."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from django.contrib import messages
from django.utils.html import format_html_join
from django.utils.safestring import SafeData
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

if TYPE_CHECKING:
    from django.http import HttpRequest

#: If a level has this many lines or more, they are shown as one message: their number, and a list
#: that can be opened.
FOLDED = 3
#: The maximum number of lines in such a list.
SHOWN = 50
#: The tag of a message whose first line is the heading of the other lines. The template of the
#: messages (templates/unfold/helpers/messages.html) shows them as a list that can be opened.
FOLDED_TAG = "folded"
_ORDER = (messages.SUCCESS, messages.INFO, messages.WARNING, messages.ERROR)


class Report:
    """Collects lines by level. A line that comes up several times is shown once, with its count."""

    def __init__(self) -> None:
        #: Whether the lines of `done` are about runs. These have only begun, so the heading says
        #: “started” and not “done”.
        self.is_about_starts = False
        self._lines: dict[int, Counter[str]] = {level: Counter() for level in _ORDER}
        self._together: list[str] = []

    def done(self, text: str) -> None:
        """Add a line about something that the action did."""
        self._lines[messages.SUCCESS][text] += 1

    def together(self, text: str) -> None:
        """Add a line about all rows together, which is always shown as a message of its own."""
        self._together.append(text)

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
        has_lines = bool(self._together)
        for level in _ORDER:
            lines = _texts(self._lines[level])
            has_lines = has_lines or bool(lines)
            if len(lines) >= FOLDED:
                heading = self._heading(level, self._lines[level].total())
                text = _folded(heading, lines)
                messages.add_message(request, level, text, extra_tags=FOLDED_TAG)
                lines = []
            if level == messages.SUCCESS:
                lines += self._together
            for text in lines:
                messages.add_message(request, level, text)
        if not has_lines and not is_silent:
            messages.info(request, _("There was nothing to do."))

    def _heading(self, level: int, number: int) -> str:
        if level == messages.SUCCESS and self.is_about_starts:
            return ngettext("%d started", "%d started", number) % number
        return _heading(level, number)


def _texts(lines: Counter[str]) -> list[str]:
    return [
        text if number == 1 else _("%(text)s (%(number)d times)") % {"text": text, "number": number}
        for text, number in lines.items()
    ]


def _folded(heading: str, lines: list[str]) -> str:
    """One text: the heading, and below it each line. Links in the lines stay links."""
    shown = [heading, *lines[:SHOWN]]
    if len(lines) > SHOWN:
        shown.append(_("… and %d more.") % (len(lines) - SHOWN))
    if any(isinstance(line, SafeData) for line in shown):
        return format_html_join("\n", "{}", ((line,) for line in shown))
    return "\n".join(shown)


def _heading(level: int, number: int) -> str:
    match level:
        case messages.SUCCESS:
            words = ngettext("%d done", "%d done", number)
        case messages.INFO:
            words = ngettext("Nothing to do for %d", "Nothing to do for %d", number)
        case messages.WARNING:
            words = ngettext("%d not done", "%d not done", number)
        case _:
            words = ngettext("%d failed", "%d failed", number)
    return words % number
