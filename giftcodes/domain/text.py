"""Clean the text that people and feeds send: remove invisible characters, convert digits.

Text is cleaned on input (model and form fields, lists, feeds, command line arguments) with
`clean_name`, `clean_notes` and `clean_token`. Text that an older release stored is cleaned when it
is read (`visible`) or shown (`printable`).

The invisible characters are those with the property Default_Ignorable_Code_Point of the Unicode
Character Database (DerivedCoreProperties.txt) and the marks of interlinear annotation.
"""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
#: Characters that look like a space: the Hangul fillers and the empty Braille pattern.
_BLANKS = dict.fromkeys(map(ord, "\u115f\u1160\u3164\uffa0\u2800"), " ")
_TO_EXAMINE = re.compile(f"{_INVISIBLE.pattern[:-1]}{''.join(map(chr, _BLANKS))}]")
_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_ZWNJ, _ZWJ = "\u200c", "\u200d"
_REPEATED_JOINER = re.compile("([\u200c\u200d])[\u200c\u200d]+")
#: The most combining marks on one letter, as in Unicode's stream-safe text format (Unicode Standard
#: Annex 15). The time that normalizing takes grows with the square of their number.
_MOST_MARKS = 30
_EMOJI_VARIATION = re.compile("[\ufe0e\ufe0f]")
_OTHER_VARIATION = re.compile("[\ufe00-\ufe0d\U000e0100-\U000e01ef]")
#: Flags that are encoded with tags, such as those of England, Scotland and Wales.
_TAGGED_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
#: The most characters in such a flag: the black flag, six tags and the end tag.
_FLAG = 8
_TAG = re.compile("[\U000e0020-\U000e007f]")
_KEYCAP = "\u20e3"
#: Emoji that are not in Unicode's category of symbols.
_ODD_EMOJI = "\u203c\u2049\u3030\u303d"
#: Scripts in which a joiner or non-joiner changes the shape of adjacent letters.
_JOINING_LETTER = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u18af\ua840-\ua8ff\ufb50-\ufdff\ufe70-\ufefc]"
)
_MONGOLIAN_LETTER = re.compile("[\u1820-\u18aa\u180b-\u180f]")
_VIRAMA_CLASS = 9
#: No character before this one is a combining mark.
_FIRST_MARK = "\u0300"
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"
_ISOLATED = re.compile("\u2068([^\u2066-\u2069]*)\u2069")
_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def visible(text: str) -> str:
    """Return the text in Unicode's composed form (NFC), without the invisible characters.

    A joiner or variation selector stays where it shapes an emoji, or a letter of a script that uses
    it. At most 30 combining marks in a row are kept. Control characters stay; validators refuse
    them.
    """
    if text.isascii() or _is_clean(text):
        return text
    text = _REPEATED_JOINER.sub(r"\1", _composed(text.translate(_BLANKS)))
    kept = _INVISIBLE.sub(lambda found: found[0] if _belongs(text, found.start()) else "", text)
    return _composed(kept)


def clean_name(text: str) -> str:
    """Clean a one-line name: apply `visible`, and strip white space."""
    return visible(text).strip()


def clean_notes(text: str) -> str:
    """Clean a text of several lines with `visible`. Line ends stay as the browser sent them."""
    return visible(text)


def clean_token(text: str) -> str:
    """Clean an ID, a code or a number: invisible characters are removed, digits become ASCII.

    Full-width letters and symbols become ASCII too. Other characters stay; validators refuse them.
    """
    if text.isascii():
        return text.strip()
    text = _INVISIBLE.sub("", text.translate(_BLANKS)).translate(_FULL_WIDTH)
    return "".join(_ascii_digit(character) for character in text).strip()


def ascii_digits(text: str) -> str:
    """Convert the digits of every script, and full-width letters and symbols, to ASCII.

    Each character becomes one character, so places in the text stay the same.
    """
    if text.isascii():
        return text
    return "".join(_ascii_digit(character) for character in text.translate(_FULL_WIDTH))


def one_kind_of_space(text: str) -> str:
    """Replace thin, wide and non-breaking spaces by the usual one. Tabs and line ends stay."""
    return text if text.isascii() else _SPACE.sub(" ", text)


def printable(text: str) -> str:
    """Make a text safe to show: apply `visible`, and replace control characters.

    Line ends and tabs stay.
    """
    return _without_controls(visible(text))


