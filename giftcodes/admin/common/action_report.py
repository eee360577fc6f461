"""The messages that an action shows: each result once, a long list shortened."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from django.contrib import messages
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from django.http import HttpRequest

#: More lines of one level than this are joined into one message.
SHOWN = 5
_ORDER = (messages.SUCCESS, messages.INFO, messages.WARNING, messages.ERROR)


class Report:
    """Collects lines by level. A line that comes up several times is shown once, with its count."""

    def __init__(self) -> None:
        self._lines: dict[int, Counter[str]] = {level: Counter() for level in _ORDER}

    def done(self, text: str) -> None:
        """The action did it."""
        self._lines[messages.SUCCESS][text] += 1

    def nothing(self, text: str) -> None:
        """There was nothing to do."""
        self._lines[messages.INFO][text] += 1

    def refused(self, text: str) -> None:
        """The action did not do it, and this is the reason."""
        self._lines[messages.WARNING][text] += 1

    def failed(self, text: str) -> None:
        """The action should have done it, and could not."""
        self._lines[messages.ERROR][text] += 1

    def tell(self, request: HttpRequest, *, is_silent: bool = False) -> None:
        """Show the lines on the next page. If there are none, say that there was nothing to do.

        Args:
            request: whose next page shows them.
            is_silent: the next page is the answer itself, so show nothing if there are no lines.
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
