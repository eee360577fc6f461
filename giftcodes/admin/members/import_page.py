"""The import of members from a pasted text or a file: a review of every line, and the import.

The form of the review contains the list and what a person changed (`import_rows`), so that nothing
is lost on an error or on the way back, and the imported list is the one that was shown. The effects
are computed again when the list is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from giftcodes import tasks
from giftcodes.admin.common.confirmation import log
from giftcodes.admin.common.html import guild_url, list_link
from giftcodes.admin.members import import_rows
from giftcodes.admin.members.import_rows import ROWS_OF_PAGE, Row, Rows
from giftcodes.domain.lists import joined
from giftcodes.domain.numbers import row_id
from giftcodes.domain.sentences import Sentence
from giftcodes.models import Guild, Member, MemberImport, Source
from giftcodes.models.game_words import place_word
from giftcodes.models.guild import GuildFullError
from giftcodes.queries import scope
from giftcodes.roster import (
    BadLine,
    MemberList,
    UnreadableListError,
    Verdict,
    review_of,
    text_of,
    turn_to_read,
)
from giftcodes.services.corrections import TooManyCorrectionsError
from giftcodes.services.import_words import MOST_BYTES, imported_words
from giftcodes.services.imports import ImportResult, import_members

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

_TOO_LONG = _("The list is longer than 1 MB. Split it, and import the parts.")
_EXAMPLE = "1. Amber 410 000 105\n2. Birch – 410000106 – K1043\n410000107 Cinder"
_TEMPLATE = "admin/giftcodes/member_import.html"
IMPORT_TITLE = _("Paste a member list")


class ListField(forms.CharField):
    """A pasted list. Browsers send CR and LF for a line end, which counts as one character here."""

    def to_python(self, value: Any) -> Any:
        """Replace each pair of CR and LF with LF."""
        text = super().to_python(value)
        return text.replace("\r\n", "\n") if isinstance(text, str) else text

    def validate(self, value: Any) -> None:
        """Check the length.

        Raises:
            ValidationError: the list is too long.
        """
        super().validate(value)
        if len(value.encode("utf-8", "replace")) > MOST_BYTES:
            raise forms.ValidationError(_TOO_LONG, code="too_long")


class ImportForm(forms.Form):
    """The guild, and the list as pasted text or as a file."""

    guild = forms.ModelChoiceField(Guild.objects.none(), label=_("Guild"))
    listing = ListField(
        label=_("The list"),
        required=False,
        strip=False,
        widget=forms.Textarea({"rows": 14, "placeholder": _EXAMPLE, "spellcheck": "false"}),
        help_text=_(
            "Any text with player IDs: a chat, a screenshot's text, cells of a spreadsheet. The "
            "rest of a line is the name."
        ),
    )
    file = forms.FileField(
        label=_("Or a file: Excel, CSV or text"),
        required=False,
        help_text=_("At most 1 MB and 20,000 members."),
    )

    def __init__(self, *data: Any, guilds: QuerySet[Guild], **options: Any) -> None:
        """Offer these guilds as choices. If there is only one, it is chosen."""
        super().__init__(*data, **options)
        choice = self.fields["guild"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = guilds
        if not self.initial.get("guild") and len(few := list(guilds[:2])) == 1:
            self.initial["guild"] = few[0].pk
        self.file_text: str | None = None

    def clean(self) -> dict[str, Any]:
        """Read the list."""
        cleaned = super().clean() or {}
        uploaded = cleaned.get("file")
        if uploaded and uploaded.size > MOST_BYTES:
            raise forms.ValidationError(
                {"file": _("The file is larger than 1 MB. Split it, and import the parts.")}
            )
        if "listing" in self.errors:
            return cleaned
        data = (
            uploaded.read() if uploaded else cleaned.get("listing", "").encode("utf-8", "replace")
        )
        if not data.strip():
            raise forms.ValidationError(
                {"listing": _("There is no list yet. Paste one here, or choose a file.")}
            )
        try:
            text = text_of(data)
            if len(text.encode("utf-8", "replace")) > MOST_BYTES:
                raise forms.ValidationError({"file" if uploaded else "listing": _TOO_LONG})
            self.file_text = text if uploaded else None
            if cleaned.get("guild") is None:
                # Without a guild the form is refused, and the list is not read: `turn_to_read` lets
                # a guild have only one long list read at a time, so it must know the guild.
                return cleaned
            with turn_to_read(text, cleaned.get("guild")):
                cleaned["text"], cleaned["review"] = text, review_of(text)
        except UnreadableListError as error:
            raise forms.ValidationError({"file" if uploaded else "listing": str(error)}) from error
        return cleaned


def page(request: HttpRequest) -> HttpResponse:
    """Show the form or the review, or import the list."""
    if not may_import(request.user):
        raise PermissionDenied
    guilds = scope.visible(Guild.objects.active(), request.user)
    if request.method != "POST":
        initial = {"guild": row_id(request.GET.get("guild"))}
        return _form_page(request, ImportForm(guilds=guilds, initial=initial))
    form = ImportForm(request.POST, request.FILES, guilds=guilds)
    if not form.is_valid():
        if form.file_text is not None:
            # A browser does not send the file again, so the form gets its text.
            data = request.POST.copy()
            data["listing"] = form.file_text
            form = ImportForm(data, guilds=guilds)
        return _form_page(request, form)
    guild: Guild = form.cleaned_data["guild"]
    text: str = form.cleaned_data["text"]
    rows = import_rows.rows_of(
        form.cleaned_data["review"], request.POST.get("changes", ""), request.POST
    )
    if "select_unsure" in request.POST:
        import_rows.select_unsure(rows)
    try:
        changes = rows.changes()
    except import_rows.TooManyChangesError:
        words = _("Too many lines were changed. Change them in the text, and review it again.")
        form.add_error("listing", words)
        return _form_page(request, form)
    if "back" in request.POST:
        again = ImportForm(guilds=guilds, initial={"guild": guild.pk, "listing": text})
        return _form_page(request, again, changes=changes)
    try:
        import_rows.preview(guild, rows)
        notes = _obstacles(rows) if "apply" in request.POST else []
        if "apply" in request.POST and not notes:
            return _apply(request, guild, rows)
        _log_opted_out(request, guild, rows.result)
    except (GuildFullError, TooManyCorrectionsError) as error:
        form.add_error("listing", str(error))
        return _form_page(request, form, changes=changes)
    context = {
        **admin.site.each_context(request),
        "title": IMPORT_TITLE,
        "guild": guild,
        "text": text,
        "changes": changes,
        "notes": notes,
        **_shown(request, guild, rows),
    }
    return TemplateResponse(request, _TEMPLATE, context)


def may_import(user: Any) -> bool:
    """Whether a user may import members."""
    return bool(user.has_perms(["giftcodes.add_member", "giftcodes.change_member"]))


def import_url(guild_id: int | None = None) -> str:
    """The address of this page."""
    query = {"guild": guild_id} if guild_id else None
    return reverse("admin:member_import", query=query)


def _form_page(request: HttpRequest, form: ImportForm, *, changes: str = "") -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": IMPORT_TITLE,
        "form": form,
        "changes": changes or request.POST.get("changes", ""),
    }
    return TemplateResponse(request, _TEMPLATE, context)


def _obstacles(rows: Rows) -> list[str]:
    """Why the import cannot be done yet, in words. Empty if it can be done."""
    notes: list[str] = []
    if wrong := len(rows.wrong):
        notes.append(
            ngettext(
                "Nothing was imported yet: %d line needs a correction. Its field is marked.",
                "Nothing was imported yet: %d lines need a correction. Their fields are marked.",
                wrong,
            )
            % wrong
        )
    if forgotten := sum(row.is_forgotten for row in rows.rows):
        notes.append(
            ngettext(
                "Nothing was imported yet: %d line was changed, but its box is not ticked. Tick "
                "the box, or import without the line.",
                "Nothing was imported yet: %d lines were changed, but their boxes are not ticked. "
                "Tick the boxes, or import without the lines.",
                forgotten,
            )
            % forgotten
        )
    if not notes and rows.surprising:
        notes.append(
            gettext(
                "Nothing was imported yet: a line that you changed is about a known player. See "
                "what the import would do, and import again."
            )
        )
    if not notes and not rows.used:
        notes.append(gettext("Nothing was imported: no line is ticked."))
    return notes


def _shown(request: HttpRequest, guild: Guild, rows: Rows) -> dict[str, Any]:
    """The rows of one page, and counts over the rows of all pages."""
    wanted = row_id(request.POST.get("page")) or row_id(request.POST.get("shown_page")) or 1
    in_error = rows.wrong[:1] if "apply" in request.POST else []
    pages = max(1, -(-len(rows.rows) // ROWS_OF_PAGE))
    number = rows.page_of(in_error[0]) if in_error else min(wanted, pages)
    shown = rows.rows[(number - 1) * ROWS_OF_PAGE : number * ROWS_OF_PAGE]
    sections = [
        _section(_("Needs a look"), "unsure", rows, shown, Verdict.UNSURE),
        _section(_("Good"), "good", rows, shown, Verdict.GOOD),
        _section(_("Left out"), "skipped", rows, shown, Verdict.SKIPPED, Verdict.REPEATED),
    ]
    result = rows.result
    effects = [
        (label, sum(row.effect == effect for row in rows.used))
        for effect, (_badge, label) in import_rows.EFFECTS.items()
    ]
    member_ids = [row.member.player_id for row in rows.rows if row.member]
    others = scope.visible(Member.objects.all(), request.user).filter(
        guild__provider=guild.provider, player_id__in=member_ids, active=True
    )
    return {
        "rows": rows,
        "sections": sections,
        "effects": effects,
        "has_something": result.has_changes,
        "number": rows.number,
        "number_elsewhere": rows.number - sum(row.is_used and row.counts for row in shown),
        "focused": _focused(rows, shown),
        "page": number,
        "pages": range(1, pages + 1) if pages > 1 else [],
        "ignored": joined(rows.ignored_columns),
        "realm_label": place_word(guild.provider),
        # Guilds that this person may not see are left out. Otherwise an officer could use this
        # number to find out whether a player is a member anywhere.
        "elsewhere": others.exclude(guild=guild).values("player_id").distinct().count(),
    }


def _section(
    title: Any, name: str, rows: Rows, shown: list[Row], *verdicts: Verdict
) -> dict[str, Any]:
    of_all = rows.of(*verdicts)
    return {
        "title": title,
        "name": name,
        "number": len(of_all),
        "page": rows.page_of(of_all[0]) if of_all else 1,
        "rows": [row for row in shown if row.line.verdict in verdicts],
    }


def _focused(rows: Rows, shown: list[Row]) -> str:
    """What gets the focus: a field of the first row that needs a look, or else the button."""
    wrong = [row for row in shown if row.is_used and row.error]
    unsure = [row for row in shown if row.line.verdict is Verdict.UNSURE and not row.is_used]
    for row in [*wrong, *unsure]:
        return f"{row.key}.{row.doubtful or 'player_id'}"
    return "" if rows.wrong else "apply"


def _log_opted_out(request: HttpRequest, guild: Guild, result: ImportResult) -> None:
    """Add to the guild's history that the person learned which players have opted out."""
    if number := len(result.opted_out):
        log(request, [guild], Sentence.of("did_preview_opted_out", number=number))


