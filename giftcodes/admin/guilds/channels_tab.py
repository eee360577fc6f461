"""The channels of one guild, for a page of the guild: their states, and the buttons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from giftcodes.admin.common.html import list_url, model_url, page_url
from giftcodes.admin.guilds import channel_state
from giftcodes.models import Alarm, Announcement, Channel, Guild

if TYPE_CHECKING:
    from django.http import HttpRequest


def channels_tab(request: HttpRequest, guild: Guild) -> SafeString:
    """All channels of a guild: what each is told, its state, and what a person can do.

    The block keeps itself up to date, and works without JavaScript. It has forms of its own, so it
    must not stand inside a form. It takes a fixed number of queries.

    Args:
        request: the request of a person who may see the guild.
        guild: the guild.

    Returns:
        The HTML, or an empty text if the person may not see channels.
    """
    person = request.user
    if not person.has_perm("giftcodes.view_channel"):
        return SafeString("")
    channels = list(guild.channels.select_related("guild"))
    states = channel_state.states_of(channels)
    shown = channel_state.parts(states)
    ids = [str(channel.pk) for channel in channels]
    refused = Alarm.objects.standing().filter(kind=Alarm.Kind.NO_THREAD, subject__in=ids)
    no_thread = dict(refused.values_list("subject", "message"))
    context = {
        "guild": guild,
        "channels": [
            {
                "channel": channel,
                "part": f"channel-{channel.pk}",
                "state": shown[f"channel-{channel.pk}"],
                "no_thread": no_thread.get(str(channel.pk), ""),
                "url": page_url(channel),
                "is_untried": channel.delivered_at is None and states[channel.pk].test is None,
            }
            for channel in channels
        ],
        "may_change": person.has_perm("giftcodes.change_channel"),
        "may_add": person.has_perm("giftcodes.add_channel"),
        "add_url": model_url(Channel, "add", query={"guild": guild.pk}),
        "actions_url": list_url(Channel),
        "announcements_url": list_url(Announcement, redemption__guild__id__exact=guild.pk),
        "live_url": reverse("admin:live_channels", args=[guild.pk]),
        "again_in_seconds": channel_state.again_in_seconds(states.values()),
        "back": request.get_full_path(),
    }
    return render_to_string("admin/giftcodes/channels/tab.html", context, request)
