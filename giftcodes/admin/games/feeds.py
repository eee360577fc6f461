"""The feeds of all games: their state and their figures, and the pages that add and change them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from giftcodes import tasks
from giftcodes.admin.common.action_report import Report
from giftcodes.admin.common.confirmation import SHOWN, confirmation_page
from giftcodes.admin.common.editing import Editable
from giftcodes.admin.common.html import NOTHING, page_url
from giftcodes.admin.games import feed_page
from giftcodes.admin.games.feed_form import form_of
from giftcodes.admin.games.feed_options import OPTIONS
from giftcodes.domain.sentences import Sentence
from giftcodes.estimates.formatting import about
from giftcodes.models import Feed, Trigger
from giftcodes.models.feed import FeedKind, FeedTrust
from giftcodes.models.games import games
from giftcodes.pipeline import poll as poll_step
from giftcodes.queries.feed_figures import FeedFigures, feed_figures
from giftcodes.services import sources

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

_STATE = [
    "provider",
    "kind_shown",
    "state_shown",
    "trust_shown",
    "next_poll_at",
    "polled_at",
    "answered_at",
    "failures",
    "error",
    "listed",
    "skipped",
    "skipped_lines_shown",
    "held",
    "seen_shown",
]
#: What the list of changes says about the trust in a feed.
_BELIEVED = {FeedTrust.TRUSTED: "did_trust_feed", FeedTrust.PERSON: "did_distrust_feed"}
_OF_POLLS = {"next_poll_at", "polled_at", "failures", "error", "skipped", "skipped_lines_shown"}


@admin.register(Feed)
class FeedAdmin(Editable):
    intro = _(
        "Where the codes come from. A game may have several feeds: if one of them is down or late, "
        "the others still bring each code. Each feed is polled automatically. The action “Poll "
        "now” polls a feed at once."
    )
    change_form_template = "admin/giftcodes/feed/change_form.html"
    list_display = [
        "__str__",
        "kind_shown",
        "state_shown",
        "answered_at",
        "next_shown",
        "first_shown",
        "late_shown",
        "wrong_shown",
        "error",
    ]
    phone_columns = ("__str__", "state_shown", "answered_at")
    list_filter = ["provider"]
    actions = [
        "poll_now",
        "try_it",
        "switch_on",
        "switch_off",
        "new_token",
        "trust_it",
        "ask_a_person",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Feed]:
        """The feeds of all games, including the main feeds that have no row yet."""
        known = Feed.objects.mains()
        missing = [Feed(provider=name) for name in games() if name not in known]
        Feed.objects.bulk_create(missing, ignore_conflicts=True)
        rows: QuerySet[Feed] = super().get_queryset(request)
        return rows

    # --- Who may do what --------------------------------------------------------------------------
    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whether the user may add a feed. Only administrators may choose the address of one."""
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Feed | None = None) -> bool:
        """Whether the user may change a feed. “Connect a game” changes the main feed of a game."""
        return bool(request.user.is_superuser) and not (obj is not None and obj.is_main)

    def has_delete_permission(self, request: HttpRequest, obj: Feed | None = None) -> bool:
        """Whether the user may delete a feed. A game always has its main feed."""
        return self.has_change_permission(request, obj) and obj is not None

    def has_own_permission(self, request: HttpRequest) -> bool:
        """Whether the user may decide where codes come from, and which feeds are trusted."""
        return bool(request.user.is_superuser)

    # --- The list ---------------------------------------------------------------------------------
    def decorate(self, request: HttpRequest, rows: list[Any]) -> None:  # noqa: ARG002
        """Add the figures of each feed, in one statement."""
        found = feed_figures()
        for row in rows:
            row.figures = found.get(row.pk, FeedFigures(row.pk))

    def get_list_links(self, request: HttpRequest) -> list[tuple[str, Any]]:
        """A link to the settings of the main feeds."""
        if not request.user.is_superuser:
            return []
        return [(reverse("admin:connect_game"), _("Address of a game's main feed"))]

    @admin.display(description=_("kind"), ordering="kind")
    def kind_shown(self, feed: Feed) -> str:
        return feed.get_kind_display()

    @admin.display(description=pgettext_lazy("of a row", "state"))
    def state_shown(self, feed: Feed) -> SafeString:
        return feed_page.state_badge(feed)

    @admin.display(description=_("next poll"), ordering="next_poll_at")
    def next_shown(self, feed: Feed) -> Any:
        is_polled = feed.enabled and not feed.is_pushed and feed_page.is_connected(feed)
        return feed.next_poll_at if is_polled else NOTHING

    @admin.display(description=_("skipped lines"))
    def skipped_lines_shown(self, feed: Feed) -> str:
        return "\n".join(feed.skipped_lines) or NOTHING

    @admin.display(description=_("was first"))
    def first_shown(self, feed: Feed) -> str:
        """How many codes that work came from this feed first."""
        figures: FeedFigures = feed.figures  # type: ignore[attr-defined]
        if not figures.listed:
            return NOTHING
        words = gettext("%(first)d of %(listed)d codes")
        return words % {"first": figures.first, "listed": figures.listed}

    @admin.display(description=_("how late"))
    def late_shown(self, feed: Feed) -> str:
        """The median time by which it was later than another source."""
        figures: FeedFigures = feed.figures  # type: ignore[attr-defined]
        return NOTHING if figures.late_seconds is None else about(figures.late_seconds)

    @admin.display(description=_("wrong codes"))
    def wrong_shown(self, feed: Feed) -> str:
        """How many of its codes the game does not know."""
        figures: FeedFigures = feed.figures  # type: ignore[attr-defined]
        return str(figures.wrong) if figures.listed else NOTHING

    # --- The page ---------------------------------------------------------------------------------
    @admin.display(description=_("a new code"))
    def trust_shown(self, feed: Feed) -> str:
        return feed.get_trust_display()

    @admin.display(description=_("codes that it lists now"))
    def seen_shown(self, feed: Feed) -> str:
        return feed_page.codes_now(feed)

    def get_form(
        self, request: HttpRequest, obj: Feed | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """The form with the fields of the feed's kind."""
        kind = obj.kind if obj is not None else feed_page.chosen_kind(request)
        if kind is None or kind == FeedKind.MAIN or not self.has_add_permission(request):
            return super().get_form(request, obj, change, **kwargs)
        return super().get_form(request, obj, change, **{**kwargs, "form": form_of(FeedKind(kind))})

    def get_fieldsets(self, request: HttpRequest, obj: Feed | None = None) -> Any:
        """The fields of the form, and below them what has happened."""
        hidden = _OF_POLLS if obj is not None and obj.is_pushed else set()
        state = [name for name in _STATE if name not in hidden]
        if obj is not None and not self.has_change_permission(request, obj):
            return [(None, {"fields": ["name", *state]})]
        chosen = obj.kind if obj is not None else feed_page.chosen_kind(request)
        kind = FeedKind(chosen or FeedKind.COMMUNITY)
        secret = [] if kind == FeedKind.PUSHED else ["address", "api_key"]
        every = [] if kind == FeedKind.PUSHED else ["interval_seconds"]
        own = ["name", *secret, *OPTIONS[kind], *every, "trust"]
        if obj is None:
            return [(None, {"fields": ["provider", *own]})]
        state.remove("trust_shown")
        return [(None, {"fields": own}), (_("State"), {"fields": state})]

    def get_readonly_fields(self, request: HttpRequest, obj: Feed | None = None) -> list[str]:
        """What the polls write. A feed cannot move to another game."""
        fixed = list(_STATE) if obj is not None else []
        may_change = obj is None or self.has_change_permission(request, obj)
        return fixed if may_change else [*fixed, "name"]

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Let the person choose the kind of the feed first."""
        if self.has_add_permission(request) and feed_page.chosen_kind(request) is None:
            return feed_page.kinds(request)
        kind = feed_page.chosen_kind(request)
        context = {} if kind is None else feed_page.add_context(kind)
        return super().add_view(request, form_url, {**(extra_context or {}), **context})

    def page_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        """The last test, and the address of a webhook."""
        feed = self.get_object(request, unquote(object_id))
        return feed_page.context(request, feed) if feed is not None else {}

    def buttons_of(self, row: Feed) -> list[tuple[str, Any]]:
        """What can be done with the feed now."""
        found = [("new_token", "")] if row.is_pushed else [("poll_now", "")]
        if not row.is_main and not row.is_pushed:
            found.insert(0, ("try_it", ""))
        found.append(("switch_off" if row.enabled else "switch_on", ""))
        if not row.is_trusted:
            found.append(("trust_it", ""))
        if row.is_trusted or row.distrusted_at is not None:
            found.append(("ask_a_person", ""))
        return found

    def save_model(self, request: HttpRequest, obj: Feed, form: Any, change: bool) -> None:
        """Save the feed. A new one that is polled is off until a person switches it on.

        A new webhook is on, but takes no codes before it has a token.
        """
        if not change:
            obj.enabled = obj.is_pushed
            obj.save()
        else:
            columns = {"name", "trust", "interval_seconds", "address", "api_key"}
            changed = [name for name in form.changed_data if name in columns]
            changed += (
                ["options"] if set(form.changed_data) & set(OPTIONS[FeedKind(obj.kind)]) else []
            )
            if changed:
                obj.save(update_fields=changed)
            if {"address", "api_key", "options"} & set(changed):
                sources.forget_answers(obj)
            if "trust" in changed:
                sources.believe(obj, FeedTrust(obj.trust))
        if not obj.is_pushed:
            feed_page.ask_for_test(request, obj)

    def response_add(
        self, request: HttpRequest, obj: Feed, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Go to the page of the new feed, where the next step is."""
        if "_popup" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        words = gettext("%s is saved, and still off. Look at the codes that it lists.")
        if obj.is_pushed:
            words = gettext("%s is saved. Make a token for the program that sends the codes.")
        messages.success(request, words % obj)
        return HttpResponseRedirect(page_url(obj))

    def response_post_save_change(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: Feed,
    ) -> HttpResponseRedirect:
        """Stay on the page of the feed, where the result of the test is."""
        return HttpResponseRedirect(page_url(obj))

    def delete_model(self, request: HttpRequest, obj: Feed) -> None:  # noqa: ARG002
        """Delete the feed. Its codes stay."""
        sources.remove(obj)

    # --- The buttons ------------------------------------------------------------------------------
    @admin.action(description=_("Poll now"), permissions=["feed"])
    def poll_now(self, request: HttpRequest, feeds: QuerySet[Feed]) -> None:
        """Poll one feed at once and show the result.

        Polling several feeds takes too long, so workers poll them. A webhook, and a feed whose game
        is off, are not left to a worker, because the person would not see why it is not polled.
        """
        report = Report()
        chosen = list(feeds)
        for feed in chosen:
            if feed.provider not in games():
                report.refused(gettext("The game %s is no longer in the settings.") % feed.provider)
                continue
            if len(chosen) == 1 or feed.is_pushed or not feed_page.is_connected(feed):
                is_polled = self._poll(feed, report)
            else:
                tasks.enqueue_on_commit(tasks.poll_feed, feed.pk, force=True)
                report.done(gettext("%s is being polled. Look again in a moment.") % feed)
                is_polled = True
            if is_polled:
                self.log_change(request, feed, Sentence.of("did_poll"))
        report.tell(request)

    def _poll(self, feed: Feed, report: Report) -> bool:
        """Poll a feed now, and report the result. Returns whether the feed was asked."""
        result = poll_step.poll_feed(feed.pk, force=True)
        for code_id in result.fresh_code_ids:
            tasks.enqueue_on_commit(tasks.fan_out, code_id, Trigger.POLL)
        (report.done if result.ok else report.refused)(result.message)
        return result.asked

    @admin.action(description=_("Try it"), permissions=["own"])
    def try_it(self, request: HttpRequest, feeds: QuerySet[Feed]) -> None:
        """Let a worker fetch the feeds once, and show which codes they list. Nothing is stored."""
        report = Report()
        for feed in feeds:
            if feed.is_main or feed.is_pushed:
                report.nothing(gettext("%s has no address here that could be tried.") % feed)
                continue
            feed_page.ask_for_test(request, feed)
            report.done(gettext("%s is being tried. Its page shows the codes.") % feed)
        report.tell(request)

    @admin.action(description=_("Switch on"), permissions=["feed"])
    def switch_on(self, request: HttpRequest, feeds: QuerySet[Feed]) -> None:
        """Poll the feeds from now on."""
        self._switch(request, feeds, is_on=True)

    @admin.action(description=_("Switch off"), permissions=["feed"])
    def switch_off(self, request: HttpRequest, feeds: QuerySet[Feed]) -> None:
        """Ask the feeds no more, and take no codes from webhooks."""
        self._switch(request, feeds, is_on=False)

    def _switch(self, request: HttpRequest, feeds: QuerySet[Feed], *, is_on: bool) -> None:
        report = Report()
        words = gettext("%s is switched on.") if is_on else gettext("%s is switched off.")
        for feed in feeds:
            sources.switch(feed, is_on=is_on)
            done = Sentence.of("did_switch_on" if is_on else "did_switch_off")
            self.log_change(request, feed, done)
            report.done(words % feed)
        report.tell(request)

    @admin.action(description=_("Trust it"), permissions=["own"])
    def trust_it(self, request: HttpRequest, feeds: QuerySet[Feed]) -> None:
        """From now on, try new codes of the feeds at once. Earlier wrong codes no longer count."""
        self._believe(request, feeds, FeedTrust.TRUSTED)

    @admin.action(description=_("Let new codes wait for me"), permissions=["own"])
    def ask_a_person(self, request: HttpRequest, feeds: QuerySet[Feed]) -> None:
        """Let an administrator decide about each new code of the feeds."""
        self._believe(request, feeds, FeedTrust.PERSON)

    def _believe(self, request: HttpRequest, feeds: QuerySet[Feed], trust: FeedTrust) -> None:
        report = Report()
        for feed in feeds:
            sources.believe(feed, trust)
            done = Sentence.of(_BELIEVED[trust])
            self.log_change(request, feed, done)
            report.done(f"{feed}: {done}")
        report.tell(request)

    @admin.action(description=_("Make a token …"), permissions=["own"])
    def new_token(self, request: HttpRequest, feeds: QuerySet[Feed]) -> HttpResponse | None:
        """Make the token of one webhook, and show it once."""
        chosen = [feed for feed in feeds if feed.is_pushed]
        if len(chosen) != 1 or len(chosen) != len(feeds):
            messages.warning(request, gettext("Choose one webhook. Other feeds have no token."))
            return None
        (feed,) = chosen
        if feed.token_hash and SHOWN not in request.POST:
            return self._ask_about_token(request, feed)
        token = sources.make_token(feed)
        self.log_change(request, feed, Sentence.of("did_make_token"))
        context = {
            **self.admin_site.each_context(request),
            **feed_page.token_context(request, feed, token),
        }
        return TemplateResponse(request, "admin/giftcodes/feed/token.html", context)

    def _ask_about_token(self, request: HttpRequest, feed: Feed) -> HttpResponse:
        """Ask for confirmation: a new token ends the old one, which a program may be using."""
        return confirmation_page(
            request,
            self,
            "new_token",
            title=gettext("Make a new token for %s?") % feed,
            intro=gettext(
                "The program that sends codes has a token. A new one ends it at once: no codes are "
                "taken until the program has the new token."
            ),
            confirm=gettext("Make a new token"),
            groups=[],
        )
