"""Members: their player IDs, and their realms if these differ from the guild's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models.functions import Coalesce
from django.http import HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from giftcodes import tasks
from giftcodes.admin.common.action_report import Report
from giftcodes.admin.common.base import PageOfRows
from giftcodes.admin.common.confirmation import log
from giftcodes.admin.common.editing import KeepsHistory, leave_out
from giftcodes.admin.common.html import (
    NOTHING,
    badge,
    guild_url,
    link,
    list_link,
    model_url,
    player_url,
)
from giftcodes.admin.games.directories import directory_words
from giftcodes.admin.members.bulk_actions import deactivate, move, set_realm
from giftcodes.admin.members.export import csv_of, exported, workbook_of
from giftcodes.admin.members.import_page import IMPORT_TITLE, import_url, may_import
from giftcodes.admin.members.numbers import number_words
from giftcodes.admin.members.player_codes import may_open as may_see_codes
from giftcodes.admin.members.player_page import may_do_all, may_open, words_for
from giftcodes.correction_words import asked_again_words, mates_words
from giftcodes.domain.numbers import row_id
from giftcodes.domain.player_reasons import unmet_in_short
from giftcodes.domain.sentences import Sentence
from giftcodes.domain.served import Served
from giftcodes.models import Guild, Member, MemberRedemption
from giftcodes.models.game_words import place_word, places
from giftcodes.queries import scope
from giftcodes.queries.guild_members import GOES_FIRST
from giftcodes.queries.player_codes import (
    is_unknown_now,
    place_of,
    served_by_member,
    unmet_conditions,
)
from giftcodes.services.corrections import TooManyCorrectionsError, count_of_member
from giftcodes.services.members import activate_members, set_on_members

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.contrib.admin.views.main import ChangeList
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.functional import _StrPromise as Words
    from django.utils.safestring import SafeString

PLAYER: list[Any] = ["guild", "player_id", "nickname", "realm"]
#: The two links to the page for a player's wishes. The page of a member shows at most one of them.
WISHES = ("wishes", "opt_out")


class MemberRows(PageOfRows):
    """A page of the list. Its rows lead to the player's page, as nicknames do everywhere."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self._leads_to_player = may_see_codes(request.user)

    def url_for_result(self, result: Any) -> str:
        if self._leads_to_player:
            return player_url(result.pk)
        return super().url_for_result(result)


class MemberForm(forms.ModelForm):  # type: ignore[type-arg]
    """A member. A player can be added to a guild only once."""

    class Meta:
        model = Member
        fields = ["guild", "player_id", "nickname", "realm", "active", "consented_on", "notes"]

    def __init__(self, *data: Any, **options: Any) -> None:
        """Say where guild-mates are, which helps to find the right state or kingdom."""
        super().__init__(*data, **options)
        if self.instance.pk and "realm" in self.fields:
            field = self.fields["realm"]
            field.help_text = f"{field.help_text} {mates_words(self.instance)}".rstrip()

    def clean(self) -> dict[str, Any] | None:
        """If the player is in the guild already, name the member and say what to do."""
        cleaned: dict[str, Any] | None = super().clean()
        guild, player_id = self.cleaned_data.get("guild"), self.cleaned_data.get("player_id")
        if self.instance.pk is None and guild and player_id:
            self._refuse_duplicate(Member.objects.filter(guild=guild, player_id=player_id).first())
        return cleaned

    def _refuse_duplicate(self, known: Member | None) -> None:
        if known is None:
            return
        words = _("Player {} is a member of this guild already: {}.")
        if not known.active:
            words = _(
                "Player {} is an inactive member of this guild: {}. Open the member's page "
                "and make the member active."
            )
        raise ValidationError(
            {"player_id": format_html(str(words), known.player_id, link(known))}, code="unique"
        )


