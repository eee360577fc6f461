"""What people did in the admin, newest first: who did it, when, and to which row."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ORDER_VAR
from django.contrib.contenttypes.models import ContentType
from django.http import HttpResponseRedirect
from django.urls import NoReverseMatch
from django.utils.html import format_html, format_html_join
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common.base import History
from giftcodes.admin.common.html import NOTHING, model_url
from giftcodes.admin.common.versions import Change, Entry, changes_logged, with_guilds
from giftcodes.models import StoredSetting
from giftcodes.services.changes import words_of

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

_PERMISSION = "giftcodes.view_guild"
#: The entries of one action on many rows are written at most this long after each other.
SOON = timedelta(seconds=2)


def group_changes(entries: list[LogEntry]) -> list[LogEntry]:
    """Let one entry stand for all rows that one action of a person changed in the same way.

    Only the newest entry of an action is shown. Its attribute `together` has all of them.

    Args:
        entries: the entries of a page, the newest first.
    """
    shown: list[LogEntry] = []
    groups: dict[tuple[Any, ...], LogEntry] = {}
    for entry in entries:
        entry.together = [entry]  # type: ignore[attr-defined]
        key = (entry.user_id, entry.content_type_id, entry.action_flag, entry.change_message)
        first = groups.get(key)
        if first and _together(first)[-1].action_time - entry.action_time <= SOON:
            _together(first).append(entry)
            continue
        groups[key] = entry
        shown.append(entry)
    return shown


def _together(entry: LogEntry) -> list[LogEntry]:
    found: list[LogEntry] = entry.together  # type: ignore[attr-defined]
    return found


def _values(entry: LogEntry) -> str:
    """Each short value that an entry changed, before and after."""
    changes: list[Change] = entry.changes  # type: ignore[attr-defined]
    return "; ".join(f"{capfirst(one.name)}: {one.old} → {one.new}" for one in changes)


def _row_words(entry: LogEntry, words: str) -> SafeString | str:
    """Words about the row of an entry, with a link if the row has a page."""
    model = entry.content_type.model_class() if entry.content_type else None
    if model is None:
        return words
    try:
        url = model_url(model, "change", entry.object_id)
    except NoReverseMatch:
        return words
    return format_html('<a href="{}">{}</a>', url, words)


@admin.register(LogEntry)
class ChangeAdmin(History):
    """The log of the admin. A person sees the entries about rows that they may see."""

    intro = _(
        "What people did here, newest first. The history of a guild, a member or a code also shows "
        "each text before and after, and what was done on the command line."
    )
    empty_hint = _("No person has changed anything yet.")
    list_display = ["action_time", "user", "row_shown", "words_shown"]
    list_display_links = None
    phone_columns = ("action_time", "user", "row_shown", "words_shown")
    list_select_related = ["user", "content_type"]
    search_fields = ["object_repr", "user__username"]
    search_help_text = _("Name of the row or of the person")
    ordering = ["-action_time", "-id"]
    list_per_page = 100

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person may see the log (they must be allowed to see guilds)."""
        return bool(request.user.has_perm(_PERMISSION)) and self._is_own(request, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Return False, so that the pages of apps do not list the log."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[LogEntry]:
        """Only entries about kinds of rows that the person may see."""
        kinds = [
            (model._meta.app_label, model._meta.model_name)
            for model, page in self.admin_site._registry.items()
            if model is not LogEntry and page.has_view_permission(request)
        ]
        if request.user.is_superuser:
            # Stored settings have a page, but no admin class (admin/games/connecting.py).
            kinds.append((StoredSetting._meta.app_label, StoredSetting._meta.model_name))
        known = ContentType.objects.all()
        ids = [kind.pk for kind in known if (kind.app_label, kind.model) in kinds]
        rows: QuerySet[LogEntry] = super().get_queryset(request)
        return rows.filter(content_type__in=ids)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Redirect to the list, because an entry has no page of its own."""
        del form_url, extra_context
        self.get_object(request, unquote(object_id))
        return HttpResponseRedirect(self.list_url)

    def decorate(self, request: HttpRequest, rows: list[LogEntry]) -> None:
        """Add the words of each entry, with the values that have changed.

        The words name only guilds that the person may see. The entries of one action are shown
        as one, unless the person has sorted the list.
        """
        entries = [Entry(row.action_time, row.user.get_username(), words_of(row)) for row in rows]
        for row, entry in zip(rows, with_guilds(entries, request.user), strict=True):
            row.words = entry.words  # type: ignore[attr-defined]
        changes = changes_logged(rows)
        for row in rows:
            row.changes = changes.get(row.pk, [])  # type: ignore[attr-defined]
            row.together = [row]  # type: ignore[attr-defined]
        if ORDER_VAR not in request.GET:
            rows[:] = group_changes(rows)

    @admin.display(description=_("what"))
    def row_shown(self, entry: LogEntry) -> SafeString | str:
        """The kind and the name of the row, with a link if it has a page.

        For an action on several rows, their number. Their names are in a list that opens.
        """
        kind = entry.content_type
        model = kind.model_class() if kind else None
        if kind is None or model is None:
            return entry.object_repr or NOTHING
        together = _together(entry)
        if len(together) == 1:
            words = f"{capfirst(model._meta.verbose_name)} {entry.object_repr}"
            return _row_words(entry, words)
        are_alike = len({_values(one) for one in together}) == 1
        lines = format_html_join(
            "",
            "<li>{} {}</li>",
            (
                (_row_words(one, one.object_repr), "" if are_alike else _values(one))
                for one in together
            ),
        )
        return format_html(
            "<details><summary>{} {}</summary><ul>{}</ul></details>",
            len(together),
            model._meta.verbose_name_plural,
            lines,
        )

    @admin.display(description=_("done"))
    def words_shown(self, entry: LogEntry) -> str:
        """What was done, and each short value before and after, if it is the same for all rows."""
        words = str(entry.words) or str(_("Added.") if entry.is_addition() else "")  # type: ignore[attr-defined]
        values = {_values(one) for one in _together(entry)}
        shown = values.pop() if len(values) == 1 else ""
        return " ".join(filter(None, [words, shown])) or NOTHING
