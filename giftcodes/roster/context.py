"""Complete what was read in each line with what the lines around that line say.

A chat has the sender on the line above the message, and a form has a line for each value. A list
may have the realm as a heading or, if its columns have no names, as a second number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext

from giftcodes.roster.chat import LineReading, Reading
from giftcodes.roster.masks import names_a_realm, realm_in
from giftcodes.roster.names import is_filler, may_be_a_sentence
from giftcodes.roster.values import ListedMember

#: At least this many pairs of lines, a name and then its player ID, make a list of pairs.
_LEAST_PAIRS = 2


@dataclass(slots=True)
class Entry:
    """A line, or a record of several lines, and what was read in it.

    Args:
        member: the member, if the record was read as cells.
        reading: what was read, if the record was read as text.
        reason: why the record was not read as cells, in words. Empty if this need not be said.
        field: the name of the value that cannot be used.
        cells: the values of a record that cannot be used, as text. Empty if there are none.
    """

    line: int
    original: str
    member: ListedMember | None = None
    reading: LineReading | None = None
    reason: str = ""
    field: str = ""
    cells: tuple[str, ...] = ()


def complete(entries: Sequence[Entry]) -> None:
    """Complete the players of the lines that were read as text."""
    readings = [(entry, entry.reading or LineReading()) for entry in entries]
    if not _pair(readings):
        _follow(readings)
    _decide_bare_numbers(readings)


def _only_player(reading: LineReading) -> Reading | None:
    return reading.players[0] if len(reading.players) == 1 else None


def _pair(readings: Sequence[tuple[Entry, LineReading]]) -> bool:
    """If each player's name is on the line above the ID, use it. Returns whether this is so."""
    above, below = readings[0::2], readings[1::2]
    if len(below) < _LEAST_PAIRS or len(above) != len(below):
        return False
    names = [reading.text for _entry, reading in above]
    if any(entry.member for entry, _reading in above):
        return False
    if not all(_may_be_a_name(name) for name in names):
        return False
    if any(reading.players or reading.sender for _entry, reading in above):
        return False
    if any(_named(entry, reading) for entry, reading in below):
        return False
    for (_title, title_reading), (entry, reading), name in zip(above, below, names, strict=True):
        _set_name(entry, reading, name)
        title_reading.reason = _used(entry)
    return True


def _may_be_a_name(text: str) -> bool:
    has_letter = any(sign.isalpha() for sign in text)
    return has_letter and not may_be_a_sentence(text) and not is_filler(text)


def _named(entry: Entry, reading: LineReading) -> bool:
    """Whether a line cannot take a name: it has one, or it does not have exactly one player."""
    if entry.member:
        return bool(entry.member.nickname)
    player = _only_player(reading)
    return player is None or bool(player.nickname)


def _set_name(entry: Entry, reading: LineReading, name: str) -> None:
    if entry.member:
        entry.reading = LineReading([_as_reading(entry)])
        entry.member = None
        entry.reading.players[0].nickname = name
    else:
        reading.players[0].nickname = name


def _as_reading(entry: Entry) -> Reading:
    assert entry.member is not None
    realm = entry.member.realm
    return Reading(entry.member.player_id, realm="" if realm is None else str(realm))


def _follow(readings: Sequence[tuple[Entry, LineReading]]) -> None:
    """Use the sender, the name and the realm of the lines above and below a player ID."""
    sender: tuple[str, LineReading] | None = None
    realm: tuple[str, LineReading] | None = None
    heading = ""
    last: Entry | None = None
    for entry, reading in readings:
        if not entry.member and not reading.players:
            found = realm_in(entry.original.strip())
            if found and last is not None and _takes_realm(last, found):
                reading.reason = _used(last)
            elif found and sender:
                realm = (found, reading)
            elif found and names_a_realm(entry.original):
                heading = found
                reading.reason = gettext("It is the state or kingdom of the players below.")
            elif reading.sender:
                sender, realm, last = (reading.sender, reading), None, None
            continue
        last = None
        player = _only_player(reading)
        if not _named(entry, reading) and sender:
            _set_name(entry, reading, sender[0])
            sender[1].reason = _used(entry)
            player = _only_player(entry.reading or reading)
            if realm and player and not player.realm:
                player.realm = realm[0]
                realm[1].reason = _used(entry)
        sender = realm = None
        if reading.is_labelled and player and not player.realm:
            last = entry
        elif heading:
            _set_realm(entry, heading)


def _takes_realm(entry: Entry, realm: str) -> bool:
    """Give the realm on a line of its own to the player above it. Returns whether it was taken."""
    player = _only_player(entry.reading or LineReading())
    if player is None or player.realm:
        return False
    player.realm = realm
    return True


def _set_realm(entry: Entry, realm: str) -> None:
    """Give the players of a line the realm of the heading above them, unless they have their own.

    If a player gets the heading's realm, the short number beside the player (`bare`) is no realm
    and stays part of the name.
    """
    if entry.member:
        if entry.member.realm is None:
            entry.member = replace(entry.member, realm=int(realm))
        return
    for player in entry.reading.players if entry.reading else ():
        if not player.realm:
            player.realm, player.bare = realm, ""


def _used(entry: Entry) -> str:
    return gettext("It belongs to the player on line %d.") % entry.line


def _decide_bare_numbers(readings: Sequence[tuple[Entry, LineReading]]) -> None:
    """Decide whether short numbers beside the players are realms.

    They are realms if there are several and all are the same, or if a line without a player has a
    word for a realm. Otherwise a person is asked about those that are not part of a name.
    """
    players = [player for _entry, reading in readings for player in reading.players]
    bare = [player for player in players if player.bare and not player.realm]
    if not bare:
        return
    has_title = any(
        not reading.players and not entry.member and names_a_realm(entry.original)
        for entry, reading in readings
    )
    is_realm = has_title or (len(bare) > 1 and len({player.bare for player in bare}) == 1)
    for player in bare:
        is_part_of_name = player.bare_name != player.nickname
        if is_realm:
            player.realm = player.bare
            if is_part_of_name and not player.doubt:
                player.nickname = player.bare_name
        elif not is_part_of_name:
            player.realm = player.bare
            words = gettext("Is %s the number of the state or kingdom?") % player.bare
            player.question(words, "realm")
