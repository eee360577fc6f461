"""Find what looks like a gift code in a message that a person wrote."""

from __future__ import annotations

import re
from collections.abc import Collection

from giftcodes.domain.text import clean_token

#: A longer text is not read to its end.
_MOST_CHARACTERS = 6_000
#: Addresses, mentions, emoji and times of Discord, whose parts are no codes.
_NOISE = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|<[^<>\s]{2,60}>|:[A-Za-z0-9_]{2,40}:")
_WORD = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]{4,32}(?![A-Za-z0-9])")
#: A word is meant as a code if it is alone in its line, if it stands between backticks or double
#: asterisks, or if it follows `code:`.
_ALONE = re.compile(r"^[\s>*_~`|\-•–—\"'“”‘’():.!]*([A-Za-z0-9]{4,32})[\s*_~`|\-–—\"'“”‘’():.!]*$")
_MARKED = re.compile(r"`{1,3}\s*([A-Za-z0-9]{4,32})\s*`{1,3}|\*\*\s*([A-Za-z0-9]{4,32})\s*\*\*")
_NAMED = re.compile(r"\bcode\b\s*[:=\-–—]+\s*[`*\"“']*([A-Za-z0-9]{4,32})", re.IGNORECASE)
#: Words that announcements often write in capitals, and that are no codes.
_NO_CODES = frozenset(
    {
        *("code", "codes", "gift", "giftcode", "giftcodes", "free", "everyone", "here", "hurry"),
        *("expires", "expired", "valid", "until", "redeem", "reward", "rewards", "claim", "event"),
        *("today", "limited", "time", "players", "state", "kingdom", "guild", "alliance"),
        *("update", "news", "official", "discord"),
    }
)


def codes_in(text: str, *, known: Collection[str] = (), most: int) -> list[str]:
    """What looks like a code, the likeliest first, each once and as it is written.

    Args:
        text: the message.
        known: folded codes that are known. Any word that is one of them comes first.
        most: the maximum number of results.
    """
    text = _readable(text)
    found: dict[str, tuple[int, int, str]] = {}
    meant = _meant(text)
    for place, match in enumerate(_WORD.finditer(text)):
        word = match[0]
        rank = _rank(word, meant, known)
        if rank is None:
            continue
        folded = word.casefold()
        if folded not in found or rank < found[folded][0]:
            found[folded] = (rank, place, word)
    return [word for _rank_, _place, word in sorted(found.values())][:most]


def words_in(text: str) -> set[str]:
    """The folded words of a message that could be codes by their letters and their length."""
    return {match[0].casefold() for match in _WORD.finditer(_readable(text))}


def _readable(text: str) -> str:
    """The beginning of a message without noise. Each line is cleaned as codes are cleaned."""
    lines = text[:_MOST_CHARACTERS].splitlines()
    return _NOISE.sub(" ", "\n".join(clean_token(line) for line in lines))


def _meant(text: str) -> set[str]:
    """Words that the writer set apart as a code."""
    words = [match[1] or match[2] for match in _MARKED.finditer(text)]
    words += [match[1] for match in _NAMED.finditer(text)]
    words += [match[1] for line in text.splitlines() if (match := _ALONE.match(line))]
    return {word.casefold() for word in words}


def _rank(word: str, meant: set[str], known: Collection[str]) -> int | None:
    """How likely a word is a code: a smaller number is likelier. None if it is no code."""
    folded = word.casefold()
    if folded in known:
        return 0
    if word.isdecimal() or folded in _NO_CODES:
        return None
    if folded in meant:
        return 1
    has_digit = any(letter.isdecimal() for letter in word)
    letters = [letter for letter in word if letter.isalpha()]
    capitals = sum(letter.isupper() for letter in letters)
    if has_digit and len(letters) >= 2 and not _is_measure(word):
        return 2
    if len(word) >= 6 and capitals == len(letters):
        return 3
    # Capitals inside of a word, such as in `gogoWOS`.
    return 4 if any(letter.isupper() for letter in word[1:]) and capitals >= 2 else None


def _is_measure(word: str) -> bool:
    """Whether a word is an amount or a time, such as `1000x` or `24hours`."""
    return bool(re.fullmatch(r"[0-9]+[A-Za-z]{1,7}", word)) and not word[-1].isupper()
