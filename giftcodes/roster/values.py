"""The values that reading a list returns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


class UnreadableListError(ValueError):
    """No part of the list can be used. The text says what to do."""


@dataclass(frozen=True, slots=True)
class ListedMember:
    """A good line. A value that the list does not have is empty or None, and changes nothing."""

    line: int
    player_id: str
    nickname: str = ""
    realm: int | None = None
    consented_on: date | None = None


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is not used, with the reason in words."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"Line {self.line}: {self.reason}"