def _mark(member: Member) -> SafeString | str:
    """What a person must do for a member, or why the member has no code yet."""
    served: Served = member.served  # type: ignore[attr-defined]
    if served.needs_you:
        words = ngettext("%d needs you", "%d need you", served.needs_you) % served.needs_you
        return badge("needs_correction", words)
    if is_unknown_now(member):
        place = {"place": place_word(member.guild.provider), "number": place_of(member)}
        why = gettext("The game does not know the player ID in %(place)s %(number)s.") % place
        return _explained(badge("needs_correction", _("needs correction")), why)
    if served.not_eligible and not served.has:
        why = unmet_in_short(member.unmet_condition)  # type: ignore[attr-defined]
        return _explained(badge("calm", _("not eligible yet")), why)
    return ""


def _explained(mark: SafeString, why: str) -> SafeString:
    return format_html('{} <span class="quiet">{}</span>', mark, why) if why else mark


class NeedsFilter(admin.SimpleListFilter):
    """Members for whom a person must do something."""

    title = _("what they need")
    parameter_name = "needs"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [("correction", _("needs correction"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Member]) -> QuerySet[Member]:  # noqa: ARG002
        if self.value() != "correction":
            return queryset
        return queryset.filter(pk__in=Member.objects.needing_correction().order_by().values("pk"))


@admin.register(Member)
class MemberAdmin(KeepsHistory):
    form = MemberForm
    intro: Words | str = _(
        "Players who get each code of their guild. A player may be in two guilds, but each code is "
        "requested only once."
    )
    empty_hint = _("No members yet. Add a guild first, then paste a list of its players.")
    retire_words = _(
        "The member becomes inactive: codes are no longer redeemed for the player in this guild, "
        "and waiting redemptions are cancelled. The history stays, and you can make the member "
        "active again at any time."
    )

    list_display = ["name_shown", "player_id", "guild", "realm_shown", "codes_shown", "state_shown"]
    list_display_links = ("name_shown", "player_id")
    phone_columns: tuple[str, ...] = (
        "name_shown",
        "player_id",
        "guild",
        "codes_shown",
        "state_shown",
    )
    list_select_related = ["guild"]
    list_filter = [NeedsFilter, "active", "opted_out", "guild__provider", "guild"]
    ordering = [GOES_FIRST, "guild", "nickname", "player_id"]
    search_fields = ["player_id", "nickname", "guild__name"]
    search_help_text = _("Player ID, nickname or guild")
    autocomplete_fields = ["guild"]
    actions = ["move", "set_realm", "activate", "deactivate", "export_csv", "export_xlsx"]
    buttons = ("move",)
    quiet_buttons = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Member]:
        """Add the realm that is sent to the game: the member's own, or else the guild's."""
        rows: QuerySet[Member] = super().get_queryset(request)
        return rows.annotate(realm_now=Coalesce("realm", "guild__realm"))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ARG002
        return MemberRows

    def get_list_links(self, request: HttpRequest) -> list[tuple[str, Any]]:
        """Offer the page for a player's wish, and the import into the guild that the list shows."""
        links = []
        if may_import(request.user):
            guild_id = row_id(request.GET.get("guild__id__exact"))
            links.append((import_url(guild_id), IMPORT_TITLE))
        if may_open(request.user):
            links.append((reverse("admin:player"), words_for(request.user)))
        return links

    def decorate(self, request: HttpRequest, rows: list[Member]) -> None:  # noqa: ARG002
        """Add the number of codes in each share, and why a member is not eligible."""
        ids = [row.pk for row in rows]
        numbers, unmet = served_by_member(ids), unmet_conditions(ids)
        for row in rows:
            row.unmet_condition = unmet.get(row.pk, "")  # type: ignore[attr-defined]
            row.served = numbers.get(row.pk, Served())  # type: ignore[attr-defined]

    def number_words(self, rows: ChangeList) -> str:
        """How many members get codes, and how many others the list has."""
        return number_words(rows) or super().number_words(rows)

    def get_readonly_fields(self, request: HttpRequest, obj: Member | None = None) -> list[str]:  # noqa: ARG002
        """The player and the guild cannot be changed, because they identify the member."""
        return (
            ["state_shown", "joined_at", "look_at", "directory", *WISHES, "guild", "player_id"]
            if obj
            else []
        )

    def get_fieldsets(self, request: HttpRequest, obj: Member | None = None) -> Any:
        """When a member is added, leave out the fields that only a stored member has."""
        if obj:
            shown = ["active", "state_shown", "consented_on", "joined_at", "look_at"]
            if directory_words(obj):
                shown.append("directory")
            redeeming = (
                _("Redeeming"),
                {"fields": [*shown, *_wishes(request.user)]},
            )
            return [(None, {"fields": [*PLAYER, "notes"]}), redeeming]
        return [(None, {"fields": [*PLAYER, "active", "consented_on", "notes"]})]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Choose the guild in the address or in the list's filter, or the person's only guild.

        A guild that the person may not see is not chosen.
        """
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        filters = QueryDict(request.GET.get("_changelist_filters", ""))
        asked = row_id(request.GET.get("guild")) or row_id(filters.get("guild__id__exact"))
        guilds = scope.visible(Guild.objects.active(), request.user)
        found = list(guilds.filter(pk=asked)) if asked else list(guilds[:2])
        chosen = {"guild": found[0].pk} if len(found) == 1 else {}
        return {**initial, "guild": None, **chosen}

    def response_add(
        self, request: HttpRequest, obj: Member, post_url_continue: str | None = None
    ) -> HttpResponse:
        """“Save and add another” adds to the same guild."""
        response: HttpResponse = super().response_add(request, obj, post_url_continue)
        if "_addanother" in request.POST and "_popup" not in request.POST:
            return HttpResponseRedirect(model_url(Member, "add", query={"guild": obj.guild_id}))
        return response

    def response_post_save_add(self, request: HttpRequest, obj: Member) -> HttpResponseRedirect:  # noqa: ARG002
        """Lead to the members of the guild, where the next one can be added."""
        return HttpResponseRedirect(guild_url(obj.guild_id, "members"))

    @admin.display(description=_("nickname"), ordering="nickname")
    def name_shown(self, member: Member) -> SafeString | str:
        """The nickname, by which people know the member."""
        return member.nickname or format_html('<span class="quiet">{}</span>', _("no name"))

    @admin.display(description=_("membership"), ordering="active")
    def state_shown(self, member: Member) -> SafeString:
        """Whether codes are redeemed for the member. An opt-out hides “active”."""
        if member.opted_out:
            return badge("opted-out", _("opted out"))
        return badge("active", _("active")) if member.active else badge("off", _("inactive"))

    @admin.display(description=places(), ordering="realm_now")
    def realm_shown(self, member: Member) -> str:
        """The member's own state or kingdom, or else the guild's."""
        return str(member.guild.realm) if member.realm is None else _("%d (own)") % member.realm

    @admin.display(description=_("codes"))
    def codes_shown(self, member: Member) -> SafeString:
        """How many codes the player has, with a link to the page that names them."""
        served: Served = member.served  # type: ignore[attr-defined]
        words = _("%(has)d of %(total)d") % {"has": served.has, "total": served.total}
        return format_html(
            '<a href="{}">{}<span class="sr-only"> {} {}</span></a> {}',
            player_url(member.pk),
            words if served.total else _("none yet"),
            _("codes of"),
            member,
            _mark(member),
        )

    @admin.display(description=_("see also"))
    def look_at(self, member: Member) -> SafeString:
        """Links to the player's codes, and to the personal link that an officer may send."""
        codes = format_html('<a href="{}">{}</a>', player_url(member.pk), _("codes of this player"))
        rows = list_link(MemberRedemption, _("in all lists"), q=member.player_id)
        url = reverse("admin:personal_link", args=[member.pk])
        personal = format_html('<a href="{}">{}</a>', url, _("personal link for the player"))
        return format_html("{} · {} · {}", codes, rows, personal)

    @admin.display(description=_("directory"))
    def directory(self, member: Member) -> str:
        """The answer from the directory of players."""
        return directory_words(member)

    @admin.display(description=_("wishes"))
    def wishes(self, member: Member) -> SafeString:
        """A link to the page for the player's wishes."""
        return _wish_link(member, _("opt out, download the data, erase"))

    @admin.display(description=_("wishes"))
    def opt_out(self, member: Member) -> SafeString | str:
        """A link to the same page for officers, who may only record an opt-out."""
        return NOTHING if member.opted_out else _wish_link(member, _("opt out"))

    def save_model(self, request: HttpRequest, obj: Member, form: Any, change: bool) -> None:
        """Save the member, and let the guild catch up.

        A member who is new, active again or corrected has codes to catch up on. A new state or
        kingdom is not saved if the guild has reached its limit of corrections.
        """
        if change and "realm" in form.changed_data:
            try:
                count_of_member(obj, request.user)
            except TooManyCorrectionsError as error:
                leave_out(request, form, "realm", str(error))
        super().save_model(request, obj, form, change)
        if change and "realm" in form.changed_data and (again := asked_again_words([obj])):
            messages.success(request, again)
        tasks.enqueue_on_commit(tasks.catch_up, [obj.guild_id])

    @admin.action(description=_("Make active"), permissions=["change"])
    def activate(self, request: HttpRequest, members: QuerySet[Member]) -> None:
        """Make members active again. They catch up on all active codes."""
        report = Report()
        changed, same, refused = activate_members(members.values_list("pk", flat=True))
        for sentence in refused:
            report.refused(sentence)
        for member in changed:
            report.done(gettext("%s is active and catches up on all active codes.") % member)
        for member in same:
            report.nothing(gettext("%s is active already.") % member)
        log(request, changed, Sentence.of("did_make_active"))
        self._catch_up([*changed, *same])
        report.tell(request)

    @admin.action(description=_("Make inactive …"), permissions=["delete"])
    def deactivate(self, request: HttpRequest, members: QuerySet[Member]) -> HttpResponse | None:
        """Say what it means, and make members inactive after confirmation.

        This replaces Django's bulk deletion.
        """
        return deactivate(request, self, members)

    @admin.action(description=_("Move to another guild …"), permissions=["change"])
    def move(self, request: HttpRequest, members: QuerySet[Member]) -> HttpResponse | None:
        """Ask for the guild, show the effects, and move the members after confirmation."""
        return move(request, self, members)

    @admin.action(description=_("Set the state or kingdom …"), permissions=["change"])
    def set_realm(self, request: HttpRequest, members: QuerySet[Member]) -> HttpResponse | None:
        """Ask for the realm and set it.

        Members whose old realm was wrong are tried again at once.
        """
        return set_realm(request, self, members)

    @admin.action(description=_("Export as CSV"), permissions=["view"])
    def export_csv(self, request: HttpRequest, members: QuerySet[Member]) -> HttpResponse | None:
        """Download the chosen members as a CSV file."""
        return exported(request, members, csv_of)

    @admin.action(description=_("Export as an Excel workbook"), permissions=["view"])
    def export_xlsx(self, request: HttpRequest, members: QuerySet[Member]) -> HttpResponse | None:
        """Download the chosen members as a workbook."""
        return exported(request, members, workbook_of)

    def retire(self, request: HttpRequest, rows: Iterable[Member], report: Report) -> None:
        """Make members inactive."""
        changed, same = set_on_members(
            [member.pk for member in rows], "active", lambda _member: False
        )
        for member in changed:
            report.done(
                gettext("%s is inactive now. Nothing was deleted: the history stays.") % member
            )
        for member in same:
            report.nothing(gettext("%s is inactive already. The history stays.") % member)
        log(request, changed, Sentence.of("did_make_inactive"))
        self._catch_up([*changed, *same])

    def _catch_up(self, members: Iterable[Member]) -> None:
        if guild_ids := sorted({member.guild_id for member in members}):
            tasks.enqueue_on_commit(tasks.catch_up, guild_ids)


def _wishes(person: Any) -> list[str]:
    """The name of the link to the page for a player's wishes, if this person gets one."""
    if may_do_all(person):
        return ["wishes"]
    return ["opt_out"] if may_open(person) else []


def _wish_link(member: Member, words: Any) -> SafeString:
    url = reverse("admin:player", query={"member": member.pk})
    return format_html('<a href="{}">{}</a>', url, words)
