"""Which column holds what: by the names in the first line, else by place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from giftcodes.domain.text import one_line
from giftcodes.roster.cells import looks_like_id
from giftcodes.roster.values import UnreadableListError

#: What the columns are called, the best name first. `player` is the ID unless another column is.
NAMES: dict[str, tuple[str, ...]] = {
    "player_id": ("playerid", "fid", "gameid", "userid", "uid", "id", "player"),
    "nickname": ("nickname", "nick", "playername", "name", "player"),
    "realm": ("realm", "kid", "state", "kingdom"),
    "consented_on": ("consentedon", "consented", "consent"),
}


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each value is; `ignored` names the columns that nobody knows."""

    places: dict[str, int]
    width: int
    has_header: bool
    ignored: tuple[str, ...] = field(default=())

    def cell(self, cells: Sequence[str], name: str) -> str:
        """The cell of a column in a line; empty where the line is too short, or there is no such column."""
        place = self.places.get(name)
        return cells[place] if place is not None and place < len(cells) else ""


BY_PLACE = Columns(
    {name: place for place, name in enumerate(NAMES)}, width=len(NAMES), has_header=False
)


def columns_of(first: Sequence[str]) -> Columns:
    """Read the first line of a list.

    Raises:
        UnreadableListError: it names columns, but not that of the player ID.
    """
    if any(looks_like_id(cell) for cell in first):
        return BY_PLACE
    places = _places([re.sub(r"[\W_]+", "", cell.casefold()) for cell in first])
    if not places:
        return BY_PLACE
    if "player_id" not in places:
        found = one_line(", ".join(cell for cell in first if cell.strip()), 100)
        raise UnreadableListError(
            f"The first line names the columns ({found}), and none of them is the player ID. Call that one player_id."
        )
    known = set(places.values())
    ignored = [
        one_line(cell, 30)
        for place, cell in enumerate(first)
        if place not in known and cell.strip()
    ]
    return Columns(places, width=len(first), has_header=True, ignored=tuple(ignored))


def _places(header: list[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for name, spellings in NAMES.items():
        found = [header.index(spelling) for spelling in spellings if spelling in header]
        free = [place for place in found if place not in places.values()]
        if free:
            places[name] = free[0]
    return places
