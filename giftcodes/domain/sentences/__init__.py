"""Sentences that are stored: a key with values, so that each person reads them in their language.

A `Sentence` is a text in the active language that remembers its key and its values. Fields
(`SentenceField`) and statements (`giftcodes.sql`) write the key and the values, and fields read
them as a sentence again. So code that shows a stored sentence needs to know nothing of this.

A stored sentence begins with `MARK`, which is followed by a list in JSON: the key and, if there are
any, the values, such as `§["no_clear_answer",{"words":"server busy","tries":5}]`. A text without
the mark is of an earlier release, or of a person, and is shown as it is (decision 32).
"""

from __future__ import annotations

from giftcodes.domain.sentences.answers import reason_of
from giftcodes.domain.sentences.sentence import (
    MARK,
    Sentence,
    english,
    in_active_language,
    keys_that_say,
    read,
    stored,
    stored_key,
)

__all__ = [
    "MARK",
    "Sentence",
    "english",
    "in_active_language",
    "keys_that_say",
    "read",
    "reason_of",
    "stored",
    "stored_key",
]
