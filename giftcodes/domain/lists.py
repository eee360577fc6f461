"""Lists in sentences, with the sign that the reader's language has between two items."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import pgettext_lazy

#: The pattern of a list. A `Sentence` puts the items into it when it is read.
LIST_OF = pgettext_lazy("the first item of a list, and the rest", "%(first)s, %(rest)s")


def joined(items: Iterable[str]) -> str:
    """The items in one line, such as `FROST, SNOW`. Empty if there are none."""
    pattern = str(LIST_OF)
    found = list(items)
    line = found.pop() if found else ""
    for item in reversed(found):
        line = pattern % {"first": item, "rest": line}
    return line
