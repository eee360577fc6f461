"""The channels of guilds, which get the announcements of runs and alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from giftcodes import tasks
from giftcodes.admin.common.action_report import Report
from giftcodes.admin.common.base import Page
from giftcodes.admin.common.confirmation import log
from giftcodes.admin.common.html import NOTHING, guild_url, page_url
from giftcodes.admin.guilds import channel_state
from giftcodes.admin.guilds.channel_form import ChannelForm
from giftcodes.admin.guilds.channel_preview import previews
from giftcodes.clients.channels import service_name
from giftcodes.domain.numbers import row_id
from giftcodes.domain.sentences import Sentence
from giftcodes.models import Channel, Guild
from giftcodes.queries import scope
from giftcodes.services.channels import (
    clear_alarm_of_threads,
    new_secret,
    queue_test,
    remove,
    switch,
)

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

SEND_TEST = ("send_test", _("Send a test"))
SWITCH_ON = ("switch_on", _("Switch on"))
SWITCH_OFF = ("switch_off", _("Switch off"))
NEW_SECRET = ("new_secret", _("Make a new secret"))


@admin.register(Channel)
class ChannelAdmin(Page):
    intro = _(
        "Where the runs and alarms of each guild are announced: a Discord webhook, a channel in "
        "which the Discord bot posts, or an address for Apprise. A guild may have several channels."
    )
    empty_hint = _(
        "No guild has a channel yet. After you add one, the guild's next run is announced there."
    )
    form = ChannelForm
    list_display = ["name", "guild", "tells_shown", "state_shown", "address_shown"]
    phone_columns = ("name", "guild", "state_shown")
    list_select_related = ["guild"]
    list_filter = ["guild__provider", "tells", "is_on"]
    search_fields = ["guild__name", "name"]
    fields = [
        "guild",
        "name",
        "address_shown",
        "address",
        "tells",
        "weekly",
        "opens_threads",
        "role_id",
    ]
    radio_fields = {"tells": admin.VERTICAL}
    autocomplete_fields = ["guild"]
    actions = ["send_test", "switch_on", "switch_off", "new_secret"]

    def get_fields(self, request: HttpRequest, obj: Channel | None = None) -> Any:
        """Hide the address from a person who may not change it. Django would show it read-only.

        Only a channel in which the bot posts can have threads.
        """
        may_write = (
            self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        )
        hidden = {"address"} if not may_write else set() if obj else {"address_shown"}
        if obj is None or obj.bot_channel is None:
            hidden.add("opens_threads")
        return [name for name in self.fields or () if name not in hidden]

    def get_readonly_fields(self, request: HttpRequest, obj: Channel | None = None) -> list[str]:  # noqa: ARG002
        """A channel cannot move to another guild."""
        return ["address_shown", "guild"] if obj else ["address_shown"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Choose the officer's guild if there is only one."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        if "guild" not in initial and not scope.sees_all(request.user):
            own = list(scope.visible(Guild.objects.active(), request.user)[:2])
            if len(own) == 1:
                initial["guild"] = own[0].pk
        return initial

    def decorate(self, request: HttpRequest, rows: list[Any]) -> None:  # noqa: ARG002
        """Add the states of the channels."""
        states = channel_state.states_of(rows)
        for row in rows:
            row.state_found = states[row.pk]

    # --- The columns ------------------------------------------------------------------------------
    @admin.display(description=_("stored address"))
    def address_shown(self, channel: Channel) -> str:
        """Enough of the address to recognise it, but not enough to use it."""
        if not channel.is_readable:
            return Sentence.of("address_unreadable")
        if not channel.address:
            return NOTHING
        if there := channel.bot_channel:
            words = _("Discord bot, channel %(channel)d in server %(server)d")
            return words % {"channel": there.channel_id, "server": there.server_id}
        return f"{service_name(channel.address)} ({channel.hash[:6]})"

    @admin.display(description=_("what it is told"), ordering="tells")
    def tells_shown(self, channel: Channel) -> str:
        return channel.get_tells_display()

    @admin.display(description=pgettext_lazy("of a row", "state"))
    def state_shown(self, channel: Channel) -> SafeString:
        """The state with its reason, and the number of messages that wait."""
        state: channel_state.ChannelState = channel.state_found  # type: ignore[attr-defined]
        waiting = state.waiting
        words = ngettext("%d message waits.", "%d messages wait.", waiting) % waiting
        return format_html("{} {} {}", state.now.badge, state.now.why, words if waiting else "")

    # --- The page ---------------------------------------------------------------------------------
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Add the preview to the form of a new channel. For a saved one, `page_context` adds it."""
        context = {**(extra_context or {})}
        if object_id is None:
            context["previews"] = previews(Channel(guild=self._guild_of_form(request)))
        return super().changeform_view(request, object_id, form_url, context)

    def _guild_of_form(self, request: HttpRequest) -> Guild:
        """The guild that a form for a new channel will probably name, or an example."""
        named = row_id(request.POST.get("guild") or request.GET.get("guild"))
        own = scope.visible(Guild.objects.all(), request.user)
        found = own.filter(pk=named).first() if named else None
        return found or Guild(name=gettext("Your guild"))

    def page_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        """The state of the channel, which keeps itself up to date, and the preview."""
        channel: Channel = self.get_object(request, object_id)
        states = channel_state.states_of([channel])
        return {
            "channel": channel,
            "state_part": channel_state.parts(states)[f"channel-{channel.pk}"],
            "live_url": reverse("admin:live_channels", args=[channel.guild_id]),
            "again_in_seconds": channel_state.again_in_seconds(states.values()),
            "guild_url": guild_url(channel.guild_id, "channels"),
            "previews": previews(channel),
        }

    def buttons_of(self, row: Channel) -> list[tuple[str, Any]]:
        """A button for a test, one that switches the channel, and one for a webhook's secret."""
        usual = [SEND_TEST, SWITCH_OFF if row.is_on else SWITCH_ON]
        return [*usual, NEW_SECRET] if row.signed_address else usual

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        """Save what was changed. A new address starts without the errors of the old one."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        changed = [name for name in form.changed_data if name in form.fields]
        if "address" in changed:
            obj.error, obj.not_before, obj.refused_since = "", None, None
            changed += ["error", "not_before", "refused_since"]
        if "weekly" in changed:
            changed[changed.index("weekly")] = "next_summary_at"
        if changed:
            obj.save(update_fields=changed)
        clear_alarm_of_threads(obj)

    def response_add(
        self, request: HttpRequest, obj: Channel, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Go to the page of the new channel, where a test is the next step.

        One message says that it is saved and what the next step is, in place of Django's message.
        """
        if "_popup" in request.POST or "_addanother" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        words = gettext("%s is saved. Send a test now, to see whether messages arrive.")
        messages.info(request, words % obj)
        return HttpResponseRedirect(page_url(obj))

    def response_post_save_change(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: Channel,
    ) -> HttpResponseRedirect:
        """Stay on the page of the channel, where the preview and the test are."""
        return HttpResponseRedirect(page_url(obj))

    def delete_model(self, request: HttpRequest, obj: Channel) -> None:  # noqa: ARG002
        """Delete the channel with its tests, and clear the alarms about it."""
        remove(obj)

    # --- The buttons ------------------------------------------------------------------------------
    @admin.action(permissions=["change"], description=_("Send a test"))
    def send_test(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        """Queue a test for each channel. A worker sends it, and the page shows the result."""
        report = Report()
        for channel in queryset:
            name = {"name": channel}
            done = queue_test(channel.pk)
            if done.is_queued:
                report.done(gettext("The test for %(name)s is being sent.") % name)
            elif done.is_waiting:
                report.nothing(gettext("A test for %(name)s is being sent already.") % name)
            else:
                seconds = done.wait_seconds
                words = ngettext(
                    "%(name)s was not tested: the guild sent several tests just now. The next one "
                    "is possible in %(seconds)d second.",
                    "%(name)s was not tested: the guild sent several tests just now. The next one "
                    "is possible in %(seconds)d seconds.",
                    seconds,
                )
                report.refused(words % {**name, "seconds": seconds})
        tasks.enqueue_on_commit(tasks.announce)
        report.tell(request)

    @admin.action(permissions=["change"], description=_("Switch on"))
    def switch_on(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        """Switch channels on. From now on, runs and alarms are announced there."""
        changed = switch(queryset.select_related("guild"), is_on=True)
        log(request, changed, Sentence.of("did_switch_on"))
        report = Report()
        for channel in changed:
            report.done(gettext("%s is on: the next run is announced there.") % channel)
        report.tell(request)

    @admin.action(permissions=["change"], description=_("Switch off"))
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        """Switch channels off. Nothing is sent there except for tests."""
        changed = switch(queryset.select_related("guild"), is_on=False)
        log(request, changed, Sentence.of("did_switch_off"))
        report = Report()
        for channel in changed:
            report.done(
                gettext("%s is off: nothing is sent there, and its waiting messages are given up.")
                % channel
            )
        report.tell(request)

    @sensitive_variables("secret")
    @admin.action(permissions=["change"], description=_("Make a new secret"))
    def new_secret(self, request: HttpRequest, queryset: QuerySet[Channel]) -> HttpResponse | None:
        """Make the secret that signs the messages of a webhook, and show it once."""
        chosen = [channel for channel in queryset[:2] if channel.signed_address]
        secret = new_secret(chosen[0].pk) if len(chosen) == 1 and queryset.count() == 1 else None
        if secret is None:
            words = gettext("Choose one channel whose address begins with webhook+https://.")
            messages.info(request, words)
            return None
        log(request, chosen, Sentence.of("did_make_secret"))
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Secret of %s") % chosen[0],
            "secret": secret,
            "back": page_url(chosen[0]),
        }
        response = TemplateResponse(request, "admin/giftcodes/channel/secret.html", context)
        add_never_cache_headers(response)
        return response
