"""The tab “Members” of a guild: the list of all members, for one guild."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common.html import guild_url, list_url, model_url
from giftcodes.admin.members.admin import MemberAdmin, NeedsFilter
from giftcodes.admin.members.import_page import import_url, may_import
from giftcodes.models import Guild, Member, MemberImport
from giftcodes.models.game_words import place_word

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse


class MembersOfGuild(MemberAdmin):
    """The list of members with its actions and filters, limited to one guild.

    It is not registered with the site: each request makes an instance for its own guild.
    """

    change_list_template = "admin/giftcodes/guild/members.html"
    intro = ""
    empty_hint = _(
        "This guild has no members yet. Paste a list of its players, or add one player here."
    )
    list_display = ["name_shown", "player_id", "realm_shown", "codes_shown", "state_shown"]
    phone_columns = ("name_shown", "player_id", "codes_shown", "state_shown")
    list_filter = [NeedsFilter, "active", "opted_out"]
    search_fields = ["player_id", "nickname"]
    search_help_text = _("Player ID or nickname")

    def __init__(self, guild: Guild) -> None:
        """Make the list of a guild that the person may see."""
        super().__init__(Member, admin.site)
        self._guild = guild

    @property
    def list_url(self) -> str:
        """The address of the tab."""
        return guild_url(self._guild.pk, "members")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Member]:
        """The members of the guild."""
        return super().get_queryset(request).filter(guild=self._guild)

    def get_list_links(self, request: HttpRequest) -> list[tuple[str, Any]]:  # noqa: ARG002
        """Return no links, because the template has its own."""
        return []


def page(request: HttpRequest, guild: Guild, frame: dict[str, Any]) -> HttpResponse:
    """Show the list, or run an action on chosen members.

    Args:
        request: the request of a person who may see the guild and members.
        guild: the guild, with `members_number` from the admin's queryset.
        frame: the context of the parts that all tabs share.
    """
    person = request.user
    context = {
        **frame,
        "opts": Guild._meta,
        "original": guild,
        # The page has its own form for adding a member.
        "has_add_permission": False,
        "place": place_word(guild.provider),
        "import_url": import_url(guild.pk) if may_import(person) else "",
        "may_add": person.has_perm("giftcodes.add_member") and guild.active,
        "add_url": model_url(Member, "add", query={"guild": guild.pk}),
        "needing": guild.members.needing_correction().count(),
        "needing_url": guild_url(guild.pk, "members", needs="correction"),
        "is_needing": request.GET.get("needs") == "correction",
        "inactive": guild.members.filter(active=False).count(),
        "coverage_url": reverse("admin:matrix", query={"guild": guild.pk})
        if person.has_perm("giftcodes.view_memberredemption")
        else "",
        "imports_url": list_url(MemberImport, guild__id__exact=guild.pk)
        if person.has_perm("giftcodes.view_memberimport")
        else "",
        "tab_url": guild_url(guild.pk, "members"),
    }
    response: HttpResponse = MembersOfGuild(guild).changelist_view(request, context)
    return response
