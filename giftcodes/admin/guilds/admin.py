"""Guilds, whose members get the codes of one game. The page of a guild has several tabs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Count, IntegerField, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from giftcodes import tasks
from giftcodes.admin.common import not_saved
from giftcodes.admin.common.action_report import Report
from giftcodes.admin.common.back import page_before
from giftcodes.admin.common.base import PageOfRows
from giftcodes.admin.common.editing import KeepsHistory, leave_out
from giftcodes.admin.common.html import (
    NOTHING,
    guild_url,
    link,
    list_link,
    list_url,
    page_url,
    result_badge,
    tone_link,
)
from giftcodes.admin.common.live import answer, parts_of
from giftcodes.admin.guilds import codes, joining, members, next_steps, officers, overview
from giftcodes.admin.guilds.channels_tab import channels_tab
from giftcodes.admin.guilds.correction import correct_guild, own_places_words, tell_asked_again
from giftcodes.admin.guilds.tabs import SETTINGS, TABS, frame, tab_named
from giftcodes.admin.redemptions import redeem_preview
from giftcodes.admin.redemptions.runs import redeem_now
from giftcodes.domain.sentences import Sentence
from giftcodes.domain.served import Tone
from giftcodes.models import Guild, Member, Redemption, RunState
from giftcodes.models.game_words import place_noun, places
from giftcodes.models.roles import promote_to_officers
from giftcodes.queries import scope
from giftcodes.queries.needs import guilds_with_wrong_ids, is_guild_wrong, unknown_by_guild
from giftcodes.queries.served import last_results, running_by_guild
from giftcodes.services.corrections import TooManyCorrectionsError, count_of_guild

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.db.models import Model, QuerySet
    from django.http import HttpRequest, HttpResponse, JsonResponse
    from django.utils.safestring import SafeString

    from giftcodes.queries.served import RedemptionServed

#: The context of each tab whose page is not made by Django's admin.
_CONTEXTS: dict[str, Callable[[HttpRequest, Guild], dict[str, Any]]] = {
    "overview": overview.context,
    "codes": codes.context,
    "channels": lambda request, guild: {
        "template": "admin/giftcodes/guild/channels_tab.html",
        "channels_html": channels_tab(request, guild),
    },
    "joining": lambda request, guild: {
        "template": "admin/giftcodes/guild/joining.html",
        **joining.block(request, guild),
    },
    "officers": officers.context,
}


class GuildRows(PageOfRows):
    """The list of guilds, which leads to the overview of each guild and not to its form."""

    def url_for_result(self, result: Model) -> str:
        return page_url(result)


def _probably_wrong(guilds: Iterable[Guild], unknown: dict[int, int]) -> dict[Guild, int]:
    """The guilds most of whose members are unknown, each with the number of these members."""
    return {
        guild: number
        for guild in guilds
        if (number := unknown.get(guild.pk, 0)) and is_guild_wrong(number, guild.members_number)  # type: ignore[attr-defined]
    }


@admin.register(Guild)
class GuildAdmin(KeepsHistory):
    intro = _("The guilds whose members get each new code.")
    empty_hint = _("No guilds yet: add one, then its members.")
    retire_words = _(
        "The guild becomes inactive: codes are no longer redeemed for its members, and waiting "
        "redemptions are cancelled. Its members and their history stay, and you can activate it "
        "again at any time."
    )

    list_display = [
        "name",
        "provider",
        "realm_shown",
        "members_shown",
        "needs_shown",
        "last_result_shown",
        "active",
        "automatic",
        "priority",
    ]
    phone_columns = ("name", "members_shown", "needs_shown", "last_result_shown")
    list_filter = ["provider", "active", "automatic"]
    search_fields = ["name"]
    actions = ["redeem_now", "activate", "deactivate"]
    autocomplete_fields = ["officers"]
    #: With these fields, officers could put their guild before others, or give people access to it.
    reserved = ("name", "provider", "active", "priority", "officers")
    fieldsets = [
        (None, {"fields": ["name", "provider", "realm", "language"]}),
        (_("Redeeming"), {"fields": ["active", "automatic", "priority"]}),
        (_("People"), {"fields": ["officers", "notes"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Guild]:
        """Add the number of eligible members."""
        eligible = Member.objects.eligible().filter(guild=OuterRef("pk")).order_by().values("guild")
        number = Subquery(
            eligible.annotate(number=Count("pk")).values("number"), output_field=IntegerField()
        )
        rows: QuerySet[Guild] = super().get_queryset(request)
        return rows.annotate(members_number=Coalesce(number, 0))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PageOfRows]:  # noqa: ARG002
        return GuildRows

    def get_readonly_fields(self, request: HttpRequest, obj: Guild | None = None) -> list[str]:
        """A guild with redemptions in one game cannot change to another game."""
        has_history = obj is not None and obj.redemptions.exists()
        fixed = ["provider"] if has_history else []
        return [*fixed, *super().get_readonly_fields(request, obj)]

    def get_form(
        self, request: HttpRequest, obj: Guild | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Say what to do if the name is taken, and list the members' own realms."""
        taken = _(
            "There is a guild of this name already (it may be inactive). Choose another name, or "
            "use that guild."
        )
        kwargs["error_messages"] = {"name": {"unique": taken}}
        if obj is not None and (words := own_places_words(obj)):
            help_text = f"{Guild._meta.get_field('realm').help_text} {words}"
            kwargs["help_texts"] = {"realm": help_text}
        return super().get_form(request, obj, change, **kwargs)

    @admin.display(description=places(), ordering="realm")
    def realm_shown(self, guild: Guild) -> int:
        """The number of the state or kingdom. The heading uses the words of the games."""
        return guild.realm

    @admin.display(description=_("members"), ordering="members_number")
    def members_shown(self, guild: Guild) -> SafeString:
        number = guild.members_number  # type: ignore[attr-defined]
        return format_html('<a href="{}">{}</a>', guild_url(guild.pk, "members"), number)

    def decorate(self, request: HttpRequest, rows: list[Guild]) -> None:
        """Add to each guild the numbers of unknown members and current runs, and the last result.

        It takes six SQL statements at most.
        """
        unknown: dict[int, int] = {}
        wrong_ids: set[int] = set()
        last: dict[int, RedemptionServed] = {}
        running: dict[int, int] = {}
        if request.user.has_perm("giftcodes.view_member"):
            members = scope.visible(Member.objects.filter(guild__in=rows), request.user)
            unknown = unknown_by_guild(members)
            wrong_ids = guilds_with_wrong_ids(_probably_wrong(rows, unknown), members)
        if request.user.has_perm("giftcodes.view_redemption"):
            runs = scope.visible(Redemption.objects.filter(guild__in=rows), request.user)
            last = last_results(runs)
            running = running_by_guild(runs)
        for guild in rows:
            guild.unknown = unknown.get(guild.pk, 0)  # type: ignore[attr-defined]
            guild.has_wrong_ids = guild.pk in wrong_ids  # type: ignore[attr-defined]
            guild.last = last.get(guild.pk)  # type: ignore[attr-defined]
            guild.running = running.get(guild.pk, 0)  # type: ignore[attr-defined]

    @admin.display(description=_("needs you"))
    def needs_shown(self, guild: Guild) -> SafeString | str:
        """The number of members whom the game does not know, or what to check for all of them."""
        unknown: int = guild.unknown  # type: ignore[attr-defined]
        if not unknown:
            return NOTHING
        if is_guild_wrong(unknown, guild.members_number):  # type: ignore[attr-defined]
            words = gettext("check the %(place)s: %(number)d unknown")
            if guild.has_wrong_ids:  # type: ignore[attr-defined]
                words = gettext("check the player IDs: %(number)d unknown")
            values = {"place": place_noun(guild.provider), "number": unknown}
            return tone_link(guild_url(guild.pk), words % values, Tone.BAD)
        words = ngettext("%d member to correct", "%d members to correct", unknown) % unknown
        address = guild_url(guild.pk, "members", needs="correction")
        return tone_link(address, words, Tone.ATTENTION)

    @admin.display(description=_("last result"))
    def last_result_shown(self, guild: Guild) -> SafeString | str:
        """The number of runs that go on, and the result of the run that ended last."""
        last: RedemptionServed | None = guild.last  # type: ignore[attr-defined]
        running: int = guild.running  # type: ignore[attr-defined]
        parts: list[Any] = []
        if running:
            address = list_url(
                Redemption, guild__id__exact=guild.pk, state__exact=RunState.RUNNING.value
            )
            words = ngettext("running: %d code", "running: %d codes", running) % running
            parts.append(tone_link(address, words, Tone.BUSY))
        if last is not None:
            parts.append(result_badge(last.result))
            parts.append(link(last.redemption, last.redemption.gift_code))
        return format_html_join(" ", "{}", ((part,) for part in parts)) or NOTHING

    # --- The tabs -----------------------------------------------------------------------------
    def get_urls(self) -> list[Any]:
        """Put the addresses of the tabs before those of Django's pages of a row."""
        pages: dict[str, Callable[..., HttpResponse]] = {
            tab.name: partial(self.tab_view, name=tab.name) for tab in TABS if tab.name != SETTINGS
        }
        pages["live"] = self.live
        urls = [
            path(
                f"<path:object_id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"giftcodes_guild_{name}",
            )
            for name, view in pages.items()
        ]
        return [*urls, *super().get_urls()]

    def tab_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Show a tab, or do what a form on it says.

        Raises:
            Http404: there is no such guild, or this person may not see it.
            PermissionDenied: this person may not open the tab.
        """
        guild = self._guild_for(request, object_id, name)
        if name == "members":
            return members.page(request, guild, frame(request, guild, name))
        if name == "overview" and request.method == "POST":
            if "hide_steps" in request.POST:
                next_steps.hide(request, guild)
                return HttpResponseRedirect(page_url(guild))
            if not self.has_change_permission(request, guild):
                raise PermissionDenied
            correct_guild(request, guild)
            return HttpResponseRedirect(page_before(request) or page_url(guild))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": guild,
            **frame(request, guild, name),
            **_CONTEXTS[name](request, guild),
            "wrong": not_saved.take(request) if name == "overview" else {},
        }
        return TemplateResponse(request, "admin/giftcodes/guild/page.html", context)

    def live(self, request: HttpRequest, object_id: str) -> JsonResponse:
        """Respond with the parts of the overview that change."""
        guild = self._guild_for(request, object_id, "overview")
        shown = overview.live_context(request, guild)
        return answer(
            parts_of(request, overview.PARTS, shown),
            again_in_seconds=overview.again_in_seconds(shown),
        )

    def _guild_for(self, request: HttpRequest, object_id: str, name: str) -> Guild:
        """The guild of an address. The person must be allowed to open the guild's tab `name`."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        guild: Guild = self.get_object(request, unquote(object_id))
        if not tab_named(name).is_for(request.user):
            raise PermissionDenied
        return guild

    def page_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        """The context of the tab “Settings”, which shows Django's form."""
        return frame(request, self.get_object(request, unquote(object_id)), SETTINGS)

    def response_post_save_add(self, request: HttpRequest, obj: Guild) -> HttpResponseRedirect:  # noqa: ARG002
        """Lead to the page of the new guild, which offers the next step."""
        return HttpResponseRedirect(page_url(obj))

    def response_post_save_change(self, request: HttpRequest, obj: Guild) -> HttpResponseRedirect:  # noqa: ARG002
        return HttpResponseRedirect(guild_url(obj.pk, SETTINGS))

    def save_model(self, request: HttpRequest, obj: Guild, form: Any, change: bool) -> None:
        """Save the guild. Its realm is left out if it was changed too often."""
        if change and "realm" in form.changed_data:
            try:
                count_of_guild(obj, request.user)
            except TooManyCorrectionsError as error:
                leave_out(request, form, "realm", str(error))
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Give new officers their role, and let the guild catch up on codes.

        A guild has codes to catch up on if it is new or active again, or if its realm changed.
        """
        super().save_related(request, form, formsets, change)
        if change and "realm" in form.changed_data:
            tell_asked_again(request, form.instance)
        for officer in promote_to_officers(form.instance.officers.all()):
            self.message_user(
                request, gettext("%s is a guild officer from now on, and may log in.") % officer
            )
        tasks.enqueue_on_commit(tasks.catch_up, [form.instance.pk])

    @admin.action(description=_("Redeem now: all active codes …"), permissions=["redeem"])
    def redeem_now(self, request: HttpRequest, guilds: QuerySet[Guild]) -> HttpResponse | None:
        """Show the effects for each active code. After confirmation, start the chosen runs.

        This works even if automatic redeeming is off.
        """
        report = Report()
        lines = redeem_preview.lines_of_guilds(guilds, report)
        chosen = redeem_preview.chosen_of(lines, request)
        if lines and "confirm" not in request.POST:
            report.tell(request, is_silent=True)
            context = {
                **self.admin_site.each_context(request),
                **redeem_preview.context(lines, chosen, request, returns=True, are_of_guilds=True),
                "list_url": self.list_url,
            }
            return TemplateResponse(request, "admin/giftcodes/redeem_preview.html", context)
        pairs = [line.pair for line in chosen]
        if redeem_now(pairs, user_id=request.user.pk, report=report):
            ids = {line.guild.pk for line in chosen}
            filters = {"guild__id__exact": ids.pop()} if len(ids) == 1 else {}
            report.together(list_link(Redemption, gettext("See the runs"), **filters))
        report.tell(request)
        return None

    @admin.action(description=_("Activate"), permissions=["operate"])
    def activate(self, request: HttpRequest, guilds: QuerySet[Guild]) -> None:
        """Make guilds active again. They catch up on all active codes."""
        report = Report()
        for guild in guilds:
            if guild.active:
                report.nothing(gettext("Guild %s is active already.") % guild)
                continue
            self._switch(request, guild, active=True)
            report.done(
                gettext("Guild %s is active. It catches up on all active codes now.") % guild
            )
        report.tell(request)

    @admin.action(description=KeepsHistory.retire_action_words, permissions=["delete"])
    def deactivate(self, request: HttpRequest, guilds: QuerySet[Guild]) -> None:
        """Retire the guilds. This replaces Django's bulk deletion."""
        report = Report()
        self.retire(request, guilds, report)
        report.tell(request)

    def retire(self, request: HttpRequest, rows: Iterable[Guild], report: Report) -> None:
        """Make guilds inactive."""
        for guild in rows:
            if not guild.active:
                report.nothing(
                    gettext("Guild %s is inactive already. Nothing was deleted.") % guild
                )
                continue
            self._switch(request, guild, active=False)
            words = gettext(
                "Guild %s is inactive now. Nothing was deleted: its members and its history stay."
            )
            report.done(words % guild)

    def _switch(self, request: HttpRequest, guild: Guild, *, active: bool) -> None:
        guild.active = active
        guild.save(update_fields=["active"])
        done = Sentence.of("did_activate" if active else "did_deactivate")
        self.log_change(request, guild, done)
        tasks.enqueue_on_commit(tasks.catch_up, [guild.pk])
