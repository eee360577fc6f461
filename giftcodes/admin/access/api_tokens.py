"""Tokens of the API: a part of a guild's tab “Officers”, and a page for administrators.

A token is shown once, right after it was made. Only its hash is stored.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from giftcodes.admin.common.confirmation import log
from giftcodes.admin.common.html import guild_url
from giftcodes.admin.common.scoped import own_guild
from giftcodes.domain.numbers import row_id
from giftcodes.domain.sentences import Sentence
from giftcodes.models import ApiToken, Guild, TokenScope
from giftcodes.services.api_tokens import TokenRefused, make_token, revoke

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet
    from django.http import HttpRequest

#: What a person needs to make tokens for a guild that they see.
PERMISSION = "giftcodes.change_guild"
_DAYS = [("30", _("for 30 days")), ("365", _("for a year")), ("", _("without an end"))]
#: How many tokens a page shows at most.
_MOST_SHOWN = 200


class TokenForm(forms.Form):
    """A new token."""

    name = forms.CharField(
        label=_("What uses the token"),
        max_length=60,
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    scope = forms.ChoiceField(label=_("It may"), choices=TokenScope.choices)
    days = forms.ChoiceField(label=_("It works"), choices=_DAYS, initial="365", required=False)

    @property
    def ends_at(self) -> dt.datetime | None:
        """When the token ends, or None for a token without an end. The form must be valid."""
        days = self.cleaned_data["days"]
        return timezone.now() + dt.timedelta(days=int(days)) if days else None


def block(person: Any, guild: Guild) -> dict[str, Any]:
    """What the tab “Officers” of a guild's page shows about tokens. It takes one SQL statement."""
    if not person.has_perm(PERMISSION):
        return {"may_make_tokens": False}
    rows = ApiToken.objects.filter(guild=guild)
    return {
        "may_make_tokens": True,
        **_listed(rows, reverse("admin:api_of_guild", args=[guild.pk])),
    }


def page_of_guild(request: HttpRequest, guild_id: int) -> HttpResponse:
    """Do what the pressed button says.

    Returns:
        The page that shows a new token, or else a redirect to the guild's tab “Officers”.
    """
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    guild = own_guild(request, guild_id)
    back = guild_url(guild.pk, "officers")
    rows = ApiToken.objects.filter(guild=guild)
    return _do(request, guild, rows, back) or HttpResponseRedirect(back)


def page(request: HttpRequest) -> HttpResponse:
    """Show all tokens to an administrator, and make tokens for all guilds."""
    if not request.user.is_superuser:
        raise PermissionDenied
    address = reverse("admin:api_tokens")
    if request.method == "POST":
        done = _do(request, None, ApiToken.objects.all(), address)
        return done or HttpResponseRedirect(address)
    context = {
        **admin.site.each_context(request),
        "title": _("API tokens"),
        "names_guilds": True,
        **_listed(ApiToken.objects.all(), address),
    }
    return TemplateResponse(request, "admin/giftcodes/api/page.html", context)


def _listed(rows: QuerySet[ApiToken], address: str) -> dict[str, Any]:
    shown = rows.live().select_related("made_by", "guild").order_by("-pk")[:_MOST_SHOWN]  # type: ignore[attr-defined]
    return {
        "tokens": list(shown),
        "token_form": TokenForm(auto_id="token_%s"),
        "tokens_url": address,
        "description_url": "/api/v1/openapi.json",
    }


def _do(
    request: HttpRequest, guild: Guild | None, rows: QuerySet[ApiToken], back: str
) -> HttpResponse | None:
    """Make or revoke a token. Returns the page that shows a new token."""
    act = request.POST.get("act", "") if request.method == "POST" else ""
    if act == "make":
        return _make(request, guild, back)
    if act == "revoke":
        pk = row_id(request.POST.get("token", ""))
        row = revoke(rows.select_related("guild"), pk) if pk else None
        if row is None:
            messages.info(request, gettext("This token does not work any more."))
        else:
            log(request, [row.guild or row], Sentence.of("did_revoke_api_token", name=row.name))
            messages.success(request, gettext("The token “%s” is revoked.") % row.name)
    return None


@sensitive_variables("token")
def _make(request: HttpRequest, guild: Guild | None, back: str) -> HttpResponse | None:
    form = TokenForm(request.POST)
    if not form.is_valid():
        messages.error(request, gettext("No token was made. Say what uses it, and what it may do."))
        return None
    user: User = request.user  # type: ignore[assignment]
    try:
        token = make_token(
            user,
            guild,
            name=form.cleaned_data["name"],
            scope=TokenScope(form.cleaned_data["scope"]),
            ends_at=form.ends_at,
        )
    except TokenRefused as refusal:
        messages.warning(request, str(refusal))
        return None
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return None
    made = ApiToken.objects.filter(made_by=user, guild=guild).latest("pk")
    log(request, [guild or made], Sentence.of("did_make_api_token", name=made.name))
    address = request.build_absolute_uri("/api/v1/guilds")
    context = {
        **admin.site.each_context(request),
        "title": gettext("New API token"),
        "token": token,
        "example": f'curl -H "Authorization: Bearer {token}" {address}',
        "back": back,
    }
    response = TemplateResponse(request, "admin/giftcodes/api/token.html", context)
    add_never_cache_headers(response)
    return response
