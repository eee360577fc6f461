"""Find out which column has which value, by the names in the first line or else by position."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext

from giftcodes.domain.lists import joined
from giftcodes.domain.text import one_line
from giftcodes.roster.cells import looks_like_id
from giftcodes.roster.values import UnreadableListError

#: The accepted names of each column, the best first. A column `player` has the player IDs, or the
#: nicknames if another column has the player IDs.
NAMES: dict[str, tuple[str, ...]] = {
    "player_id": ("playerid", "fid", "gameid", "userid", "uid", "id", "player"),
    "nickname": ("nickname", "nick", "playername", "name", "player"),
    "realm": ("realm", "kid", "state", "kingdom"),
    "consented_on": ("consentedon", "consented", "consent"),
}


@dataclass(frozen=True, slots=True)
class Columns:
    """The position of each column. `ignored` has the names of unknown columns."""

    positions: dict[str, int]
    width: int
    has_header: bool
    ignored: tuple[str, ...] = field(default=())

    def cell(self, cells: Sequence[str], name: str) -> str:
        """The cell of a column in a line. Empty if there is no such column or cell."""
        position = self.positions.get(name)
        return cells[position] if position is not None and position < len(cells) else ""


BY_POSITION = Columns(
    {name: position for position, name in enumerate(NAMES)}, width=len(NAMES), has_header=False
)


def columns_of(first: Sequence[str]) -> Columns:
    """The columns of a list, by its first line.

    A line with only one known name of a column does not name the columns, unless it is a name of
    the player ID column: a chat may begin with such a word.

    Raises:
        UnreadableListError: the line names columns, but none of them is the player ID.
    """
    if any(looks_like_id(cell) for cell in first):
        return BY_POSITION
    positions = known_names(first)
    if not positions or (len(positions) == 1 and "player_id" not in positions):
        return BY_POSITION
    if "player_id" not in positions:
        found = one_line(joined(cell for cell in first if cell.strip()), 100)
        words = gettext(
            "The first line names the columns (%s), and none of them is the player ID. Give the "
            "column of the player IDs the name “player_id”."
        )
        raise UnreadableListError(words % found)
    known = set(positions.values())
    ignored = [
        one_line(cell, 30)
        for position, cell in enumerate(first)
        if position not in known and cell.strip()
    ]
    return Columns(positions, width=len(first), has_header=True, ignored=tuple(ignored))


def known_names(cells: Sequence[str]) -> dict[str, int]:
    """The position of each column that a record names."""
    header = [re.sub(r"[\W_]+", "", cell.casefold()) for cell in cells]
    positions: dict[str, int] = {}
    for name, spellings in NAMES.items():
        found = [header.index(spelling) for spelling in spellings if spelling in header]
        free = [position for position in found if position not in positions.values()]
        if free:
            positions[name] = free[0]
    return positions
