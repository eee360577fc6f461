"""What the bot answers, without discord.py."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

#: Discord's limits: the length of a plain message, of the text of an embed, of a label of a button,
#: of a choice, and the number of choices.
MOST_PLAIN, MOST_TEXT, MOST_LABEL, MOST_CHOICE, MOST_CHOICES = 2_000, 4_000, 80, 100, 25


class Style(Enum):
    """The colour of a button."""

    USUAL = "secondary"
    FIRST = "primary"
    GOOD = "success"
    DANGER = "danger"


@dataclass(frozen=True, slots=True)
class Button:
    """A button.

    Args:
        label: the words on it.
        action: the name of a function with the decorator `press`.
        values: what the function gets. Only the last one may have a colon. `press_id` says how
            long the action and the values may be together.
        style: its colour.
    """

    label: str
    action: str
    values: tuple[object, ...] = ()
    style: Style = Style.USUAL


@dataclass(frozen=True, slots=True)
class Menu:
    """A menu from which a person chooses one entry.

    Args:
        hint: the words in it before a choice.
        action: the name of a function with the decorator `press`. It gets `values`, then the chosen
            value.
        choices: the words and the value of each entry, at most `MOST_CHOICES`.
        values: as for `Button`.
    """

    hint: str
    action: str
    choices: tuple[tuple[str, str], ...]
    values: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form.

    Args:
        label: what to enter, at most 45 characters.
        value: the text that is in it already.
        most: the most characters.
        is_long: whether it has several lines.
        is_required: whether it must not be empty.
    """

    label: str
    value: str = ""
    most: int = 100
    is_long: bool = False
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    """A form that a button opens, with at most five fields.

    Args:
        title: the heading, at most 45 characters.
        fields: the fields. The function that handles the form gets what was entered in them, after
            the values of the button.
    """

    title: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class File:
    """A file that is attached to an answer."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, which only the asker sees.

    Args:
        text: the words. Names in it must have gone through `safe`.
        title: the heading. If there is one, the text may be longer.
        parts: the buttons and menus below the text.
        file: a file below the text.
    """

    text: str
    title: str = ""
    parts: tuple[Button | Menu, ...] = ()
    file: File | None = None


class Refused(Exception):  # noqa: N818 - an expected result, not a fault
    """The answer is a refusal. The text says why and what to do."""


def shortened(text: str, most: int) -> str:
    """The text, or its beginning with an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def in_lines(lines: list[str], *, most: int = MOST_TEXT - 100) -> str:
    """As many of these lines as fit, and the number of the others."""
    shown: list[str] = []
    length = 0
    for line in lines:
        length += len(line) + 1
        if length > most:
            shown.append(f"… +{len(lines) - len(shown)}")
            break
        shown.append(line)
    return "\n".join(shown)
