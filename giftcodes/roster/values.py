"""What comes out of a list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


class UnreadableListError(ValueError):
    """Nothing of the list can be used. The text says what to do about it."""


@dataclass(frozen=True, slots=True)
class ListedMember:
    """A good line. What the list does not say is empty or None, which means: leave it as it is."""

    line: int
    player_id: str
    nickname: str = ""
    realm: int | None = None
    consented_on: date | None = None


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is not used, and why, for a person."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"Line {self.line}: {self.reason}"