def _apply(request: HttpRequest, guild: Guild, rows: Rows) -> HttpResponse:
    assert request.user.pk is not None  # The site requires a login.
    listed = _chosen(rows)
    result = import_members(guild.pk, listed.members, source=Source.ADMIN, user_id=request.user.pk)
    words = imported_words(listed, result)
    log(request, [guild], words)
    undo = list_link(MemberImport, gettext("The import can be undone."), guild__id__exact=guild.pk)
    messages.success(request, format_html("{} {}", words, undo) if result.import_id else words)
    tasks.enqueue_on_commit(tasks.catch_up, [guild.pk])
    return HttpResponseRedirect(guild_url(guild.pk, "members"))


def _chosen(rows: Rows) -> MemberList:
    """The chosen members, and the lines that are left out."""
    left_out = [row.line for row in rows.rows if not row.is_used]
    repeated = [line for line in left_out if line.verdict is Verdict.REPEATED]
    bad = [line for line in left_out if line.verdict is not Verdict.REPEATED]
    return MemberList(
        members=tuple(row.member for row in rows.used if row.member),
        repeated=tuple(BadLine(line.line, line.reason) for line in repeated),
        bad=tuple(BadLine(line.line, line.reason) for line in bad),
        ignored_columns=rows.ignored_columns,
    )
