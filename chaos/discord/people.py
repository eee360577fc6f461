"""What is in the simulated Discord: servers, people, messages, and uses of the bot."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

#: Discord's epoch. Each ID of Discord begins with the milliseconds since then.
_EPOCH_MS = 1_420_070_400_000
_count = itertools.count(1)

#: All permissions that the bot needs in a channel. *Manage Server* is not one of them.
USUAL_PERMISSIONS = (1 << 10) | (1 << 11) | (1 << 14) | (1 << 35) | (1 << 38)
EPHEMERAL = 1 << 6
#: The kind of a first answer that opens a form.
MODAL = 9


def new_id() -> int:
    """A new ID as Discord makes IDs: the time, and a counter."""
    return (int(time.time() * 1_000) - _EPOCH_MS) << 22 | (next(_count) & 0x3FFFFF)


@dataclass(frozen=True, slots=True)
class Server:
    """A Discord server with one channel and one role.

    Args:
        id, channel_id, role_id: the IDs in Discord.
        name: its name.
    """

    id: int
    channel_id: int
    role_id: int
    name: str

    @property
    def address(self) -> str:
        """The address of its channel, as Redeemer stores it."""
        return f"discordbot://{self.id}/{self.channel_id}"


@dataclass(frozen=True, slots=True)
class Person:
    """A member of a server.

    Args:
        id: the ID of the user in Discord.
        name: the name that is shown.
        server: where the person acts.
        has_role: whether the person has the role of the server.
    """

    id: int
    name: str
    server: Server
    has_role: bool = False


@dataclass(slots=True)
class Message:
    """A message in a channel, with all its versions as the bot sent them. The last one is shown."""

    id: int
    channel_id: int
    versions: list[Json]
    is_deleted: bool = False

    @property
    def titles(self) -> list[str]:
        """The title of each version."""
        return [str(one["embeds"][0]["title"]) for one in self.versions if one.get("embeds")]

    @property
    def buttons(self) -> dict[str, str]:
        """The custom ID of each button that it has now, by the button's label."""
        return buttons_of(self.versions[-1])

    @property
    def former_buttons(self) -> dict[str, str]:
        """The buttons of all versions. A person may press one that is being taken away."""
        found: dict[str, str] = {}
        for one in self.versions:
            found |= buttons_of(one)
        return found


@dataclass(slots=True)
class Use:
    """One use of the bot: a command, a context menu of a message, a button or a sent form.

    Args:
        kind: Discord's number for the type of this interaction.
        person: who uses it.
        data: what Discord sends about it.
        source: the message with the button, if there is one.
    """

    kind: int
    person: Person
    data: Json
    source: Json | None = None
    id: int = field(default_factory=new_id)
    token: str = ""
    sent_at: float = 0.0
    #: Whether a connected bot got it.
    is_delivered: bool = False
    #: Seconds until the bot's first answer. None if there is none.
    acknowledged_after: float | None = None
    #: The form that was opened.
    form: Json | None = None
    #: Each answer, and each edit of an answer.
    answers: list[Json] = field(default_factory=list)

    @property
    def is_acknowledged(self) -> bool:
        return self.acknowledged_after is not None

    @property
    def is_answered(self) -> bool:
        """Whether the person sees an answer, and not only “the bot is thinking”."""
        return bool(self.answers) or self.form is not None

    @property
    def text(self) -> str:
        """All words of the last answer."""
        message = self.answers[-1] if self.answers else {}
        embeds = [
            f"{one.get('title') or ''}\n{one.get('description') or ''}"
            for one in message.get("embeds") or []
        ]
        return "\n".join([message.get("content") or "", *embeds]).strip()

    @property
    def buttons(self) -> dict[str, str]:
        """The custom ID of each button of the last answer, by the button's label."""
        return buttons_of(self.answers[-1]) if self.answers else {}


def buttons_of(message: Json) -> dict[str, str]:
    """The custom ID of each button of a message, by the button's label."""
    return {
        one["label"]: one["custom_id"]
        for row in message.get("components") or []
        for one in row["components"]
        if one["type"] == 2 and one.get("label")
    }
