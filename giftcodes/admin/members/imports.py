"""Imports of members: the effects of each, and the button that undoes it."""

from __future__ import annotations

from collections.abc import Sized
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from giftcodes import tasks
from giftcodes.admin.common.action_report import Report
from giftcodes.admin.common.base import History
from giftcodes.admin.common.confirmation import SHOWN, confirmation_page, group, log
from giftcodes.admin.common.html import NOTHING
from giftcodes.admin.common.versions import changes_between
from giftcodes.admin.members.import_page import IMPORT_TITLE, import_url, may_import
from giftcodes.domain.numbers import row_id
from giftcodes.domain.text import isolated
from giftcodes.models import Member, MemberImport
from giftcodes.models.history import versions_before
from giftcodes.services.imports import UndoResult, undo_import

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse


@admin.register(MemberImport)
class MemberImportAdmin(History):
    intro = _(
        "Imports of member lists, if they changed any members. Each can be undone, even days later."
    )
    empty_hint = _("No imports yet. Paste a member list to begin.")

    list_display = [
        "at",
        "guild",
        "user",
        "source",
        "added",
        "updated",
        "reactivated",
        "undone_shown",
    ]
    phone_columns = ("at", "guild", "user", "undone_shown")
    list_select_related = ["guild", "user", "undone_by"]
    list_filter = ["guild", "source"]
    search_fields = ["guild__name"]
    search_help_text = _("Guild")
    fieldsets = [(None, {"fields": ["guild", "at", "user", "source", "undone_shown"]})]
    readonly_fields = ("undone_shown",)
    actions = ["undo"]
    change_form_template = "admin/giftcodes/import/change_form.html"

    def get_list_links(self, request: HttpRequest) -> list[tuple[str, Any]]:
        """A link to the page that imports members, with the guild that the list shows."""
        if not may_import(request.user):
            return []
        return [(import_url(row_id(request.GET.get("guild__id__exact"))), IMPORT_TITLE)]

    def has_undo_permission(self, request: HttpRequest) -> bool:
        """Whether the user may import members, and so undo an import."""
        return request.user.has_perms(["giftcodes.add_member", "giftcodes.change_member"])

    def buttons_of(self, row: MemberImport) -> list[tuple[str, Any]]:
        """Offer to undo the import, unless it was undone already."""
        return [] if row.undone_at else [("undo", "")]

    @admin.display(description=_("undone"), ordering="undone_at")
    def undone_shown(self, made: MemberImport) -> str:
        """The person who undid the import."""
        if not made.undone_at:
            return NOTHING
        return gettext("by %s") % made.undone_by if made.undone_by else gettext("yes")

    def page_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        """The members that the import added and changed."""
        made = self.get_object(request, unquote(object_id))
        versions = list(Member.history.filter(member_import=made).order_by("history_id"))
        before = versions_before(Member, versions)
        changed = [version for version in versions if version.history_type != "+"]
        lines = [
            f"{version.player_id}: {_change(before.get(version.id), version)}"
            for version in changed
        ]
        added = [version.player_id for version in versions if version.history_type == "+"]
        return {
            "groups": [group(_("Added"), "redeemed", added), group(_("Changed"), "running", lines)]
        }

    @admin.action(description=_("Undo this import …"), permissions=["undo"])
    def undo(self, request: HttpRequest, imports: QuerySet[MemberImport]) -> HttpResponse | None:
        """Show the effects. After confirmation, undo the imports, beginning with the newest."""
        chosen = list(imports.order_by("-pk"))
        if SHOWN not in request.POST:
            results = [(made, undo_import(made.pk, user_id=None, dry_run=True)) for made in chosen]
            return confirmation_page(
                request,
                self,
                "undo",
                title=_("Undo an import"),
                intro=_("Nothing has been changed yet. This is what would be undone."),
                confirm=_("Undo"),
                groups=[one for _made, result in results for one in _groups(result)],
                has_something=any(_has_something(result) for _made, result in results),
            )
        report = Report()
        for made in chosen:
            result = undo_import(made.pk, user_id=request.user.pk)
            if result.obstacle:
                report.refused(result.obstacle)
                continue
            words = _words(result)
            log(request, [made.guild], gettext("An import was undone: %s") % words)
            log(request, [made], words)
            tasks.enqueue_on_commit(tasks.catch_up, [made.guild_id])
            report.done(gettext("The import was undone: %s") % words)
        report.tell(request)
        return None


def _change(before: Any, after: Any) -> str:
    changes = changes_between(before, after)
    return ", ".join(
        f"{change.name} {isolated(change.old)} → {isolated(change.new)}" for change in changes
    )


def _groups(result: UndoResult) -> list[dict[str, Any]]:
    return [
        group(_("Cannot be undone"), "failed", [result.obstacle] if result.obstacle else []),
        group(_("Would be removed again"), "cancelled", result.deleted),
        group(_("Would become inactive, because they have a history"), "cancelled", result.retired),
        group(_("Would get the earlier values back"), "redeemed", result.restored),
        group(
            _("Would not change, because they have been edited since"),
            "failed",
            [f"{who}: {what}" for who, what in result.kept],
        ),
    ]


def _has_something(result: UndoResult) -> bool:
    return bool(result.deleted or result.retired or result.restored)


def _words(result: UndoResult) -> str:
    parts: dict[str, Sized] = {
        gettext("%d removed"): result.deleted,
        gettext("%d inactive now"): result.retired,
        gettext("%d restored"): result.restored,
        gettext("%d unchanged, because they have been edited since"): result.kept,
    }
    return ", ".join(words % len(found) for words, found in parts.items() if found) + "."
