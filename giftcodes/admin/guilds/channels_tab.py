"""The tab Channels of a guild."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.template.loader import render_to_string

from giftcodes.admin.common.html import list_url, model_url, page_url
from giftcodes.models import Announcement, Channel, Guild

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.utils.safestring import SafeString


def channels_tab(request: HttpRequest, guild: Guild) -> SafeString:
    """The block of the tab: where the runs of the guild are announced.

    Args:
        request: the request of a person who may see the guild and its channels.
        guild: the guild.

    Returns:
        The HTML of the block, rendered in a fixed number of queries.
    """
    person = request.user
    channels = list(Channel.objects.filter(guild=guild))
    for channel in channels:
        channel.guild = guild
    context = {
        "channels": [{"row": one, "url": page_url(one)} for one in channels],
        "may_add": person.has_perm("giftcodes.add_channel"),
        "may_change": person.has_perm("giftcodes.change_channel"),
        "add_url": model_url(Channel, "add", query={"guild": guild.pk}),
        "announcements_url": list_url(Announcement, redemption__guild__id__exact=guild.pk)
        if person.has_perm("giftcodes.view_announcement")
        else "",
    }
    return render_to_string("admin/giftcodes/guild/channels.html", context, request)
