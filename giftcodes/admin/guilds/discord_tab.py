"""The part “Discord” of a guild's tab “Officers”: its servers, and the person's own Discord user.

A code that links a server or a Discord user is shown once, right after it was made. Only a hash of
it is stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_variables

from giftcodes.admin.common.confirmation import log
from giftcodes.admin.common.html import guild_url
from giftcodes.admin.common.scoped import own_guild
from giftcodes.domain.numbers import row_id
from giftcodes.domain.sentences import Sentence
from giftcodes.models import DiscordAccount, Guild
from giftcodes.queries.discord import BotStanding, bot
from giftcodes.services import discord_links

if TYPE_CHECKING:
    from django.http import HttpRequest

#: What a person needs to link servers: the permission to set the guild's channels.
PERMISSION = "giftcodes.change_channel"


def block(person: Any, guild: Guild) -> dict[str, Any]:
    """The context of the part, in a fixed number of queries."""
    if not person.has_perm(PERMISSION):
        return {"may_link_discord": False}
    found = bot()
    return {
        "may_link_discord": True,
        "bot": found,
        "has_bot": found.standing is not BotStanding.NO_TOKEN,
        "servers": guild.discord_servers.select_related("linked_by"),
        "account": DiscordAccount.objects.filter(user=person).first(),
        "discord_url": reverse("admin:discord_of_guild", args=[guild.pk]),
    }


@sensitive_variables("code")
def page(request: HttpRequest, guild_id: int) -> HttpResponse:
    """Do what the pressed button says. Then show the code that was made, or else the tab again."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    guild = own_guild(request, guild_id)
    act = request.POST.get("act", "") if request.method == "POST" else ""
    if act in ("server code", "account code"):
        is_for_guild = act == "server code"
        code = discord_links.make_code(request.user, guild if is_for_guild else None)  # type: ignore[arg-type]
        if code is not None:
            return _code_page(request, guild, code, is_for_guild=is_for_guild)
        messages.warning(
            request, gettext("You made very many codes. Make the next one in an hour.")
        )
    elif act == "unlink":
        _unlink(request, guild)
    elif act == "unlink account" and discord_links.unlink_account(request.user):  # type: ignore[arg-type]
        messages.success(request, gettext("Your account and Discord user are no longer linked."))
    return HttpResponseRedirect(guild_url(guild.pk, "officers"))


def _unlink(request: HttpRequest, guild: Guild) -> None:
    pk = row_id(request.POST.get("server", ""))
    server = discord_links.unlink_server(guild, pk) if pk else None
    if server is None:
        messages.info(request, gettext("This server is not linked any more."))
        return
    log(request, [guild], Sentence.of("did_unlink_server", name=server.name))
    messages.success(
        request,
        gettext(
            "The Discord server %s is no longer linked, and the bot announces nothing there. "
            "Players can still use /codes and /leave."
        )
        % server.name,
    )


def _code_page(
    request: HttpRequest, guild: Guild, code: str, *, is_for_guild: bool
) -> TemplateResponse:
    if is_for_guild:
        log(request, [guild], Sentence.of("did_make_discord_code"))
    context = {
        **admin.site.each_context(request),
        "title": gettext("Code for Discord"),
        "guild": guild,
        "code": code,
        "is_for_guild": is_for_guild,
        "back": guild_url(guild.pk, "officers"),
    }
    response = TemplateResponse(request, "admin/giftcodes/discord/code.html", context)
    add_never_cache_headers(response)
    return response
