"""The member redemptions: the state of each, the reason for it, and its requests to the game."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.forms.models import BaseInlineFormSet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.admin import TabularInline

from giftcodes.admin.common.base import History
from giftcodes.admin.common.html import NOTHING, link, member_link
from giftcodes.admin.common.standing import reason_now, state_badge
from giftcodes.domain.outcomes import meaning
from giftcodes.domain.transitions import State
from giftcodes.models import Attempt, MemberRedemption
from giftcodes.models.game_words import place_word, places

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

    _Tabular = admin.TabularInline[Any, Any]
    _FormSet = BaseInlineFormSet[Any, Any, Any]
else:
    _Tabular = TabularInline
    _FormSet = BaseInlineFormSet

#: The number of attempts that the page shows. The list of attempts has the others.
NEWEST = 50


class NewestRows(_FormSet):
    """Limits the inline to the newest rows.

    This works because the page has no form. A submitted form would have to name the same rows.
    """

    def get_queryset(self) -> Any:
        """Limit the rows after they have been filtered by their parent.

        Django calls this once for each row, so the result is kept.
        """
        if not hasattr(self, "_newest"):
            self._newest = list(super().get_queryset()[:NEWEST])
        return self._newest


class AttemptInline(_Tabular):
    model = Attempt
    formset = NewestRows
    template = "admin/giftcodes/history_inline.html"
    extra = 0
    verbose_name_plural = _("attempts, newest first")
    fields = (
        "sent_at",
        "answered_at",
        "outcome",
        "http_status",
        "err_code",
        "msg",
        "place_shown",
        "latency_ms",
        "body",
    )
    readonly_fields = fields

    @admin.display(description=places())
    def place_shown(self, attempt: Attempt) -> int:
        """The state or kingdom in the request. The heading uses the words of the games."""
        return attempt.realm

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).order_by("-id")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


@admin.register(MemberRedemption)
class MemberRedemptionAdmin(History):
    intro = _(
        "Each member of each redemption, with the reason if the player does not have the code."
    )
    empty_hint = _("No member redemptions yet: they appear with the first redemption.")

    list_display = [
        "player_id",
        "nickname",
        "guild",
        "gift_code",
        "state_shown",
        "reason_shown",
        "next_attempt_at",
    ]
    phone_columns = ("player_id", "nickname", "gift_code", "state_shown")
    list_select_related = ["member", "gift_code", "redemption__guild"]
    list_filter = ["state", "gift_code__provider", "redemption__guild"]
    linked_lookups = (
        "redemption__id__exact",
        "gift_code__id__exact",
        "member__active__exact",
        "member__opted_out__exact",
    )
    search_fields = ["=player_id", "member__nickname", "gift_code__code", "redemption__guild__name"]
    search_help_text = _("Player ID, nickname, code or guild")
    # Ordering by redemption would join and sort the whole table, so the order is by id.
    ordering = ["-id"]
    inlines = [AttemptInline]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "member_link",
                    "redemption_link",
                    "state_shown",
                    "reason_shown",
                    "answer",
                    "covered_link",
                ]
            },
        ),
        (
            _("Tries"),
            {
                "fields": [
                    "requests",
                    "tries",
                    "asked_place",
                    "next_attempt_at",
                    "settled_at",
                    "created_at",
                    "updated_at",
                ]
            },
        ),
        (_("Claim"), {"fields": ["token", "lease_until", "permit_until"], "classes": ["collapse"]}),
    ]
    readonly_fields = (
        "asked_place",
        "member_link",
        "redemption_link",
        "state_shown",
        "reason_shown",
        "answer",
        "covered_link",
        "requests",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[MemberRedemption]:
        rows = super().get_queryset(request)
        return rows.select_related(
            "member__guild",
            "gift_code",
            "redemption__guild",
            "redemption__gift_code",
            "covered_by__redemption__guild",
        )

    @admin.display(description=pgettext_lazy("of a row", "state"), ordering="state")
    def state_shown(self, row: MemberRedemption) -> SafeString:
        return state_badge(State(row.state), row.gift_code)

    @admin.display(description=_("reason"))
    def reason_shown(self, row: MemberRedemption) -> str:
        return reason_now(row.full_reason, State(row.state), row.gift_code)

    @admin.display(description=_("asked in"))
    def asked_place(self, row: MemberRedemption) -> str:
        """The state or kingdom of the last request."""
        if row.asked_realm is None:
            return NOTHING
        return f"{place_word(row.gift_code.provider)} {row.asked_realm}"

    @admin.display(description=_("nickname"), ordering="member__nickname")
    def nickname(self, row: MemberRedemption) -> str:
        return row.member.nickname

    @admin.display(description=_("guild"), ordering="redemption__guild__name")
    def guild(self, row: MemberRedemption) -> str:
        return row.redemption.guild.name

    @admin.display(description=_("last answer"))
    def answer(self, row: MemberRedemption) -> str:
        return meaning(row.outcome).words if row.outcome else NOTHING

    @admin.display(description=_("member"))
    def member_link(self, row: MemberRedemption) -> SafeString:
        return member_link(row.member)

    @admin.display(description=_("redemption"))
    def redemption_link(self, row: MemberRedemption) -> SafeString:
        return link(row.redemption)

    @admin.display(description=_("requests to the game"))
    def requests(self, row: MemberRedemption) -> int:
        """All requests for this row. Only those without a clear answer count as tries."""
        return row.attempts.count()

    @admin.display(description=_("covered by"))
    def covered_link(self, row: MemberRedemption) -> SafeString | str:
        """Another guild's member redemption, whose answer proves that the player has the code."""
        return link(row.covered_by) if row.covered_by else NOTHING
