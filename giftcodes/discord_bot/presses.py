"""The functions behind buttons, menus and forms, by the names that stand in messages.

Everything that such a function needs stands in the message: its name and its values. So buttons
work after a restart, and the process keeps nothing in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec

from giftcodes.discord_bot.answers import Answer, Form
from giftcodes.domain.press_ids import PREFIX, press_id
from giftcodes.services.discord_links import Asker

P = ParamSpec("P")
Work = Callable[Concatenate[Asker, P], Answer]


@dataclass(frozen=True, slots=True)
class Press:
    """A function behind a button, a menu or a form.

    Args:
        name: its name in messages. A name that was used once keeps its meaning.
        work: the function. It gets the person who presses and, as texts, the values and what was
            entered.
        values: how many values it has.
        in_place: whether the answer replaces the message that has the button. Otherwise it is a new
            message, which only the person who pressed sees.
        form: makes the form that the button opens. It must not use the database, because a form
            must be opened within three seconds. None if the button opens no form.
        reads_file: whether the function gets the content of the file of the message, as bytes.
    """

    name: str
    work: Callable[..., Answer]
    values: int
    in_place: bool
    form: Callable[..., Form] | None = None
    reads_file: bool = False


PRESSES: dict[str, Press] = {}


def press(
    name: str,
    *,
    values: int,
    in_place: bool = True,
    form: Callable[..., Form] | None = None,
    reads_file: bool = False,
) -> Callable[[Work[P]], Work[P]]:
    """Register a function behind a button, a menu or a form: see `Press`."""

    def register(work: Work[P]) -> Work[P]:
        assert name not in PRESSES
        PRESSES[name] = Press(name, work, values, in_place, form, reads_file)
        return work

    return register


def custom_id(name: str, values: tuple[object, ...]) -> str:
    """The text that Discord keeps with a button, and sends when it is pressed."""
    assert len(values) <= PRESSES[name].values
    return press_id(name, values)


def read(text: str) -> tuple[Press, tuple[str, ...]] | None:
    """The function of a button, and its values. None if the button is not ours.

    A menu carries one value fewer than its function takes: the last one is the entry that the
    person chooses.
    """
    prefix, _colon, rest = text.partition(":")
    name, colon, written = rest.partition(":")
    found = PRESSES.get(name) if prefix == PREFIX else None
    if found is None:
        return None
    return found, tuple(written.split(":", max(0, found.values - 1))) if colon else ()
