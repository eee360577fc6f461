"""Read one line of a chat, of a screenshot's text, or of a list without columns.

The longest runs of digits are player IDs, and the rest of the line is the name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise

from django.utils.translation import gettext

from giftcodes.domain.text import ascii_digits, one_kind_of_space, visible
from giftcodes.roster import masks, names
from giftcodes.roster.masks import MASK
from giftcodes.roster.player_ids import FoundId, player_ids

#: A longer line is not read, because the time that some patterns take grows with its length.
MOST_CHARACTERS = 1_000

_SPACES = " \t\u00a0\u2000-\u200a\u202f\u3000"
_LEAD = re.compile(rf"[{_SPACES}]*(?:[>|│»][{_SPACES}]*)*")
_BULLETS = re.compile(
    rf"(?:(?:[•·●○◦▪▫■□‣⁃–—→➡➜➔⇒▶►✅☑✔❌👉🔹🔸-]\ufe0f?|[*+](?=[{_SPACES}]))[{_SPACES}]*)+"
)
_NUMBERING = re.compile(
    rf"(?:\(?#?[0-9]{{1,4}}(?:[.):\]°]+(?=[{_SPACES}]|[^0-9]|$)|[{_SPACES}]*[–—-](?=[{_SPACES}]))"
    rf"|#[0-9]{{1,3}}(?=[{_SPACES}])|№[{_SPACES}]?[0-9]{{1,4}}[.)]?|[①-⑳]|(?:[0-9]\ufe0f?\u20e3)+)"
    rf"[{_SPACES}]*"
)
_PLAIN_NUMBERING = re.compile(rf"[0-9]{{1,4}}(?=[{_SPACES}])[{_SPACES}]+")
_BEFORE_NUMBERING = re.compile(rf"[{_SPACES}>|│»*•·●○–—#(-]*")
_LINE_NUMBER = re.compile(r"([0-9]{1,4})(?![0-9])")
#: A player ID, whole or in groups of three digits.
_WHOLE_ID = re.compile(
    r"[0-9]{6}|[1-9][0-9]{0,2}(?:([ \u00a0\u2009\u202f.,'’-])[0-9]{3})(?:\1[0-9]{3})+"
)
#: What a line may start with: a masked time stamp, and after it perhaps the sender and a colon.
_STAMP = re.compile(rf"[{_SPACES}\[\](){{}},.|•~–—-]*\0[{_SPACES}\0\[\](){{}},.|•~–—-]*")
_SENDER = re.compile(rf"~?[{_SPACES}]*([^:\0]{{1,40}}?)[{_SPACES}]*:(?=[{_SPACES}\0])")
_MASKED_SENDER = re.compile(rf"[{_SPACES}\0]*:(?=[{_SPACES}])")
#: On a line with only a sender and a time, one of these divides them, or several spaces do.
_BEFORE_STAMP = tuple("—–,[(|•-")
#: A line of a form, such as “Name: Amber”.
_NAMED = re.compile(
    rf"[{_SPACES}]*(?:player[{_SPACES}]?name|nick(?:name)?|name|ign|имя)[{_SPACES}]?[:=]",
    re.IGNORECASE,
)
_SHORT_NUMBER = re.compile(r"[0-9]+")


@dataclass(slots=True)
class Reading:
    """A player in a line.

    Args:
        player_id, nickname, realm: the values as text.
        doubt, doubtful: why a person must look at the player, and at which value. Both are empty if
            everything is certain.
        bare: a number that may be the realm. It is not in `realm` yet.
        bare_name: the name to use if `bare` is the realm. If not, the number belongs to the name.
    """

    player_id: str
    nickname: str = ""
    realm: str = ""
    doubt: str = ""
    doubtful: str = ""
    bare: str = ""
    bare_name: str = ""

    def question(self, words: str, field_name: str) -> None:
        """Add a question about a value. The first question says which value gets the focus."""
        self.doubt = f"{self.doubt} {words}".strip()
        self.doubtful = self.doubtful or field_name


@dataclass(slots=True)
class LineReading:
    """What is in a line.

    Args:
        players: the players. Empty if there is none.
        reason: why there is no player, in words.
        sender: who wrote the line, as the chat says.
        text: the line without time stamps, for a line without a player.
        name: the rest of a line whose number is no player ID, if the rest looks like a name.
        is_labelled: whether “ID” stands before the first player ID, and that player has no name.
    """

    players: list[Reading] = field(default_factory=list)
    reason: str = ""
    sender: str = ""
    text: str = ""
    name: str = ""
    is_labelled: bool = False


@dataclass(slots=True)
class _Line:
    """A line while it is read. `shown` is the text. `plain` has `MASK` where something was found.

    Both have the same length, so that a place in one is the same place in the other.
    """

    shown: str
    plain: str
    start: int = 0

    def piece(self, start: int, end: int) -> str:
        """What is shown between two places, with `MASK` for what is masked."""
        return "".join(
            MASK if plain == MASK else shown
            for shown, plain in zip(self.shown[start:end], self.plain[start:end], strict=True)
        )


def read_line(text: str, *, is_numbered: bool | None = None) -> LineReading:
    """Read a line.

    Args:
        text: the line.
        is_numbered: whether the lines of the list are numbered (`numbering_of`).
    """
    if len(text) > MOST_CHARACTERS:
        words = gettext("The line is longer than %d characters. Divide it into several lines.")
        return LineReading(reason=words % MOST_CHARACTERS)
    line = _prepared(text)
    has_phone = "+" in line.plain
    line.plain = masks.without_links(line.plain)
    line.plain = masks.without_phones(line.plain)
    has_phone = has_phone and MASK in line.plain
    without_times = masks.without_times(line.plain)
    has_time = without_times != line.plain
    line.plain = without_times
    sender_above = _sender_alone(line) if has_time else ""
    sender = _take_sender(line)
    line.plain = masks.without_amounts(line.plain)
    _skip_numbering(line, is_numbered=is_numbered)
    rest, realms = masks.realms(line.plain)
    line.plain = rest
    found = player_ids(line.plain, is_numbered=is_numbered, start=line.start)
    if not found:
        return _without_player(line, sender or sender_above, has_phone=has_phone)
    players = _players(line, found, realms)
    if sender:
        _name_by_sender(players, sender)
    return LineReading(
        players, sender=sender, is_labelled=found[0].is_labelled and not players[0].nickname
    )


def numbering_of(lines: list[str]) -> bool | None:
    """Whether the lines are numbered: 1, 2, 3. None if there are too few lines to know."""
    numbers: list[int] = []
    for line in lines:
        shown = ascii_digits(line[:40])
        start = _BEFORE_NUMBERING.match(shown)
        found = _LINE_NUMBER.match(shown, start.end() if start else 0)
        if found:
            numbers.append(int(found[1]))
    if len(numbers) < 2:
        return None
    following = sum(one + 1 == next_one for one, next_one in pairwise(numbers))
    return numbers[0] <= 1 and following * 5 >= (len(numbers) - 1) * 4


def _prepared(text: str) -> _Line:
    shown = one_kind_of_space(visible(text))
    return _Line(shown, ascii_digits(shown).replace("\t", " "))


def _take_sender(line: _Line) -> str:
    """Skip the time stamp and the sender at the start of a line. Returns the sender's name."""
    lead = _LEAD.match(line.plain)
    line.start = lead.end() if lead else 0
    if MASK not in line.plain:
        return ""
    if stamp := _STAMP.match(line.plain, line.start):
        if hidden := _MASKED_SENDER.match(line.plain, stamp.end()):
            line.start = hidden.end()
            return ""
        line.start = stamp.end()
        sender = _SENDER.match(line.plain, stamp.end())
        if sender and not _SHORT_NUMBER.search(sender[1]):
            name = names.name_before(line.shown[sender.start(1) : sender.end(1)])
            if name and not names.is_filler(name):
                line.start = sender.end()
                return name
    return ""


