"""What a key says: a sentence for gettext, and perhaps a shorter one for a code that has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class Text(NamedTuple):
    """The words of a key.

    Args:
        words: the sentence, with placeholders such as `%(code)s` for its values. If it says
            a number, it is the singular and plural of `ngettext_lazy`, with the name of the
            placeholder for the number.
        happened: the sentence without what happens next and what a person can do. None if `words`
            says nothing of this.
    """

    words: _StrPromise | str
    happened: _StrPromise | None = None
