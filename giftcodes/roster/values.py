"""The values that reading a list returns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

#: The lengths of player IDs that games use. Another length is never taken without a question.
LEAST_DIGITS, MOST_DIGITS = 6, 12


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


class Verdict(StrEnum):
    """Whether a line of a list is used."""

    GOOD = "good"
    #: It names a player, but a person must confirm or correct it.
    UNSURE = "unsure"
    #: The player is on another line, too. That line is used, with values that only this one has.
    REPEATED = "repeated"
    #: It names no player.
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class ReviewedLine:
    """One player of a list, or one line without a player.

    Args:
        line: the number of the line, from 1. Several players may be on one line.
        original: the line as it was written.
        verdict: whether it is used.
        reason: why it is not used, in words. Empty if it is good.
        field: the name of the value that needs a look. Empty if there is none.
        player_id, nickname, realm, consented_on: the values as text. If the line is good, each of
            them is empty or can be used.
    """

    line: int
    original: str
    verdict: Verdict
    reason: str = ""
    field: str = ""
    player_id: str = ""
    nickname: str = ""
    realm: str = ""
    consented_on: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """What was found in a list: its lines in their order, and the names of unknown columns."""

    lines: tuple[ReviewedLine, ...]
    ignored_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MemberList:
    """The content of a list.

    Args:
        members: the good lines, with each player once.
        repeated: lines whose player is on another line, too. That line is used instead.
        bad: lines that are not used, because they name no player or a person must confirm them.
        ignored_columns: the names of unknown columns.

    The line number of a record with several lines is that of its first line.
    """

    members: tuple[ListedMember, ...]
    repeated: tuple[BadLine, ...]
    bad: tuple[BadLine, ...]
    ignored_columns: tuple[str, ...]
