"""The words of players: the names of the games, and their words for what the API calls `kid`."""

from __future__ import annotations

import re

from django.conf import settings
from django.utils.functional import lazy
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from giftcodes.domain.sentences import Sentence
from giftcodes.models.games import games

_REALM = re.compile(r"\brealm\b")
#: Earlier releases stored reasons with these sentences, which say what happens next, or what a
#: person can do.
_NEXT_STEPS = re.compile(
    r" ?(?:It will be retried every day"
    r"|The request will be repeated(?: later)?"
    r"|Correct the member's realm; the code is then retried at once"
    r"|Check the player ID and the realm"
    r"|See the attempts, then press Redeem now"
    r"|Correct the member, and every code is tried at once; otherwise the game is asked once a week"
    r")\."
)
#: The words of the known games, for translators.
_WORDS = (gettext_noop("state"), gettext_noop("kingdom"), gettext_noop("realm"))


def title_of(provider: str) -> str:
    """The name of a game, or its key if it is no longer in the settings."""
    config = settings.PROVIDERS.get(provider)
    return config.title if config else provider


def place_noun(provider: str) -> str:
    """A game's word for the place of a player, for use within a sentence: `state` or `kingdom`.

    Args:
        provider: the key of the game. If no such game is in the settings, the word fits all games.
    """
    config = settings.PROVIDERS.get(provider)
    return _(config.realm_word) if config else _place_nouns()


def place_word(provider: str) -> str:
    """The word of `place_noun` with a capital, for labels and headings: `State` or `Kingdom`."""
    return capfirst(place_noun(provider))


def _place_nouns() -> str:
    """The word for pages that may show several games: `state`, or `state or kingdom`."""
    on = {config.realm_word for config in games().values() if config.is_on}
    words = sorted(on or {"state", "kingdom"}, reverse=True)
    return _(" or ").join(_(word) for word in words)


def _places() -> str:
    return capfirst(_place_nouns())


#: The word for several games, for headings of columns and labels of fields. It is evaluated when
#: it is shown.
places = lazy(_places, str)


def spoken(sentence: str, provider: str, *, is_over: bool = False) -> str:
    """A stored sentence in the words of a game.

    Args:
        sentence: the sentence. Earlier releases stored it in English, with the word `realm`.
        provider: the key of the game.
        is_over: whether the code has ended. If so, what happens next and what a person can do are
            left out.
    """
    if isinstance(sentence, Sentence):
        return sentence.in_words(is_over=is_over, realm=place_noun(provider))
    words = _without_next_steps(sentence) if is_over else sentence
    return _REALM.sub(lambda _found: place_noun(provider), words)


def _without_next_steps(sentence: str) -> str:
    """Keep only what happened, in a text that an earlier release stored in English."""
    happened = _NEXT_STEPS.sub("", sentence).removeprefix("Waits for correction: ")
    return happened[:1].upper() + happened[1:]
