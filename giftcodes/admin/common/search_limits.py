"""The limits on the searches and filters of a list.

Each word of a search adds conditions to the SQL statement, and each link on a page repeats the
filters of the page's address. So without limits, one request could occupy the site for seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.text import smart_split
from django.utils.translation import gettext as _

from giftcodes.domain.text import clean_name

if TYPE_CHECKING:
    from django.http import QueryDict

MAX_WORDS = 8
MAX_CHARACTERS = 200
#: How many values one filter of an address may have.
MAX_VALUES = 50


def search_problem(term: str) -> str:
    """Say how to shorten a search that is too long. Empty if the search is short enough.

    Args:
        term: the text as the person typed it.
    """
    if len(term) > MAX_CHARACTERS:
        return _("Search for at most %(count)d characters.") % {"count": MAX_CHARACTERS}
    # Cleaning may add words: it turns characters that only look like a space into spaces.
    if any(_word_count(text) > MAX_WORDS for text in (term, clean_name(term))):
        return _("Search for at most %(count)d words.") % {"count": MAX_WORDS}
    return ""


def _word_count(text: str) -> int:
    return sum(1 for _word in smart_split(text))


def has_too_many_values(query: QueryDict) -> bool:
    """Whether one of the filters in an address has too many values.

    A filter has several values if it appears in the address several times, or if its name ends with
    `__in` and its value has commas.
    """
    return any(
        len(values) > MAX_VALUES
        or (name.endswith("__in") and sum(value.count(",") + 1 for value in values) > MAX_VALUES)
        for name, values in query.lists()
    )
