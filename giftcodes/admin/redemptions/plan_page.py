"""The page that shows, member by member, what “Redeem now” would do for a guild and a code.

It changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from giftcodes.domain.numbers import row_id
from giftcodes.estimates import formatting
from giftcodes.estimates.cost_preview import preview
from giftcodes.estimates.dry_run import plan
from giftcodes.models import GiftCode, Guild
from giftcodes.models.start_rules import code_obstacle, guild_obstacle
from giftcodes.queries import scope

if TYPE_CHECKING:
    from django.http import HttpRequest


def page(request: HttpRequest) -> HttpResponse:
    """Show the plan for a guild and a code.

    Raises:
        Http404: the guild or the code does not exist, the person may not see it, or they belong to
            different games.
    """
    if not request.user.has_perms(["giftcodes.view_member", "giftcodes.view_memberredemption"]):
        raise PermissionDenied
    guild = _found(scope.visible(Guild.objects.all(), request.user), request.GET.get("guild", ""))
    code = _found(scope.visible(GiftCode.objects.all(), request.user), request.GET.get("code", ""))
    if guild.provider != code.provider:
        raise Http404
    planned = plan(
        guild_id=guild.pk,
        gift_code_id=code.pk,
        names_guilds=scope.sees_all(request.user),
    )
    cost = preview(guild_id=guild.pk, gift_code_id=code.pk, seen=scope.guild_ids(request.user))
    obstacles = dict.fromkeys([guild_obstacle(guild), code_obstacle(code)])
    context = {
        **admin.site.each_context(request),
        "title": _("Code %(code)s for guild %(guild)s, member by member")
        % {"code": code, "guild": guild},
        "guild": guild,
        "code": code,
        "obstacles": [obstacle for obstacle in obstacles if obstacle],
        "asked": [line for line in planned if line.is_asked],
        "not_asked": [line for line in planned if not line.is_asked],
        "cost": cost,
        "left": formatting.left(cost.outlook) if cost.requests else "",
    }
    return TemplateResponse(request, "admin/giftcodes/plan.html", context)


def _found(rows: Any, pk: str) -> Any:
    return get_object_or_404(rows, pk=row_id(pk))
