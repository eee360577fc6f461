"""Directories of players: how each does, and what it said of whom. Both are for reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import admin
from django.utils import timezone
from django.utils.formats import localize
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common.base import History
from giftcodes.admin.common.html import badge
from giftcodes.models import Directory, DirectoryLookup, Member

if TYPE_CHECKING:
    from django.utils.safestring import SafeString


@admin.register(Directory)
class DirectoryAdmin(History[Directory]):
    intro = _(
        "Services that know names and realms of players. Asked only for members who agreed, once a week."
    )
    empty_hint = _(
        "No directory has been asked yet. It needs a key in the settings (docs/reference/settings.md)."
    )
    list_display = [
        "provider",
        "state_shown",
        "answered_at",
        "used_today",
        "not_before",
        "failures",
        "error",
    ]
    fields = [
        "provider",
        "state_shown",
        "asked_at",
        "answered_at",
        "day",
        "used_today",
        "not_before",
        "failures",
    ]
    fields += ["error"]
    readonly_fields = ["state_shown"]

    @admin.display(description=_("state"))
    def state_shown(self, directory: Directory) -> SafeString:
        config = settings.PROVIDERS.get(directory.provider)
        if config is None or not config.has_directory:
            return badge("off", _("off: no key or address is set"))
        if directory.key_refused:
            return badge("failed", _("the key is refused"))
        return badge("failed", _("failing")) if directory.failures else badge("on", _("on"))


@admin.register(DirectoryLookup)
class DirectoryLookupAdmin(History[DirectoryLookup]):
    intro = _(
        "What a directory of players said of each member who agreed, and when it is asked next."
    )
    empty_hint = _("No member is looked up: no directory is on, or nobody has agreed.")
    list_display = [
        "player_id",
        "provider",
        "said",
        "name",
        "realm",
        "answered_at",
        "due_at",
        "failures",
    ]
    list_filter = ["said", "provider"]
    search_fields = ["=player_id"]
    search_help_text = _("Player ID")
    ordering = ["-id"]


def directory_words(member: Member) -> str:
    """What the directory of the member's game said of the player, for the member's page; empty: the game has none."""
    config = settings.PROVIDERS.get(member.guild.provider)
    if config is None or not config.has_directory:
        return ""
    if member.consented_on is None:
        return gettext("Not asked: no day of consent is noted.")
    if not member.active or member.opted_out:
        return gettext("Not asked: the member has left, or has opted out.")
    row = DirectoryLookup.objects.filter(provider=config.name, player_id=member.player_id).first()
    if row is None or row.asked_at is None:
        return gettext("Not asked yet.")
    asked = localize(timezone.localtime(row.asked_at))
    said = row.get_said_display()
    if row.said == DirectoryLookup.Said.FOUND:
        said = f"{row.name}, {config.realm_word} {row.realm}"
    return gettext("Last asked %(asked)s, said: %(said)s.") % {"asked": asked, "said": said}
