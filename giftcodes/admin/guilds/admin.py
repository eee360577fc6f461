"""Guilds, whose members get the codes of one game."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Count, IntegerField, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from giftcodes import tasks
from giftcodes.admin.common.action_report import Report
from giftcodes.admin.common.editing import KeepsHistory
from giftcodes.admin.common.html import list_link, model_url
from giftcodes.admin.guilds import joining
from giftcodes.admin.members.import_page import import_link, may_import
from giftcodes.admin.redemptions.runs import redeem_now
from giftcodes.models import GiftCode, Guild, Invitation, Member, Redemption
from giftcodes.models.game_words import places
from giftcodes.models.roles import promote_to_officers
from giftcodes.models.start_rules import guild_obstacle
from giftcodes.services.links import guilds_to_offer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString


@admin.register(Guild)
class GuildAdmin(KeepsHistory):
    intro = _("The alliances whose members get each new code.")
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
        "active",
        "automatic",
        "priority",
    ]
    phone_columns = ("name", "provider", "realm_shown", "members_shown")
    list_filter = ["provider", "active", "automatic"]
    search_fields = ["name"]
    actions = ["redeem_now", "activate", "deactivate"]
    buttons = ("redeem_now",)
    autocomplete_fields = ["officers"]
    #: If officers could write these fields, they could put their guild first or give people access.
    reserved = ("name", "provider", "active", "priority", "officers")
    fieldsets = [
        (None, {"fields": ["name", "provider", "realm", "look_at"]}),
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

    def get_readonly_fields(self, request: HttpRequest, obj: Guild | None = None) -> list[str]:
        """A guild with redemptions in one game cannot change to another game."""
        has_history = obj is not None and obj.redemptions.exists()
        fixed = ["look_at", "invite", *(["provider"] if has_history else [])]
        return [*fixed, *super().get_readonly_fields(request, obj)]

    def get_fieldsets(self, request: HttpRequest, obj: Guild | None = None) -> Any:
        """Add the link that invites an officer, if the person may invite."""
        sections = super().get_fieldsets(request, obj)
        if obj is None or not may_invite_to(obj, request.user):
            return sections
        return [*sections[:-1], (_("People"), {"fields": ["officers", "invite", "notes"]})]

    def get_form(
        self, request: HttpRequest, obj: Guild | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Set an error message that says what to do if the name is taken."""
        taken = _(
            "There is a guild of this name already (it may be inactive). Choose another name, or "
            "use that guild."
        )
        kwargs["error_messages"] = {"name": {"unique": taken}}
        return super().get_form(request, obj, change, **kwargs)

    @admin.display(description=places(), ordering="realm")
    def realm_shown(self, guild: Guild) -> int:
        """The number of the state or kingdom. The heading uses the words of the games."""
        return guild.realm

    @admin.display(description=_("members"), ordering="members_number")
    def members_shown(self, guild: Guild) -> SafeString:
        number = guild.members_number  # type: ignore[attr-defined]
        return list_link(Member, number, guild__id__exact=guild.pk)

    @admin.display(description=_("see also"))
    def look_at(self, guild: Guild) -> Any:
        """Links to the guild's members, redemptions and coverage, and to how members are added."""
        if guild.pk is None:
            return _("Save the guild first, then add its members.")
        members = list_link(Member, _("its members"), guild__id__exact=guild.pk)
        redemptions = list_link(Redemption, _("its redemptions"), guild__id__exact=guild.pk)
        coverage = format_html(
            '<a href="{}">{}</a>',
            reverse("admin:matrix", query={"guild": guild.pk}),
            _("who has which code"),
        )
        importing = import_link(guild, _("paste a member list"))
        return format_html(
            "{} · {} · {} · {} · {}",
            members,
            redemptions,
            coverage,
            importing,
            joining.link_to(guild),
        )

    @admin.display(description=_("invite"))
    def invite(self, guild: Guild) -> SafeString:
        """A link to the page that invites an officer to this guild."""
        url = model_url(Invitation, "add", query={"guild": guild.pk})
        return format_html('<a href="{}">{}</a>', url, _("Invite an officer by a link"))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Give new officers their role, and let the guild catch up on codes.

        A guild that is new, is active again or has another realm has codes to catch up on.
        """
        super().save_related(request, form, formsets, change)
        if not change and may_import(request.user):
            self.message_user(request, import_link(form.instance))
        for officer in promote_to_officers(form.instance.officers.all()):
            self.message_user(
                request, gettext("%s is a guild officer from now on, and may log in.") % officer
            )
        tasks.enqueue_on_commit(tasks.catch_up, [form.instance.pk])

    @admin.action(description=_("Redeem now: all active codes"), permissions=["redeem"])
    def redeem_now(self, request: HttpRequest, guilds: QuerySet[Guild]) -> None:
        """Start a run of each active code for each guild, even if automatic redeeming is off."""
        report = Report()
        pairs: list[tuple[int, int]] = []
        for guild in guilds:
            if obstacle := guild_obstacle(guild):
                report.refused(obstacle.words)
                continue
            codes = (
                GiftCode.objects.active()
                .filter(provider=guild.provider)
                .in_order()
                .values_list("pk", flat=True)
            )
            if not codes:
                words = gettext(
                    "There is no active code for guild %s. Add one, or wait for the feed."
                )
                report.nothing(words % guild)
            pairs += [(guild.pk, code_id) for code_id in codes]
        redeem_now(pairs, user_id=request.user.pk, report=report)
        report.tell(request)

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
        self.log_change(
            request, guild, gettext("Activated.") if active else gettext("Deactivated.")
        )
        tasks.enqueue_on_commit(tasks.catch_up, [guild.pk])


def may_invite_to(guild: Guild, person: Any) -> bool:
    """Whether a person may invite officers of this guild."""
    may_invite = person.has_perm("giftcodes.add_invitation")
    return bool(may_invite and guilds_to_offer(person).filter(pk=guild.pk).exists())
