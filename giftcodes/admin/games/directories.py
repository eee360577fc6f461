"""Two read-only lists: the directories of players with their states, and their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.utils import timezone
from django.utils.formats import localize
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common.base import History
from giftcodes.admin.common.html import badge
from giftcodes.models import Directory, DirectoryLookup, Member
from giftcodes.models.game_words import place_noun, places
from giftcodes.models.games import games
from giftcodes.queries.player_data import consent_recorded_at

if TYPE_CHECKING:
    from django.utils.safestring import SafeString


@admin.register(Directory)
class DirectoryAdmin(History):
    intro = _(
        "Services that look up the names of players, and their state or kingdom. They are asked "
        "once a week, and only about members who have consented."
    )
    empty_hint = _(
        "No directory has been asked yet. A directory needs a key in the settings "
        "(docs/reference/settings.md)."
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
        "error",
    ]
    readonly_fields = ["state_shown"]

    @admin.display(description=pgettext_lazy("of a row", "state"))
    def state_shown(self, directory: Directory) -> SafeString:
        config = games().get(directory.provider)
        if config is None or not config.has_directory:
            return badge("off", _("off: the key or the address of the directory is not set"))
        if directory.key_refused:
            return badge("failed", _("the key is refused"))
        return badge("failed", _("failing")) if directory.failures else badge("on", _("on"))


@admin.register(DirectoryLookup)
class DirectoryLookupAdmin(History):
    intro = _(
        "The directory's answer for each member who has consented, and the time of the next "
        "request."
    )
    empty_hint = _("No member is looked up: no directory is on, or no member has consented.")
    list_display = [
        "player_id",
        "provider",
        "said",
        "name",
        "place_shown",
        "answered_at",
        "due_at",
        "failures",
    ]
    list_filter = ["said", "provider"]
    search_fields = ["=player_id"]
    search_help_text = _("Player ID")
    ordering = ["-id"]

    @admin.display(description=places(), ordering="realm", empty_value="–")
    def place_shown(self, lookup: DirectoryLookup) -> int | None:
        """The number of the state or kingdom. The heading uses the words of the games."""
        return lookup.realm


def directory_words(member: Member) -> str:
    """The directory's answer for a member, in words. It is empty if the game has no directory."""
    config = games().get(member.guild.provider)
    if config is None or not config.has_directory:
        return ""
    if member.consented_on is None:
        return gettext("Not asked: the member has no date of consent.")
    if not member.active or member.opted_out:
        return gettext("Not asked: the member has left, or has opted out.")
    row = DirectoryLookup.objects.filter(provider=config.name, player_id=member.player_id).first()
    since = consent_recorded_at(member)
    if row is None or row.asked_at is None or row.asked_at < since:
        # Another guild of the player may have had an answer. This guild must not learn of that.
        return gettext("Not asked yet.")
    asked = localize(timezone.localtime(row.asked_at))
    if row.answered_at is None or row.answered_at < since:
        return gettext("Last asked %s. There is no answer yet.") % asked
    said = row.get_said_display()
    if row.said == DirectoryLookup.Said.FOUND:
        said = f"{row.name}, {place_noun(config.name)} {row.realm}"
    return gettext("Last asked %(asked)s. Answer: %(said)s.") % {"asked": asked, "said": said}
