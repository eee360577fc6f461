"""Officers who act in Discord: by an account, or by a role that counts in one server.

An officer by role acts without an account. The limits for officers hold for them, and journals name
their Discord user.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from giftcodes.domain import log_lines
from giftcodes.domain.sentences import Sentence, english
from giftcodes.models import Guild
from giftcodes.models.roles import is_limited
from giftcodes.queries.discord import guilds_of_server
from giftcodes.services.changes import record_change
from giftcodes.services.discord_links import Asker, officer_right

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import Model

#: The permission that each action needs, as on the pages.
REDEEM = "giftcodes.change_redemption"
SEE_RUNS = "giftcodes.view_redemption"
SEE_MEMBERS = "giftcodes.view_member"
CORRECT = "giftcodes.change_member"
CHANGE_GUILD = "giftcodes.change_guild"
IMPORT = "giftcodes.add_member"
ADD_CODE = "giftcodes.add_giftcode"


class _ByRole:
    """Stands in for the account of an officer by role, where a rule asks for permissions."""

    pk = None

    def has_perm(self, _permission: str) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Officer:
    """A person in Discord who may do something for a guild at this moment.

    Args:
        asker: the Discord user.
        guild: the guild.
        user: the account. None for an officer by role.
    """

    asker: Asker
    guild: Guild
    user: User | None

    @property
    def user_id(self) -> int | None:
        """The id of the account. None for an officer by role."""
        return self.user.pk if self.user else None

    @property
    def by(self) -> str:
        """The name that journals show for a person without an account, or an empty text."""
        return "" if self.user else Sentence.of("in_discord", name=self.asker.name)

    @property
    def person(self) -> Any:
        """The person to whom limits apply: the account, or a person without any permission."""
        return self.user or _ByRole()

    @property
    def is_limited(self) -> bool:
        """Whether the limits for officers hold."""
        return is_limited(self.person)

    @property
    def seen(self) -> list[int] | None:
        """The ids of the guilds that the person may see on the pages. None for all guilds."""
        if not self.is_limited:
            return None
        if self.user is None:
            return [self.guild.pk]
        return sorted(Guild.objects.filter(officers=self.user).values_list("pk", flat=True))

    def log(self, rows: Iterable[Model], done: Sentence) -> None:
        """Record what was done with rows: in the list of changes if there is an account, and in the
        log.
        """
        found = list(rows)
        if not found:
            return
        if self.user is not None:
            record_change(self.user.pk, found, done)
        log_lines.info(
            f"🤖 {english(done)}",
            guild=self.guild.name,
            number=len(found),
            by=self.by or self.user_id,
            discord_user=self.asker.user_id,
        )


def officers_of(asker: Asker, *permissions: str) -> list[Officer]:
    """The person as an officer of each guild of this server for which they have the permissions.

    Guilds of other servers are left out, and guilds of which the person is no officer.
    """
    if asker.server_id is None:
        return []
    found = [as_officer(asker, guild, *permissions) for guild in guilds_of_server(asker.server_id)]
    return [one for one in found if one is not None]


def as_officer(asker: Asker, guild: Guild, *permissions: str) -> Officer | None:
    """The person as an officer of a guild. None if they lack one of the permissions."""
    rights = [officer_right(guild.pk, asker, one) for one in permissions]
    if not rights or None in rights:
        return None
    # With the role and an account that lacks a permission, the person acts by the role.
    users = {right.user for right in rights if right is not None}
    return Officer(asker, guild, users.pop() if len(users) == 1 else None)