def _sender_alone(line: _Line) -> str:
    """The sender in a line such as “Amber — Today at 14:05”: the message is on the next line."""
    before, stamp, after = line.plain.partition(MASK)
    if not stamp or names.clean_piece(after.replace(MASK, " ").strip("])")):
        return ""
    name = before.rstrip()
    if not name.endswith(_BEFORE_STAMP) and len(before) < len(name) + 2:
        return ""
    sender = names.clean_piece(line.shown[: len(before)])
    return sender if any(sign.isalpha() for sign in sender) else ""


def _skip_numbering(line: _Line, *, is_numbered: bool | None) -> None:
    """Move the start behind bullets and the number of the line."""
    for pattern in (_LEAD, _BULLETS, _NUMBERING, _BULLETS):
        if found := pattern.match(line.plain, line.start):
            line.start = found.end()
    if is_numbered and (found := _PLAIN_NUMBERING.match(line.plain, line.start)):
        rest = line.plain[found.end() :]
        if not rest[:1].isdecimal() or _WHOLE_ID.match(rest):
            line.start = found.end()
    while line.start < len(line.plain) and line.plain[line.start] in _SPACES:
        line.start += 1
    line.plain = " " * line.start + line.plain[line.start :]
    line.shown = " " * line.start + line.shown[line.start :]


