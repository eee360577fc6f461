"""Find player IDs in a line of text: runs of digits, which may be divided into parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext

from giftcodes.roster.masks import MASK
from giftcodes.roster.values import LEAST_DIGITS, MOST_DIGITS

#: One of these may divide the digits of one number: spaces of every width, dots, commas, dashes.
_SEPARATOR = "[ \u00a0\u2000-\u200a\u202f\u205f\u3000.,'’·_\u2010-\u2013\u066c-]"
_CHAIN = re.compile(rf"[0-9]+(?:{_SEPARATOR}[0-9]+)*")
_GROUP = re.compile(r"[0-9]+")
#: Letters that a scanner or a person writes for a digit.
_LETTERS = str.maketrans({"O": "0", "o": "0", "О": "0", "о": "0", "l": "1", "I": "1"})
_SPOILT = "[0-9OoОоlI]"
_LETTERED = re.compile(
    rf"(?<!\w)(?:{_SPOILT}{{1,3}}(?:{_SEPARATOR}{_SPOILT}{{3}}){{1,3}}|{_SPOILT}{{6,12}})(?!\w)"
)
#: The fewest digits in a number with letters. With fewer of them it may be a name.
_FEWEST_DIGITS = 4
LABEL_BEFORE = re.compile(
    r"(?<![^\W_])(?:(?:player|user|game|spieler|игрок)?[\s_-]?(?:id|uid|fid|pid)|айди)"
    r"(?:\s{1,2}is|\s{1,2}ist)?\W{0,4}\Z",
    re.IGNORECASE,
)
#: How many characters before a number may contain its label.
_LABEL_REACH = 24
#: If a number in groups of three has more digits than this, its first group may be a line number.
_MOST_GROUPED = 10
#: If more groups of digits than this follow each other, they are not joined into numbers.
_MOST_GROUPS = 40
_LEAST_PARTED = 7


@dataclass(slots=True)
class FoundId:
    """A number that may be a player ID.

    Args:
        start, end: its place in the line.
        digits: the number.
        doubt: why it may be no player ID, in words. Empty if it is certain.
        is_labelled: whether “ID” is written before it.
    """

    start: int
    end: int
    digits: str
    doubt: str = ""
    is_labelled: bool = False


def player_ids(text: str, *, is_numbered: bool | None, start: int = 0) -> list[FoundId]:
    """The player IDs in a line, in their order.

    Args:
        text: the line, with ASCII digits. Times, links and the like are masked (`masks`).
        is_numbered: whether the lines of the list are numbered. None if that is not known.
        start: the place of the first character after bullets.
    """
    found: list[FoundId] = []
    for chain in _CHAIN.finditer(text):
        groups = [(chain.start() + one.start(), one[0]) for one in _GROUP.finditer(chain[0])]
        if len(groups) > _MOST_GROUPS:
            # So many groups are not one number in parts, so only whole numbers are read.
            groups = [one for one in groups if len(one[1]) >= LEAST_DIGITS]
        found += _numbers(text, groups, is_numbered=is_numbered, start=start)
    lettered = list(_lettered(text))
    found = [one for one in found if not any(_overlap(one, other) for other in lettered)]
    found += lettered
    found.sort(key=lambda one: one.start)
    for one in found:
        before = text[max(0, one.start - _LABEL_REACH) : one.start]
        one.is_labelled = bool(LABEL_BEFORE.search(before))
    labelled = [one for one in found if one.is_labelled]
    return _outside_words(text, labelled or found)


def odd_length(digits: str) -> str:
    """The question about a player ID of a length that games do not use, or an empty text."""
    if LEAST_DIGITS <= len(digits) <= MOST_DIGITS:
        return ""
    return gettext(
        "“%(digits)s” has %(number)d digits; player IDs have %(least)d to %(most)d. Is it right?"
    ) % {
        "digits": digits,
        "number": len(digits),
        "least": LEAST_DIGITS,
        "most": MOST_DIGITS,
    }


def _numbers(
    text: str, groups: list[tuple[int, str]], *, is_numbered: bool | None, start: int
) -> Iterator[FoundId]:
    """The player IDs in groups of digits that are divided by single separators."""
    at = 0
    while at < len(groups):
        place, digits = groups[at]
        if len(digits) >= LEAST_DIGITS:
            doubt = _doubt_of(text, place, digits)
            before = groups[at - 1][1] if at else ""
            if len(before) > 1 and before.startswith("0"):
                doubt = doubt or _phone_question(f"{before} {digits}")
            yield FoundId(place, place + len(digits), digits, doubt)
            at += 1
            continue
        last = _last_of_thousands(text, groups, at)
        number = _joined(groups, at, last)
        if last > at and LEAST_DIGITS <= len(number) <= MOST_DIGITS:
            rest = _joined(groups, at + 1, last)
            may_be_numbered = (
                place == start
                and is_numbered is None
                and len(digits) < 3
                and len(rest) > LEAST_DIGITS
                and not rest.startswith("0")
            )
            doubt = _doubt_of(text, place, number) or _doubt_of_grouped(
                number, digits, may_be_numbered=may_be_numbered
            )
            yield FoundId(place, _end(groups, last), number, doubt)
            at = last + 1
            continue
        last = _last_of_parts(text, groups, at)
        number = _joined(groups, at, last)
        if last > at and _LEAST_PARTED <= len(number) <= MOST_DIGITS:
            shown = text[place : _end(groups, last)]
            doubt = gettext("Is “%s” one number? It is written in parts.") % shown
            yield FoundId(place, _end(groups, last), number, doubt)
            at = last + 1
            continue
        at += 1


def _last_of_thousands(text: str, groups: list[tuple[int, str]], first: int) -> int:
    """The last group of a number in groups of three digits. The first one may have fewer."""
    last = first
    if len(groups[first][1]) > 3:
        return last
    separator = text[_end(groups, first) : _end(groups, first) + 1]
    while (
        last + 1 < len(groups)
        and len(groups[last + 1][1]) == 3
        and text[_end(groups, last)] == separator
    ):
        last += 1
    return last


def _last_of_parts(text: str, groups: list[tuple[int, str]], first: int) -> int:
    """The last group of a number that one separator divides into parts of any length."""
    last = first
    separator = text[_end(groups, first) : _end(groups, first) + 1]
    while (
        last + 1 < len(groups)
        and len(groups[last + 1][1]) < LEAST_DIGITS
        and text[_end(groups, last)] == separator
        and len(groups[first][1]) >= 2
    ):
        last += 1
    return last


def _joined(groups: list[tuple[int, str]], first: int, last: int) -> str:
    return "".join(digits for _place, digits in groups[first : last + 1])


def _end(groups: list[tuple[int, str]], number: int) -> int:
    place, digits = groups[number]
    return place + len(digits)


def _doubt_of(text: str, place: int, digits: str) -> str:
    if question := odd_length(digits):
        return question
    if digits.startswith("0") or text[place - 1 : place] == "+":
        return _phone_question(digits)
    return ""


def _phone_question(number: str) -> str:
    return gettext("Is “%s” a player ID or a phone number?") % number


def _doubt_of_grouped(number: str, first: str, *, may_be_numbered: bool) -> str:
    if may_be_numbered or len(number) > _MOST_GROUPED:
        return gettext("Is “%(first)s” a part of the player ID %(number)s, or a line number?") % {
            "first": first,
            "number": number,
        }
    if len(number) == LEAST_DIGITS:
        return gettext("Is %s a player ID or an amount?") % number
    return ""


def _overlap(one: FoundId, other: FoundId) -> bool:
    return one.start < other.end and other.start < one.end


def _lettered(text: str) -> Iterator[FoundId]:
    """Numbers in which letters stand for digits. They are never certain."""
    for match in _LETTERED.finditer(text):
        shown = match[0]
        digits = "".join(_GROUP.findall(shown.translate(_LETTERS)))
        if (
            sum(sign.isdecimal() for sign in shown) < _FEWEST_DIGITS
            or not any(sign.isalpha() for sign in shown)
            or not LEAST_DIGITS <= len(digits) <= MOST_DIGITS
        ):
            continue
        doubt = gettext("Letters were read as digits: is “%(shown)s” the player ID %(digits)s?")
        yield FoundId(
            match.start(), match.end(), digits, doubt % {"shown": shown, "digits": digits}
        )


def _outside_words(text: str, found: list[FoundId]) -> list[FoundId]:
    """Leave out numbers that are part of a word, or ask about them if there are no others."""
    in_words = [one for one in found if not one.is_labelled and _touches_letters(text, one)]
    if not in_words:
        return found
    if len(in_words) < len(found):
        return [one for one in found if one not in in_words]
    for one in in_words:
        one.doubt = one.doubt or gettext("Is %s the player ID? Letters touch it.") % one.digits
    return found


def _touches_letters(text: str, one: FoundId) -> bool:
    before, after = text[max(0, one.start - 1) : one.start], text[one.end : one.end + 1]
    return any(sign != MASK and sign.isascii() and sign.isalpha() for sign in (before, after))
