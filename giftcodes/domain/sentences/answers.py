"""The sentence about an answer of the game."""

from __future__ import annotations

from giftcodes.domain.outcomes import Outcome, meaning
from giftcodes.domain.sentences.sentence import Sentence


def reason_of(outcome: Outcome | str) -> Sentence:
    """What happened and what to do, for people, in the active language.

    Raises:
        ValueError: `outcome` is not a value of `Outcome`.
    """
    return Sentence.of(meaning(outcome).key)
