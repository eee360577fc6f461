"""Feeds: the state of each game's feed, and the action that polls it now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from giftcodes import tasks
from giftcodes.admin.common.action_report import Report
from giftcodes.admin.common.editing import Editable
from giftcodes.admin.common.html import badge
from giftcodes.admin.games.providers import GameRows
from giftcodes.models import Feed, Trigger
from giftcodes.models.game_words import title_of
from giftcodes.models.games import games
from giftcodes.pipeline import poll as poll_step

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

_READ_ONLY = [
    "provider",
    "state_shown",
    "next_poll_at",
    "polled_at",
    "answered_at",
    "failures",
    "error",
    "listed",
    "skipped",
    "skipped_lines",
]


@admin.register(Feed)
class FeedAdmin(GameRows, Editable):
    intro = _(
        "Where the codes come from. Each feed is polled automatically. The action “Poll now” polls "
        "a feed at once."
    )

    list_display = ["provider", "state_shown", "answered_at", "next_poll_at", "failures", "error"]
    actions = ["poll_now"]
    buttons = ("poll_now",)
    fields = ["provider", "state_shown", "enabled", *_READ_ONLY[2:]]
    readonly_fields = _READ_ONLY

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Always false: the settings decide which feeds there are."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Feed | None = None) -> bool:  # noqa: ARG002
        """Always false: the settings decide which feeds there are."""
        return False

    @admin.display(description=_("state"))
    def state_shown(self, feed: Feed) -> SafeString:
        config = games().get(feed.provider)
        if config is None or not config.has_feed:
            return badge("off", _("off: the feed's address or the game's salt is not set"))
        if not feed.enabled:
            return badge("paused", _("not polled"))
        return badge("failed", _("failing")) if feed.failures else badge("on", _("on"))

    @admin.action(description=_("Poll now"), permissions=["feed"])
    def poll_now(self, request: HttpRequest, feeds: QuerySet[Feed]) -> None:
        """Poll one feed at once and show the result.

        Polling several feeds takes too long, so workers poll them.
        """
        report = Report()
        chosen = list(feeds)
        for feed in chosen:
            config = games().get(feed.provider)
            if config is None:
                report.refused(gettext("The game %s is no longer in the settings.") % feed.provider)
            elif len(chosen) == 1 or not config.has_feed:
                self._poll(feed, report)
            else:
                tasks.enqueue_on_commit(tasks.poll, feed.provider, force=True)
                report.done(
                    gettext("The feed of %s is being polled. Look again in a moment.")
                    % title_of(feed.provider)
                )
            self.log_change(request, feed, gettext("Polled."))
        report.tell(request)

    def _poll(self, feed: Feed, report: Report) -> None:
        result = poll_step.poll(feed.provider, force=True)
        for code_id in result.fresh_code_ids:
            tasks.enqueue_on_commit(tasks.fan_out, code_id, Trigger.POLL)
        (report.done if result.ok else report.refused)(result.message)
