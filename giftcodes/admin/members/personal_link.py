"""The page on which an officer makes a personal link for a member. The link is shown once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_variables

from giftcodes import site_address
from giftcodes.admin.common.html import page_url
from giftcodes.domain.numbers import row_id
from giftcodes.models import Member, PlayerLink
from giftcodes.models.guild import ERASED
from giftcodes.queries import scope
from giftcodes.services.personal_links import end_discord, make_for

if TYPE_CHECKING:
    from django.http import HttpRequest


@sensitive_variables("token", "path", "address", "context")
def page(request: HttpRequest, member_id: int) -> HttpResponse:
    """Explain the link. If the button is pressed, make the link and show it."""
    if not request.user.has_perm("giftcodes.change_member"):
        raise PermissionDenied
    rows = scope.visible(Member.objects.select_related("guild"), request.user)
    rows = rows.exclude(player_id__startswith=ERASED)
    member = rows.filter(pk=pk).first() if (pk := row_id(str(member_id))) else None
    if member is None:
        raise Http404
    address = ""
    links = PlayerLink.objects.filter(member=member)
    if request.method == "POST" and request.POST.get("act") == "end discord":
        assert request.user.pk is not None  # The site requires a login.
        if end_discord(member, user_id=request.user.pk):
            messages.success(request, gettext("The Discord user no longer has this player."))
    elif request.method == "POST":
        assert request.user.pk is not None
        token = make_for(member, user_id=request.user.pk)
        path = reverse("players:my", args=[token])
        address = site_address.link(path) or request.build_absolute_uri(path)
    context = {
        **admin.site.each_context(request),
        "title": gettext("Personal link for %s") % member,
        "member": member,
        "member_url": page_url(member),
        "address": address,
        "has_one": links.filter(discord_user=None).exists(),
        "in_discord": links.exclude(discord_user=None).order_by("pk"),
    }
    # No `Referrer-Policy: no-referrer` here: with it, browsers post the form with `Origin: null`,
    # which Django's CSRF check refuses. The address of this page holds no secret.
    return TemplateResponse(request, "admin/giftcodes/personal_link.html", context)
