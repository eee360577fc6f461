"""Games: their request budgets, and the actions that pause and resume them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from giftcodes import tasks
from giftcodes.admin.common.action_report import Report
from giftcodes.admin.common.base import History, Page
from giftcodes.admin.common.html import NOTHING, badge
from giftcodes.domain.sentences import Sentence
from giftcodes.models import PauseKind, RateBudget
from giftcodes.models.game_words import title_of
from giftcodes.models.games import games
from giftcodes.models.rate_budget import UNLIMITED
from giftcodes.queries.connections import STATE_BADGES, connection_of, connections
from giftcodes.services import providers as pause_step

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString


class GameRows(Page):
    """A model with one row for each game in the settings.

    The first request or poll of a game creates its row. Opening the list or a page creates missing
    rows earlier, so that a game can be paused at once, and no link to a game is ever dead.
    """

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows of all games, including those that have not been created yet."""
        rows = self.model._default_manager
        known = set(rows.values_list("pk", flat=True))
        missing = [self.model(pk=name) for name in games() if name not in known]
        rows.bulk_create(missing, ignore_conflicts=True)
        return super().get_queryset(request)


@admin.register(RateBudget)
class RateBudgetAdmin(GameRows, History):
    intro = _(
        "The requests that each game accepts. A game can be paused; requests under way finish."
    )

    list_display = [
        "provider",
        "state_shown",
        "connection_shown",
        "used_shown",
        "window_ends_at",
        "paused_until",
        "pause_reason",
        "last_answer_at",
    ]
    phone_columns = ("provider", "state_shown", "connection_shown", "used_shown")
    actions = ["pause_providers", "resume_providers"]
    buttons = ("pause_providers", "resume_providers")
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "provider",
                    "state_shown",
                    "connection_shown",
                    "pause_reason",
                    "paused_until",
                    "pauses",
                ]
            },
        ),
        (
            _("Requests"),
            {
                "fields": [
                    "used_shown",
                    "reported_limit",
                    "configured",
                    "window_ends_at",
                    "last_answer_at",
                ]
            },
        ),
    ]
    readonly_fields = ["state_shown", "connection_shown", "connecting", "used_shown", "configured"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Administrators also get the link to the settings of the connection."""
        fieldsets = super().get_fieldsets(request, obj)
        if not request.user.is_superuser:
            return fieldsets
        (title, first), *others = fieldsets
        fields = list(first["fields"])
        fields.insert(fields.index("connection_shown") + 1, "connecting")
        return [(title, {**first, "fields": fields}), *others]

    def decorate(self, request: HttpRequest, rows: list[Any]) -> None:  # noqa: ARG002
        """Add to each row whether its game is connected."""
        found = {one.config.name: one for one in connections()}
        for row in rows:
            row.connection = found.get(row.provider)

    @admin.display(description=_("connection"))
    def connection_shown(self, budget: RateBudget) -> SafeString | str:
        """Whether the game is connected, and if not, why."""
        one = getattr(budget, "connection", None)
        if one is None and budget.provider in games():
            one = connection_of(games()[budget.provider])
        if one is None:
            return NOTHING
        shown = badge(STATE_BADGES[one.state], one.state.label)
        return format_html("{} {}", shown, one.reason) if one.reason else shown

    @admin.display(description=_("settings of the connection"))
    def connecting(self, budget: RateBudget) -> SafeString | str:
        """A link to the page “Connect a game”."""
        if budget.provider not in games():
            return NOTHING
        url = reverse("admin:connect_one_game", args=[budget.provider])
        return format_html('<a href="{}">{}</a>', url, gettext("Salt, feed and test"))

    @admin.display(description=pgettext_lazy("of a row", "state"), ordering="pause_kind")
    def state_shown(self, budget: RateBudget) -> SafeString:
        config = games().get(budget.provider)
        if config is None or not config.is_on:
            return badge("off", _("off"))
        if not budget.pause_kind:
            return badge("on", _("on"))
        label = PauseKind(budget.pause_kind).label
        if budget.is_probing(timezone.now()):
            return badge("probing", _("%s: one request checks whether the pause can end") % label)
        return badge("paused", label)

    @admin.display(description=_("requests in this window"))
    def used_shown(self, budget: RateBudget) -> str:
        config = games().get(budget.provider)
        limit = budget.limit(config.rate if config else None)
        if limit == UNLIMITED:
            return gettext("no limit")
        is_over = budget.window_ends_at is not None and budget.window_ends_at <= timezone.now()
        return gettext("%(used)d of %(limit)d") % {
            "used": 0 if is_over else budget.used,
            "limit": limit,
        }

    @admin.display(description=_("configured rate"))
    def configured(self, budget: RateBudget) -> str:
        config = games().get(budget.provider)
        if config is None or config.rate is None:
            return gettext("no limit")
        words = gettext("%(requests)d requests in %(seconds)g seconds")
        return words % {"requests": config.rate.requests, "seconds": config.rate.seconds}

    @admin.action(description=_("Pause the game"), permissions=["provider"])
    def pause_providers(self, request: HttpRequest, budgets: QuerySet[RateBudget]) -> None:
        """Send no more requests until a person resumes the game."""
        report = Report()
        reason = Sentence.of("game_paused_by", user=str(request.user))
        for budget in budgets:
            title = title_of(budget.provider)
            if pause_step.pause(budget.provider, reason=reason):
                self.log_change(request, budget, Sentence.of("did_pause"))
                report.done(
                    gettext("%s is paused until you resume it. Requests under way finish.") % title
                )
            else:
                report.refused(
                    gettext("%(title)s is paused already. %(reason)s")
                    % {"title": title, "reason": budget.pause_reason}
                )
        report.tell(request)

    @admin.action(description=_("Resume the game"), permissions=["provider"])
    def resume_providers(self, request: HttpRequest, budgets: QuerySet[RateBudget]) -> None:
        """End the pause of each game, whatever its reason."""
        report = Report()
        for budget in budgets:
            title = title_of(budget.provider)
            if pause_step.resume(budget.provider):
                self.log_change(request, budget, Sentence.of("did_resume"))
                tasks.enqueue_on_commit(tasks.dispatch, budget.provider)
                report.done(gettext("%s is resumed.") % title)
            else:
                report.refused(gettext("%s is not paused.") % title)
        report.tell(request)
