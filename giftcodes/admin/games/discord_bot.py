"""The page “Discord bot”: whether it is connected, its token, and how to get one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from giftcodes.admin.games.connecting import (
    insist_on_administrator,
    log_setting,
    setting_source,
)
from giftcodes.admin.games.connection_forms import DiscordForm
from giftcodes.domain.sentences import Sentence
from giftcodes.models import DiscordServer
from giftcodes.models.site_settings import DISCORD_TOKEN
from giftcodes.models.stored_setting import refresh_stored_values
from giftcodes.queries.discord import BotStanding, bot
from giftcodes.services.connections import save_discord_token

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@sensitive_post_parameters("token")
def page(request: HttpRequest) -> HttpResponse:
    """Show the page, and store or remove the token."""
    insist_on_administrator(request)
    refresh_stored_values()
    form = DiscordForm(auto_id="discord_%s")
    if request.method == "POST":
        if settings.DISCORD_TOKEN:
            return _again()
        if request.POST.get("act") == "remove":
            save_discord_token(None, user_id=request.user.pk)
            log_setting(request, DISCORD_TOKEN, Sentence.of("did_remove"))
            messages.success(request, gettext("Removed. The bot goes offline within some seconds."))
            return _again()
        form = DiscordForm(request.POST, auto_id="discord_%s")
        if form.is_valid():
            save_discord_token(form.cleaned_data["token"], user_id=request.user.pk)
            log_setting(request, DISCORD_TOKEN, Sentence.of("did_set"))
            messages.success(
                request,
                gettext("Saved. The bot connects within some seconds: load this page again."),
            )
            return _again()
    found = bot()
    context = {
        **admin.site.each_context(request),
        "title": _("Discord bot"),
        "bot": found,
        "is_connected": found.standing is BotStanding.CONNECTED,
        "token": setting_source(DISCORD_TOKEN, settings.DISCORD_TOKEN),
        "form": form,
        "servers": DiscordServer.objects.select_related("guild"),
        "again": reverse("admin:discord_bot"),
    }
    return TemplateResponse(request, "admin/giftcodes/discord/bot.html", context)


def _again() -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:discord_bot"))
