"""The page of a guild's join link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from giftcodes import tasks
from giftcodes.models import JoinLink
from giftcodes.player_forms import JoinForm
from giftcodes.players import protect
from giftcodes.players.game import game_of
from giftcodes.services.joining import (
    TooManyOfAddressError,
    TooManyWaitingError,
    Wish,
    ask_to_join,
)

if TYPE_CHECKING:
    from django.http import HttpRequest


@protect.page
@sensitive_variables("token")
def page(request: HttpRequest, token: str) -> HttpResponse:
    """Show the form and what joining means. A sent form leads to the player's own page."""
    link = JoinLink.objects.with_token(token)
    if link is None:
        return render(request, "players/ended.html", {"is_join": True}, status=404)
    game = game_of(link.guild)
    form = JoinForm(
        request.POST if request.method == "POST" else None,
        realm_word=game.realm,
        initial={"realm": link.guild.realm},
    )
    if request.method == "POST":
        if seconds := protect.seconds_until_join(request, link.pk):
            return protect.too_often(request, seconds)
        if form.is_valid() and (answer := _join(link, form, protect.address_of(request))):
            return answer
    context = {"link": link, "guild": link.guild, "game": game, "form": form}
    return render(request, "players/join.html", context)


@sensitive_variables("token")
def _join(link: JoinLink, form: JoinForm, address: str) -> HttpResponse | None:
    """Ask to join, and lead to the personal page. Returns None if the form has got an error."""
    entered = form.cleaned_data
    wish = Wish(entered["player_id"], entered["nickname"], entered["realm"])
    try:
        token, has_joined = ask_to_join(link, wish, address=address)
    except TooManyOfAddressError:
        form.add_error(
            None,
            _(
                "Several requests from your network are waiting for this guild already, so yours "
                "was not taken. Ask an officer to decide about them, then try again."
            ),
        )
        return None
    except TooManyWaitingError:
        form.add_error(
            None,
            _(
                "Very many requests for this guild are waiting, so yours was not taken. Ask an "
                "officer, or try again tomorrow."
            ),
        )
        return None
    if has_joined:
        tasks.enqueue_on_commit(tasks.catch_up, [link.guild_id])
    return HttpResponseRedirect(reverse("players:my", args=[token]))
