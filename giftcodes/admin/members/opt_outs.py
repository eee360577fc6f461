"""The list of opt-outs: their dates and games, and the players' memberships, if there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from giftcodes.admin.common.base import History
from giftcodes.admin.common.html import NOTHING, badge, member_link
from giftcodes.admin.members.player_page import may_open, words_for
from giftcodes.models import Member, OptOut
from giftcodes.models.game_words import title_of
from giftcodes.models.opted_out import player_hash

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpRequest
    from django.utils.safestring import SafeString


@admin.register(OptOut)
class OptOutAdmin(History):
    intro = _(
        "Players who do not want codes to be redeemed for them in any guild. No imported list "
        "changes that. Opt-outs of a single guild are shown in the list of members instead. "
        "The player ID is not kept if the player is no longer a member of any guild."
    )
    empty_hint = _("No player has opted out.")
    list_display = ["since", "player_shown", "game", "state_shown"]
    fields = ("since", "player_shown", "game", "state_shown")
    readonly_fields = fields
    ordering = ["-created_at"]

    def get_list_links(self, request: HttpRequest) -> list[tuple[str, Any]]:
        """Offer the page on which an administrator records that a player opts out or in."""
        return (
            [(reverse("admin:player"), words_for(request.user))] if may_open(request.user) else []
        )

    def decorate(self, request: HttpRequest, rows: list[OptOut]) -> None:  # noqa: ARG002
        """Add the memberships of each opted-out player, in one query."""
        _add_members(rows)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """The opt-out with the memberships of the player."""
        row = super().get_object(request, object_id, from_field)
        _add_members([row])
        return row

    @admin.display(description=_("since"), ordering="created_at")
    def since(self, row: OptOut) -> Any:
        return row.created_at

    @admin.display(description=_("player"))
    def player_shown(self, row: OptOut) -> SafeString | str:
        """The player's memberships and their guilds, or words that say there are none."""
        members: list[Member] = row.members  # type: ignore[attr-defined]
        if not members:
            return str(_("not a member of any guild"))
        return format_html_join(
            ", ", "{} ({})", ((member_link(member), member.guild) for member in members)
        )

    @admin.display(description=_("game"))
    def game(self, row: OptOut) -> str:
        members: list[Member] = row.members  # type: ignore[attr-defined]
        provider = row.provider or (members[0].guild.provider if members else "")
        return title_of(provider) or NOTHING

    @admin.display(description=pgettext_lazy("of a row", "state"))
    def state_shown(self, row: OptOut) -> SafeString:  # noqa: ARG002
        return badge("opted-out", _("opted out"))


def _add_members(rows: Iterable[OptOut]) -> None:
    """Set `members` of each opt-out, by comparing its hash with those of opted-out members."""
    by_hash: dict[str, list[Member]] = {row.player_hash: [] for row in rows}
    if by_hash:
        members = Member.objects.filter(opted_out=True).select_related("guild")
        for member in members.order_by("pk"):
            found = by_hash.get(player_hash(member.guild.provider, member.player_id))
            if found is not None:
                found.append(member)
    for row in rows:
        row.members = by_hash[row.player_hash]  # type: ignore[attr-defined]