def _without_player(line: _Line, sender: str, *, has_phone: bool) -> LineReading:
    text = names.clean_piece(line.piece(0, len(line.plain)))
    if not sender and _NAMED.match(line.plain):
        sender = text
    name = ""
    if has_phone and not _SHORT_NUMBER.search(line.plain):
        reason = gettext("The number in this line is a phone number.")
    elif _SHORT_NUMBER.search(line.plain):
        reason = gettext("No number in this line is a player ID, which has 6 to 12 digits.")
        name = _name_beside_number(text)
    else:
        reason = gettext("There is no player ID in this line.")
    return LineReading(reason=reason, sender=sender, text=text, name=name)


def _name_beside_number(text: str) -> str:
    """The name in a line such as “Birch 410”, so that a person only has to enter the player ID."""
    name = names.name_before(_SHORT_NUMBER.sub(" ", ascii_digits(text)).strip())
    is_name = any(sign.isalpha() for sign in name) and not names.is_filler(name)
    return name if is_name and not names.may_be_a_sentence(name) else ""


def _players(line: _Line, found: list[FoundId], realms: list[tuple[int, str]]) -> list[Reading]:
    ends = [0, *(one.end for one in found)]
    starts = [*(one.start for one in found), len(line.plain)]
    pieces = [line.piece(start, end) for start, end in zip(ends, starts, strict=True)]
    players = [Reading(one.digits) for one in found]
    for player, one in zip(players, found, strict=True):
        if one.doubt:
            player.question(one.doubt, "player_id")
    if len(players) == 1:
        _name_one(players[0], pieces[0], pieces[1])
    else:
        _name_several(players, pieces)
    for player in players:
        if names.may_be_a_sentence(player.nickname):
            player.question(gettext("Is this the name? It is long."), "nickname")
    _give_realms(players, found, realms)
    return players


def _name_one(player: Reading, piece_before: str, piece_after: str) -> None:
    before, _number = names.without_numbers(names.label_removed(piece_before))
    after, number = names.without_numbers(piece_after)
    if number:
        player.bare, player.bare_name = number, before or after
    elif not after:
        player.bare_name, player.bare = names.number_after(before)
    elif not before:
        player.bare_name, player.bare = names.number_after(after)
    before = "" if names.is_filler(before) else before
    after = "" if names.is_filler(after) else after
    player.nickname = before or after
    if before and after:
        player.question(
            gettext("Is “%(before)s” the name, or “%(after)s”?")
            % {"before": before[:40], "after": after[:40]},
            "nickname",
        )


def _name_several(players: list[Reading], pieces: list[str]) -> None:
    """Name each player by the text before the ID, or after it. Ask if the side is not clear."""
    cleaned = [names.name_before(piece) for piece in pieces[:-1]]
    cleaned.append(names.clean_piece(pieces[-1]))
    cleaned = ["" if names.is_filler(one) or names.is_rank(one) else one for one in cleaned]
    if not any(cleaned):
        return
    before, after = cleaned[:-1], cleaned[1:]
    if all(before) and not cleaned[-1]:
        chosen, is_clear = before, True
    elif all(after) and not cleaned[0]:
        chosen, is_clear = after, True
    else:
        chosen, is_clear = (before if cleaned[0] else after), False
    for player, name in zip(players, chosen, strict=True):
        player.nickname = name
        if not is_clear:
            words = gettext("Several players are on this line. Is the name right?")
            player.question(words, "nickname")


def _give_realms(
    players: list[Reading], found: list[FoundId], realms: list[tuple[int, str]]
) -> None:
    if len(realms) == 1 and realms[0][0] < found[0].start:
        for player in players:
            player.realm = realms[0][1]
        return
    for place, digits in realms:
        before = [number for number, one in enumerate(found) if one.start < place]
        player = players[before[-1] if before else 0]
        if player.realm and player.realm != digits:
            player.question(gettext("Two numbers may be the state or kingdom."), "realm")
        else:
            player.realm = digits


def _name_by_sender(players: list[Reading], sender: str) -> None:
    """Name the only player of a message after its sender, if the message has no name."""
    if len(players) == 1 and not players[0].nickname:
        players[0].nickname = sender
