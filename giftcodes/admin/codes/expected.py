"""Which guilds are about to ask for a new code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcodes.models import CodeState, GiftCode, Guild, Member
from giftcodes.models.start_rules import Obstacle, provider_obstacle
from giftcodes.models.trial import trials
from giftcodes.queries import scope


@dataclass(frozen=True, slots=True)
class Expected:
    """What happens to a new code for which no run has begun.

    Args:
        members: the number of members for whom requests are about to be sent.
        guilds: the number of their guilds.
        obstacle: why no request can be sent to the game, or None.
    """

    members: int
    guilds: int
    obstacle: Obstacle | None

    @property
    def words(self) -> str:
        """The numbers in words, such as `3 members in 2 guilds`."""
        members = ngettext("%d member", "%d members", self.members) % self.members
        guilds = ngettext("%d guild", "%d guilds", self.guilds) % self.guilds
        return _("%(members)s in %(guilds)s") % {"members": members, "guilds": guilds}


def expected(code: GiftCode, person: Any) -> Expected:
    """Which of the person's guilds are about to ask for a code automatically."""
    guilds = scope.visible(Guild.objects.automatic().filter(provider=code.provider), person)
    if (tried_in := trials(code.pk).get(code.pk)) is not None:
        guilds = guilds.filter(pk__in=tried_in)
    asked = Member.objects.eligible().filter(guild__in=guilds)
    if code.state != CodeState.ACTIVE:
        asked = asked.none()
    number = asked.order_by().values("guild").distinct().count()
    return Expected(asked.count(), number, provider_obstacle(code.provider))
