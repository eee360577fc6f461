"""The import of members from a list: a preview of its effects, and the import after a confirmation.

The form of the preview contains the list, so that the confirmed list is the one that was shown. The
effects are computed again when the list is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from giftcodes import tasks
from giftcodes.admin.common import scope
from giftcodes.admin.common.confirmation import group, log
from giftcodes.admin.common.html import list_link, list_url
from giftcodes.domain.numbers import row_id
from giftcodes.models import Guild, Member, MemberImport, Source
from giftcodes.models.guild import GuildFullError, member_words
from giftcodes.roster import MemberList, UnreadableListError, members_in, text_of
from giftcodes.services.imports import ImportResult, import_members, summary

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

#: About 20,000 lines. Django accepts 2.5 MB in a form (DATA_UPLOAD_MAX_MEMORY_SIZE). The forms are
#: multipart, because URL encoding would make Chinese text three times as long.
MOST_BYTES = 1_000_000
_TOO_LONG = _("The list is longer than 1 MB. Split it, and import the parts.")
_EXAMPLE = "player_id, nickname, realm\n123456789, Amber\n123456790, Birch, 1043"


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
    """The guild, and the list as a file or as pasted text."""

    guild = forms.ModelChoiceField(Guild.objects.none(), label=_("Guild"))
    file = forms.FileField(
        label=_("An Excel, CSV or text file"),
        required=False,
        help_text=_("At most 1 MB and 20,000 members."),
    )
    listing = ListField(
        label=_("Or the list itself"),
        required=False,
        strip=False,
        widget=forms.Textarea({"rows": 12, "placeholder": _EXAMPLE, "spellcheck": "false"}),
        help_text=_("One player ID in each line, or columns with a line of headings above them."),
    )

    def __init__(self, *data: Any, guilds: QuerySet[Guild], **options: Any) -> None:
        """Offer these guilds as choices."""
        super().__init__(*data, **options)
        choice = self.fields["guild"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = guilds

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
            raise forms.ValidationError(_("Choose a file, or paste a list."))
        try:
            text = text_of(data)
            if len(text.encode("utf-8", "replace")) > MOST_BYTES:
                raise forms.ValidationError({"file" if uploaded else "listing": _TOO_LONG})
            cleaned["text"], cleaned["members"] = text, members_in(text)
        except UnreadableListError as error:
            raise forms.ValidationError({"file" if uploaded else "listing": str(error)}) from error
        return cleaned


def page(request: HttpRequest) -> HttpResponse:
    """Show the form or the preview, or import the list after confirmation."""
    if not request.user.has_perms(["giftcodes.add_member", "giftcodes.change_member"]):
        raise PermissionDenied
    guilds = scope.visible(Guild.objects.active(), request.user)
    form = ImportForm(
        request.POST if request.method == "POST" else None,
        request.FILES if request.method == "POST" else None,
        guilds=guilds,
        initial={"guild": row_id(request.GET.get("guild"))},
    )
    context = {**admin.site.each_context(request), "title": _("Import members"), "form": form}
    if request.method == "POST" and form.is_valid():
        guild: Guild = form.cleaned_data["guild"]
        listed: MemberList = form.cleaned_data["members"]
        try:
            if "apply" in request.POST:
                return _apply(request, guild, listed)
            result = import_members(guild.pk, listed.members, dry_run=True)
            _log_opted_out(request, guild, result)
        except GuildFullError as error:
            form.add_error(None, str(error))
        else:
            context |= {
                "guild": guild,
                "text": form.cleaned_data["text"],
                **_preview(request, guild, listed, result),
            }
    return TemplateResponse(request, "admin/giftcodes/member_import.html", context)


def _preview(
    request: HttpRequest, guild: Guild, listed: MemberList, result: ImportResult
) -> dict[str, Any]:
    names = {line.player_id: member_words(line.nickname, line.player_id) for line in listed.members}
    unused = sorted([*listed.bad, *listed.repeated], key=lambda line: line.line)
    others = scope.visible(Member.objects.all(), request.user).filter(
        guild__provider=guild.provider,
        player_id__in=[line.player_id for line in listed.members],
        active=True,
    )
    return {
        "result": result,
        "has_something": result.has_changes,
        "ignored": ", ".join(listed.ignored_columns),
        "groups": [
            group(_("Not used"), "failed", [str(line) for line in unused]),
            group(_("Opted out, and left out"), "opted-out", result.opted_out),
            group(_("New"), "redeemed", [names[player] for player in result.added]),
            group(_("Active again"), "redeemed", result.reactivated),
            group(
                _("Changed"), "running", [f"{player}: {what}" for player, what in result.updated]
            ),
        ],
        "unchanged": result.already_there - len(result.updated) - len(result.reactivated),
        # Guilds that this person may not see are left out. Otherwise an officer could use this
        # number to find out whether a player is a member anywhere.
        "elsewhere": others.exclude(guild=guild).values("player_id").distinct().count(),
    }


def _log_opted_out(request: HttpRequest, guild: Guild, result: ImportResult) -> None:
    """Add to the guild's history that the person learned which players have opted out."""
    if number := len(result.opted_out):
        words = ngettext(
            "The preview of an import named %d player who has opted out.",
            "The preview of an import named %d players who have opted out.",
            number,
        )
        log(request, [guild], words % number)


def _apply(request: HttpRequest, guild: Guild, listed: MemberList) -> HttpResponse:
    assert request.user.pk is not None  # The site requires a login.
    result = import_members(guild.pk, listed.members, source=Source.ADMIN, user_id=request.user.pk)
    words = gettext("Imported %(summary)s.") % {"summary": summary(listed, result)}
    log(request, [guild], words)
    undo = list_link(MemberImport, gettext("The import can be undone."), guild__id__exact=guild.pk)
    messages.success(request, format_html("{} {}", words, undo) if result.import_id else words)
    for line in sorted([*listed.bad, *listed.repeated], key=lambda line: line.line)[:10]:
        messages.warning(request, str(line))
    tasks.enqueue_on_commit(tasks.catch_up, [guild.pk])
    return HttpResponseRedirect(list_url(Member, guild__id__exact=guild.pk))
