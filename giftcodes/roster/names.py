"""Find a player's name in what a line has besides the player ID."""

from __future__ import annotations

import re

from giftcodes.roster.cells import MENTION
from giftcodes.roster.masks import MASK
from giftcodes.roster.player_ids import LABEL_BEFORE

#: Labels that people write before a name, and that are not part of it.
_NAME_LABEL = re.compile(
    r"\A(?:player[\s_-]?name|nick(?:name)?|name|ign|player|member|spieler|имя|игрок)\s?[:=]\s*",
    re.IGNORECASE,
)
_EDGES = "` \t\u00a0\u2000-\u200a\u202f\u3000|│/\\\\:;,=•·●○▪▫■□◦‣…،؛、，；：–—>→➡➜➔⇒⟶←⬅⇐«»‹›-"
_AT_EDGES = re.compile(rf"\A[{_EDGES}]+|[{_EDGES}]+\Z")
#: Signs and emoji that mark a line and belong to no name, with their skin tones and variants.
_MARKS = "✅☑✔❌✖❎👉👈➡⬅⏩▶🔹🔸🔷🔶🔵🔴🟢🟡🟠🟣⚪⚫◾◽🆔🏷📌📍🎮👤🙋➕🆕🔰💠♦♢◆◇❖➤➢►"
_MARK = rf"[{_MARKS}][\ufe0f\U0001f3fb-\U0001f3ff]*"
_MARK_EDGES = re.compile(rf"\A(?:{_MARK})+|(?:{_MARK})+\Z")
_PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">", '"': '"', "“": "”", "„": "“", "«": "»", "'": "'"}
_FORMATS = ("***", "**", "__", "~~", "``", "`")
_EMPTY_PAIR = re.compile(r"\(\s*\)|\[\s*\]|\{\s*\}|<\s*>|\"\s*\"|“\s*”|`\s*`")
_RANK = re.compile(r"\A[([]?R[1-5][)\]]?\Z", re.IGNORECASE)
_SHORT_NUMBER = re.compile(r"\A[([]?([0-9]{3,4})[)\]]?\Z")
_NUMBER = re.compile(r"\A[([]?[0-9]+(?:[.,'’ ][0-9]+)*[)\].:]?\Z")
_CELLS = re.compile(r"\t|[|;]|\s{2,}")
_SHORT_NUMBER_AT_END = re.compile(r"(?<![\s,;|/–—-])[\s,;|/–—-]+[([]?([0-9]{3,4})[)\]]?\Z")
_LETTER = re.compile(r"\w")
#: Words that people write beside their ID. A piece that has no other words is not a name.
_FILLERS = frozenset(
    word
    for words in (
        "my id is mine me here hi hey hello please pls plz add adding thanks thx and the it its",
        "it's this that for new alt main account acc farm char second 2nd other first player game",
        "uid fid number also too all everyone guys team mein meine ist bitte und hier danke mi es",
        "el la por favor moi mon",
    )
    for word in words.split()
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|[0-9]\w*")
#: A name that is longer, or has more words, may be a sentence.
_MOST_CHARACTERS, _MOST_WORDS = 30, 4
#: Only this many characters of a piece are read. A longer piece is not a name, and trimming it
#: would be slow.
_MOST_OF_PIECE = 200
#: How often a piece is trimmed. Each time removes one pair of signs around it.
_MOST_TRIMMED = 20


def clean_piece(piece: str) -> str:
    """A piece of a line. Labels, separators, marks and quotation marks at its ends are removed."""
    parts = [_trimmed(part) for part in piece[:_MOST_OF_PIECE].split(MASK)]
    return _trimmed(" ".join(part for part in parts if part))


def label_removed(piece: str) -> str:
    """The piece before a player ID, without a label such as “ID:” at its end."""
    return LABEL_BEFORE.sub("", piece)


def name_before(piece: str) -> str:
    """The name in the piece before a player ID."""
    return clean_piece(label_removed(piece))


def is_filler(name: str) -> bool:
    """Whether a piece has only words such as “my ID is”, or no letter, digit or emoji at all."""
    words = _WORD.findall(name.casefold())
    return all(word in _FILLERS for word in words) if words else not _is_emoji_name(name)


def is_rank(piece: str) -> bool:
    """Whether a piece is only a rank in the alliance, R1 to R5."""
    return bool(_RANK.match(piece))


def without_numbers(piece: str) -> tuple[str, str]:
    """Remove from a piece the cells that are only a rank or a number.

    Args:
        piece: what is before or after a player ID. Tabs, bars, semicolons or several spaces divide
            it into cells.

    Returns:
        What is left of the piece, and its short number, which may be the realm. The short number is
        empty if the piece has none, or more than one.
    """
    cells = [clean_piece(cell) for cell in _CELLS.split(piece[:_MOST_OF_PIECE])]
    bare = [found[1] for cell in cells if (found := _SHORT_NUMBER.match(cell))]
    kept = [cell for cell in cells if cell and not is_rank(cell) and not _NUMBER.match(cell)]
    return " ".join(kept), bare[0] if len(bare) == 1 else ""


def number_after(piece: str) -> tuple[str, str]:
    """Split a short number off the end of a piece.

    Returns:
        The text before the number, and its digits. Without such a number, the piece itself and an
        empty text.
    """
    found = _SHORT_NUMBER_AT_END.search(piece)
    if not found or not _LETTER.search(piece, 0, found.start()):
        return piece, ""
    return clean_piece(piece[: found.start()]), found[1]


def may_be_a_sentence(name: str) -> bool:
    """Whether a name is so long that it may be a sentence instead."""
    return len(name) > _MOST_CHARACTERS or len(name.split()) > _MOST_WORDS


def _is_emoji_name(name: str) -> bool:
    return any(ord(sign) > 0x2190 for sign in name)


def _trimmed(text: str) -> str:
    for _time in range(_MOST_TRIMMED):
        before = text
        text = _EMPTY_PAIR.sub(" ", text)
        text = _AT_EDGES.sub("", text)
        text = _MARK_EDGES.sub("", text)
        text = _NAME_LABEL.sub("", text)
        text = MENTION.sub("", text)
        text = _without_pair(text)
        if not text or text == before:
            break
    return text


def _without_pair(text: str) -> str:
    """Remove a pair of quotes, brackets or format signs around the text, or half a pair."""
    for sign in _FORMATS:
        if len(text) > 2 * len(sign) and text.startswith(sign) and text.endswith(sign):
            return text[len(sign) : -len(sign)]
    for opening, closing in _PAIRS.items():
        if text.startswith(opening) and text.endswith(closing) and len(text) > 1:
            inside = text[1:-1]
            if opening not in inside and closing not in inside:
                return inside
        if opening != closing:
            if text.endswith(opening) and closing not in text:
                return text[:-1]
            if text.startswith(closing) and opening not in text:
                return text[1:]
            if text.startswith(opening) and closing not in text:
                return text[1:]
            if text.endswith(closing) and opening not in text:
                return text[:-1]
        elif text.count(opening) == 1 and '"' == opening:
            return text.strip(opening)
    return text