def isolated(name: str) -> str:
    """Return the name for use in a sentence.

    A right-to-left name is isolated, so that it does not reorder the words of the sentence.
    """
    if name.isascii() or not any(
        unicodedata.bidirectional(sign) in _RIGHT_TO_LEFT for sign in name
    ):
        return name
    return f"{_FIRST_STRONG_ISOLATE}{name}{_POP_ISOLATE}"


def sentence(text: str) -> str:
    """Apply `visible` to a sentence of this program. Isolated names in it stay isolated."""
    if text.isascii():
        return text
    parts = _ISOLATED.split(text)
    return "".join(
        isolated(visible(part)) if place % 2 else visible(part) for place, part in enumerate(parts)
    )


def printable_sentence(text: str) -> str:
    """Apply `sentence` to a text of ours with names in it, and replace control characters."""
    return _without_controls(sentence(text))


def _without_controls(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        _REPLACEMENT
        if unicodedata.category(character) in _CONTROLS and character not in "\n\t"
        else character
        for character in text
    )


def _is_clean(text: str) -> bool:
    """Return whether `visible` would change nothing. This is much faster than `visible`."""
    return (
        _TO_EXAMINE.search(text) is None
        and _with_few_marks(text) == text
        and unicodedata.is_normalized("NFC", text)
    )


def _composed(text: str) -> str:
    """Return the text in NFC, with at most `_MOST_MARKS` combining marks in a row."""
    # Marks are cut a second time, because NFC can turn one mark into several.
    return _with_few_marks(unicodedata.normalize("NFC", _with_few_marks(text)))


def _with_few_marks(text: str) -> str:
    if len(text) <= _MOST_MARKS:
        return text
    marks = [
        sign
        for sign in set(text)
        if sign >= _FIRST_MARK and unicodedata.combining(unicodedata.normalize("NFD", sign)[0])
    ]
    if not marks:
        return text
    run = f"[{re.escape(''.join(marks))}]"
    return re.sub(f"({run}{{{_MOST_MARKS}}}){run}+", r"\1", text)


def _ascii_digit(character: str) -> str:
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)


def _belongs(text: str, place: int) -> bool:
    """Return whether the invisible character at `place` shapes an adjacent character.

    Only a few characters around it are examined, so the time for a whole text is proportional to
    its length.
    """
    sign, before, after = text[place], text[max(0, place - 1) : place], text[place + 1 : place + 2]
    if not before:
        return False
    if sign == _ZWJ:
        near = text[max(0, place - 2) : place]
        return (_ends_in_emoji(near) and _is_emoji(after)) or _joins_letters(before, after)
    if sign == _ZWNJ:
        return _joins_letters(before, after)
    if _EMOJI_VARIATION.match(sign):
        return _is_emoji(before) or (before in "0123456789#*" and after == _KEYCAP)
    if _OTHER_VARIATION.match(sign):
        return unicodedata.category(before) == "Lo"
    if "\u180b" <= sign <= "\u180f":
        return bool(_MONGOLIAN_LETTER.match(before))
    return bool(_TAG.match(sign)) and any(
        flag.start() < place < flag.end()
        for flag in _TAGGED_FLAG.finditer(text, max(0, place - _FLAG), place + _FLAG)
    )


def _ends_in_emoji(text: str) -> bool:
    return _is_emoji(text[-1:]) or (
        bool(_EMOJI_VARIATION.match(text[-1:])) and _is_emoji(text[-2:-1])
    )


def _is_emoji(character: str) -> bool:
    """Return whether a character is an emoji or a skin tone, even if Python does not know it."""
    if not character:
        return False
    if unicodedata.category(character) == "So" or character in _ODD_EMOJI:
        return True
    return "\U0001f000" <= character <= "\U0001faff" or "\u2190" <= character <= "\u2bff"


def _joins_letters(before: str, after: str) -> bool:
    """Return whether a joiner between two characters is within a word, or follows a virama.

    In Malayalam, a joiner that follows a virama may end a word.
    """
    if not _JOINING_LETTER.match(before):
        return False
    return bool(_JOINING_LETTER.match(after)) or unicodedata.combining(before) == _VIRAMA_CLASS


def plain_text(text: str, limit: int) -> str:
    """Return the first `limit` characters, with unprintable ones replaced.

    Line ends and tabs stay.
    """
    text = text[:limit]
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else _REPLACEMENT for c in text)


def one_line(text: str, limit: int) -> str:
    """Return `plain_text` on one line with white space collapsed, so it cannot forge a log line."""
    return plain_text(" ".join(text[: 4 * limit].split()), limit)
