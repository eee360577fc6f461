"""The page for a player's wishes: to opt out or in, to get their data, and to be erased."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from giftcodes import tasks
from giftcodes.admin.common import scope
from giftcodes.admin.common.confirmation import log
from giftcodes.admin.common.editing import game_choices
from giftcodes.domain.numbers import row_id
from giftcodes.domain.text import clean_token
from giftcodes.domain.validators import validate_player_id
from giftcodes.form_fields import CleanCharField
from giftcodes.models import Member, OptOut
from giftcodes.models.opted_out import player_hash
from giftcodes.queries.player_data import data_of, in_json
from giftcodes.services.players import erase_player, opt_in, opt_out

if TYPE_CHECKING:
    from django.http import HttpRequest

#: The permissions that the page needs.
PERMISSIONS = ("giftcodes.add_optout", "giftcodes.delete_optout")


_UNCHANGED = _("Nothing to change.")


class PlayerForm(forms.Form):
    """A player of a game."""

    provider = forms.ChoiceField(label=_("Game"), choices=game_choices)
    player_id = CleanCharField(
        clean_text=clean_token,
        label=_("Player ID"),
        max_length=20,
        validators=[validate_player_id],
        help_text=_("Digits, from the profile."),
    )


def may_open(person: Any) -> bool:
    """Whether a person may open the page. Officers may not, because it concerns all guilds."""
    return scope.sees_all(person) and bool(person.has_perms(PERMISSIONS))


def page(request: HttpRequest) -> HttpResponse:
    """Show the form and, once a player is chosen, the data and buttons. Act on a pressed button."""
    if not may_open(request.user):
        raise PermissionDenied
    form = PlayerForm(
        request.POST if request.method == "POST" else None,
        initial=_initial(request.GET.get("member")),
    )
    context = {**admin.site.each_context(request), "title": _("A player's wish"), "form": form}
    if request.method == "POST" and form.is_valid():
        provider, player_id = form.cleaned_data["provider"], form.cleaned_data["player_id"]
        wish = _WISHES.get(request.POST.get("wish", ""))
        if wish is not None and (answer := wish(request, provider, player_id)):
            return answer
        context |= {"known": data_of(provider, player_id), "game": dict(game_choices())[provider]}
    return TemplateResponse(request, "admin/giftcodes/player.html", context)


def _initial(member_id: str | None) -> dict[str, str]:
    """The form's initial values: the game and player ID of this member.

    Links to the page contain the member's primary key, so that no URL contains a player ID.
    """
    members = Member.objects.select_related("guild")
    member = members.filter(pk=pk).first() if (pk := row_id(member_id)) else None
    return {"provider": member.guild.provider, "player_id": member.player_id} if member else {}


def _opt_out(request: HttpRequest, provider: str, player_id: str) -> None:
    result = opt_out(provider, player_id)
    _note(request, provider, player_id, gettext("Opted out."))
    tasks.enqueue_on_commit(tasks.catch_up)
    words = gettext(
        "Codes are no longer redeemed for player %s, in any guild. An imported list does not bring "
        "the player back."
    )
    messages.success(request, words % player_id if result.changed else _UNCHANGED)


def _opt_in(request: HttpRequest, provider: str, player_id: str) -> None:
    _note(request, provider, player_id, gettext("Opt-out taken back."))
    result = opt_in(provider, player_id)
    tasks.enqueue_on_commit(tasks.catch_up)
    words = gettext(
        "Codes are redeemed for player %s again. The player catches up in every guild with an "
        "active membership."
    )
    messages.success(request, words % player_id if result.changed else _UNCHANGED)


def _export(request: HttpRequest, provider: str, player_id: str) -> HttpResponse:
    _note(request, provider, player_id, gettext("The player's data was exported."))
    response = HttpResponse(in_json(data_of(provider, player_id)), content_type="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="player-{player_id}.json"'
    return response


def _erase(request: HttpRequest, provider: str, player_id: str) -> HttpResponse | None:
    if "sure" not in request.POST:
        messages.error(request, gettext("Nothing was erased. Confirm that you are sure."))
        return None
    result = erase_player(provider, player_id)
    tasks.enqueue_on_commit(tasks.catch_up)
    if result.obstacle:
        messages.warning(request, result.obstacle)
        return None
    for redemption_id in result.redemptions:
        tasks.enqueue_on_commit(tasks.finish, redemption_id)
    _note(request, provider, player_id, gettext("Erased."))
    words = gettext(
        "The player is erased, and stays opted out. Backups, log files and posted messages are "
        "unchanged."
    )
    messages.success(request, words)
    return HttpResponseRedirect(reverse("admin:player"))


_WISHES = {"opt_out": _opt_out, "opt_in": _opt_in, "export": _export, "erase": _erase}


def _note(request: HttpRequest, provider: str, player_id: str, words: str) -> None:
    """Add words to the history of the opt-out, which identifies the player only by a hash."""
    log(request, [OptOut(player_hash=player_hash(provider, player_id))], words)
