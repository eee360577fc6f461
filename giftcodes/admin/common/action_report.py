"""What an action did, told to the person who pressed it: each result once, a long list shortened."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from django.contrib import messages
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from django.http import HttpRequest

#: More lines than this of one kind are told as one message.
SHOWN = 5
_ORDER = (messages.SUCCESS, messages.INFO, messages.WARNING, messages.ERROR)


class Report:
    """Lines by level. The same line twice is told once, with its number."""

    def __init__(self) -> None:
        self._lines: dict[int, Counter[str]] = {level: Counter() for level in _ORDER}

    def done(self, text: str) -> None:
        """It was done."""
        self._lines[messages.SUCCESS][text] += 1

    def nothing(self, text: str) -> None:
        """There was nothing to do."""
        self._lines[messages.INFO][text] += 1

    def refused(self, text: str) -> None:
        """It was not done, and this is why."""
        self._lines[messages.WARNING][text] += 1

    def failed(self, text: str) -> None:
        """It should have been done, and was not."""
        self._lines[messages.ERROR][text] += 1

    def tell(self, request: HttpRequest, *, is_silent: bool = False) -> None:
        """Show it on the next page. Silence is no answer: with no line at all, say that there was nothing to do.

        Args:
            request: who is told.
            is_silent: the page that follows is the answer; say nothing where there is nothing to say.
        """
        told = False
        for level in _ORDER:
            for text in _texts(self._lines[level]):
                messages.add_message(request, level, text)
                told = True
        if not told and not is_silent:
            messages.info(request, _("There was nothing to do."))


def _texts(lines: Counter[str]) -> list[str]:
    texts = [text if number == 1 else _("%(text)s (%(number)d times)") % {"text": text, "number": number}
             for text, number in lines.items()]  # fmt: skip
    if len(texts) <= SHOWN:
        return texts
    rest = _("… and %(rest)d more, %(all)d in all.") % {
        "rest": len(texts) - SHOWN,
        "all": sum(lines.values()),
    }
    return ["\n".join([*texts[:SHOWN], rest])]
