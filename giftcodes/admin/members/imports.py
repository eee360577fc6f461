"""Imports of members: the effects of each, and the button that undoes it."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from giftcodes import tasks
from giftcodes.admin.common.action_report import Report
from giftcodes.admin.common.base import History
from giftcodes.admin.common.choice_filter import ChoicesInWords
from giftcodes.admin.common.confirmation import SHOWN, confirmation_page, group, log
from giftcodes.admin.common.html import NOTHING, guild_url
from giftcodes.admin.common.versions import changes_between
from giftcodes.admin.members.import_page import IMPORT_TITLE, import_url, may_import
from giftcodes.domain.lists import joined
from giftcodes.domain.numbers import row_id
from giftcodes.domain.sentences import Sentence
from giftcodes.domain.text import isolated
from giftcodes.models import Member, MemberImport, Source
from giftcodes.models.guild import member_words
from giftcodes.models.history import versions_before
from giftcodes.services.imports import UndoResult, undo_import

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString


def _source_words(source: str) -> str:
    if source == Source.ADMIN:
        return gettext("pasted or uploaded")
    return str(Source(source).label)


class SourceFilter(ChoicesInWords):
    """A filter by the way in which the list came, in the words of the column."""

    def words(self, value: str) -> str:
        return _source_words(value)

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Leave out the feed, which imports no members."""
        feed = str(Source.FEED.label)
        yield from (one for one in super().choices(changelist) if str(one["display"]) != feed)


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
        "source_shown",
        "added",
        "updated",
        "reactivated",
        "undone_shown",
    ]
    phone_columns = ("at", "guild", "user", "undone_shown")
    list_select_related = ["guild", "user", "undone_by"]
    list_filter = ["guild", ("source", SourceFilter)]
    search_fields = ["guild__name"]
    search_help_text = _("Guild")
    fieldsets = [(None, {"fields": ["guild", "at", "user", "source_shown", "undone_shown"]})]
    readonly_fields = ("source_shown", "undone_shown")
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

    @admin.display(description=_("list"), ordering="source")
    def source_shown(self, made: MemberImport) -> str:
        """How the list came to Redeemer."""
        return _source_words(made.source)

    @admin.display(description=_("undone"), ordering="undone_at")
    def undone_shown(self, made: MemberImport) -> str:
        """The person who undid the import."""
        if not made.undone_at:
            return NOTHING
        return gettext("by %s") % made.undone_by if made.undone_by else gettext("yes")

    def page_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        """The members that the import added and changed."""
        made = self.get_object(request, unquote(object_id))
        assert made is not None  # `changeform_view` has found it.
        versions = list(Member.history.filter(member_import=made).order_by("history_id"))
        before = versions_before(Member, versions)
        changed = [version for version in versions if version.history_type != "+"]
        lines = [
            f"{_name(version)}: {_change(before.get(version.id), version)}" for version in changed
        ]
        added = [_name(version) for version in versions if version.history_type == "+"]
        links: list[tuple[str, Any]] = [
            (guild_url(made.guild_id, "members"), _("Members of the guild"))
        ]
        if made.undone_at and may_import(request.user):
            links.append((import_url(made.guild_id), IMPORT_TITLE))
        return {
            "groups": [group(_("Added"), "redeemed", added), group(_("Changed"), "running", lines)],
            "links": links,
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
            log(request, [made.guild], Sentence.of("did_undo_import", done=words))
            log(request, [made], words)
            tasks.enqueue_on_commit(tasks.catch_up, [made.guild_id])
            report.done(_done_words(made, words, may_import=may_import(request.user)))
        report.tell(request)
        return None


def _done_words(made: MemberImport, words: str, *, may_import: bool) -> SafeString:
    """What was undone, with links to the guild's members and to the page that imports a list."""
    links = [(guild_url(made.guild_id, "members"), gettext("Members of %s") % made.guild)]
    if may_import:
        links.append((import_url(made.guild_id), str(IMPORT_TITLE)))
    return format_html(
        "{} {}",
        gettext("The import was undone: %s") % words,
        format_html_join(" · ", '<a href="{}">{}</a>', links),
    )


def _change(before: Any, after: Any) -> str:
    changes = changes_between(before, after)
    return joined(
        f"{change.name} {isolated(change.old)} → {isolated(change.new)}" for change in changes
    )


def _name(version: Any) -> str:
    return member_words(version.nickname, version.player_id)


def _groups(result: UndoResult) -> list[dict[str, Any]]:
    def named(player_ids: list[str]) -> list[str]:
        return [result.names[player_id] for player_id in player_ids]

    return [
        group(_("Cannot be undone"), "failed", [result.obstacle] if result.obstacle else []),
        group(_("Would be removed again"), "cancelled", named(result.deleted)),
        group(
            _("Would become inactive, because they have a history"),
            "cancelled",
            named(result.retired),
        ),
        group(_("Would get the earlier values back"), "redeemed", named(result.restored)),
        group(
            _("Would not change, because they have been edited since"),
            "failed",
            [f"{result.names[who]}: {what}" for who, what in result.kept],
        ),
    ]


def _has_something(result: UndoResult) -> bool:
    return bool(result.deleted or result.retired or result.restored)


def _words(result: UndoResult) -> Sentence:
    parts: dict[str, Sized] = {
        "undo_removed": result.deleted,
        "undo_inactive": result.retired,
        "undo_restored": result.restored,
        "undo_unchanged": result.kept,
    }
    numbers = [Sentence.of(key, number=len(found)) for key, found in parts.items() if found]
    return Sentence.of(
        "did_undo", numbers=Sentence.list_of(numbers or [Sentence.of("undo_nothing")])
    )
