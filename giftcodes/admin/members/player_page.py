"""The page for a player's wishes: to opt out or in, to get their data, and to be erased.

Officers may only record an opt-out, and only in their own guilds. The page shows officers nothing
of other guilds, and changes nothing there.
"""

from __future__ import annotations

from functools import partial
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
from giftcodes.admin.common.confirmation import log
from giftcodes.admin.common.editing import game_choices
from giftcodes.admin.common.html import player_url
from giftcodes.domain.numbers import row_id
from giftcodes.domain.sentences import Sentence
from giftcodes.domain.text import clean_token
from giftcodes.domain.validators import validate_player_id
from giftcodes.form_fields import CleanCharField
from giftcodes.models import Member, MemberRedemption, OptOut
from giftcodes.models.guild import member_words
from giftcodes.models.opted_out import player_hash
from giftcodes.queries import scope
from giftcodes.queries.player_data import data_of, in_json
from giftcodes.services.players import erase_player, opt_in, opt_out, opt_out_in

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.functional import _StrPromise as Words

#: The permissions for all wishes, and for an opt-out alone.
PERMISSIONS = ("giftcodes.add_optout", "giftcodes.delete_optout")
_OPT_OUT = "giftcodes.add_optout"


_UNCHANGED = _("Nothing to change.")


class PlayerForm(forms.Form):
    """A player of a game."""

    provider = forms.ChoiceField(label=_("Game"))
    player_id = CleanCharField(
        clean_text=clean_token,
        label=_("Player ID"),
        max_length=20,
        validators=[validate_player_id],
        help_text=_("Digits, from the profile."),
    )

    def __init__(self, *args: Any, games: list[tuple[str, str]], **fields: Any) -> None:
        super().__init__(*args, **fields)
        game = self.fields["provider"]
        assert isinstance(game, forms.ChoiceField)
        game.choices = games


def may_open(person: Any) -> bool:
    """Whether a person may open the page, for all wishes or, as an officer, for opt-outs only."""
    return may_do_all(person) or (not scope.sees_all(person) and person.has_perm(_OPT_OUT))


def may_do_all(person: Any) -> bool:
    """Whether a person may fulfil every wish. Officers may not: most wishes affect all guilds."""
    return scope.sees_all(person) and bool(person.has_perms(PERMISSIONS))


def words_for(person: Any) -> Words:
    """What a person does on the page, for its heading and for the buttons that lead to it."""
    return _("Opt-out and data of a player") if may_do_all(person) else _("Opt a player out")


def page(request: HttpRequest) -> HttpResponse:
    """Show the form and, for a chosen player, data and buttons. Do what a pressed button asks for.

    With `?member` in the address, the player of this member is chosen already.
    """
    if not may_open(request.user):
        raise PermissionDenied
    does_all = may_do_all(request.user)
    games = _games(request.user)
    chosen = _chosen(request.GET.get("member"), request.user)
    form = PlayerForm(
        request.POST if request.method == "POST" else _entered(chosen),
        games=games,
    )
    context = {
        **admin.site.each_context(request),
        "title": words_for(request.user),
        "form": form,
        "does_all": does_all,
    }
    if form.is_valid():
        provider, player_id = form.cleaned_data["provider"], form.cleaned_data["player_id"]
        wish = (_WISHES if does_all else _WISHES_OF_OFFICER).get(request.POST.get("wish", ""))
        if not does_all and not _own_members(provider, player_id, request.user).exists():
            form.add_error(
                "player_id",
                _("None of your guilds has a member with this ID. Only an administrator can help."),
            )
            return TemplateResponse(request, "admin/giftcodes/player.html", context)
        answer: HttpResponse | None = wish(request, provider, player_id) if wish else None
        if answer:
            return answer
        known = data_of if does_all else partial(_data_for_officer, person=request.user)
        context |= {"known": known(provider, player_id), "game": dict(games)[provider]}
        context["back_url"] = player_url(chosen.pk) if chosen else ""
        context["title"] = _title_of(context["known"], does_all=does_all)
        context["is_out_somewhere"] = any(one["opted_out"] for one in context["known"]["members"])
    return TemplateResponse(request, "admin/giftcodes/player.html", context)


def _title_of(known: dict[str, Any], *, does_all: bool) -> str:
    """The heading once the player is known, such as `Opt out Anna (300000001)`."""
    nickname = next((one["nickname"] for one in known["members"] if one["nickname"]), "")
    words = _("Opt out %s")
    if does_all:
        words = _("Opt-out and data of %s")
    elif known["opted_out"]:
        words = _("%s has opted out")
    return words % member_words(nickname, known["player_id"])


def _games(person: Any) -> list[tuple[str, str]]:
    """The games to choose from. An officer has the games that their guilds play."""
    own = scope.games(person)
    return [(name, title) for name, title in game_choices() if own is None or name in own]


def _own_members(provider: str, player_id: str, person: scope.Person) -> QuerySet[Member]:
    """The memberships of a player in the guilds of an officer."""
    members = Member.objects.filter(guild__provider=provider, player_id=player_id)
    return scope.visible(members, person).select_related("guild")


def _data_for_officer(provider: str, player_id: str, *, person: scope.Person) -> dict[str, Any]:
    """What the page shows to an officer: only the data in the officer's own guilds."""
    members = list(_own_members(provider, player_id, person))
    redemptions = MemberRedemption.objects.filter(member__in=members)
    return {
        "player_id": player_id,
        # The marks of the memberships, which the officer also sees in the list of members.
        "opted_out": all(member.opted_out for member in members),
        "members": [
            {
                "guild": one.guild.name,
                "nickname": one.nickname,
                "active": one.active,
                "opted_out": one.opted_out,
            }
            for one in members
        ],
        "redemptions": range(redemptions.count()),
    }


def _chosen(member_id: str | None, person: scope.Person) -> Member | None:
    """The member whose id is in the address, if the person may see them.

    Links to the page contain the member's id, so that no URL contains a player ID.
    """
    members = scope.visible(Member.objects.select_related("guild"), person)
    return members.filter(pk=pk).first() if (pk := row_id(member_id)) else None


def _entered(chosen: Member | None) -> dict[str, str] | None:
    """The form data that look up this member. None if no member was chosen."""
    if chosen is None:
        return None
    return {"provider": chosen.guild.provider, "player_id": chosen.player_id}


def _opt_out(request: HttpRequest, provider: str, player_id: str) -> None:
    result = opt_out(provider, player_id)
    if result.changed:
        _note(request, provider, player_id, Sentence.of("did_opt_out"))
    tasks.enqueue_on_commit(tasks.catch_up)
    words = gettext(
        "Codes are no longer redeemed for player %s, in any guild. An imported list does not bring "
        "the player back."
    )
    messages.success(request, words % player_id if result.changed else _UNCHANGED)


def _opt_out_here(request: HttpRequest, provider: str, player_id: str) -> None:
    """Record an opt-out for an officer: in the officer's own guilds, and nowhere else."""
    own = _own_members(provider, player_id, request.user)
    concerned = list(own.filter(opted_out=False))
    opt_out_in(own.filter(opted_out=False))
    log(request, concerned, Sentence.of("did_opt_out"))
    for member in concerned:
        tasks.enqueue_on_commit(tasks.catch_up, [member.guild_id])
    words = gettext(
        "Codes are no longer redeemed for player %s in your guilds. An imported list does not "
        "bring the player back there. To opt out in all guilds, the player must ask an "
        "administrator."
    )
    messages.success(request, words % player_id if concerned else _UNCHANGED)


def _opt_in(request: HttpRequest, provider: str, player_id: str) -> None:
    result = opt_in(provider, player_id)
    if result.changed:
        _note(request, provider, player_id, Sentence.of("did_opt_in"))
    tasks.enqueue_on_commit(tasks.catch_up)
    words = gettext(
        "Codes are redeemed for player %s again. The player catches up in every guild with an "
        "active membership."
    )
    messages.success(request, words % player_id if result.changed else _UNCHANGED)


def _export(request: HttpRequest, provider: str, player_id: str) -> HttpResponse:
    _note(request, provider, player_id, Sentence.of("did_export_player"))
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
        if result.opted_out:
            _note(request, provider, player_id, Sentence.of("did_opt_out"))
        messages.warning(request, result.obstacle)
        return None
    for redemption_id in result.redemptions:
        tasks.enqueue_on_commit(tasks.finish, redemption_id)
    _note(request, provider, player_id, Sentence.of("did_erase"))
    words = gettext(
        "The player is erased, and stays opted out. Backups, log files and posted messages are "
        "unchanged."
    )
    messages.success(request, words)
    return HttpResponseRedirect(reverse("admin:player"))


_WISHES: dict[str, Any] = {
    "opt_out": _opt_out,
    "opt_in": _opt_in,
    "export": _export,
    "erase": _erase,
}
#: An officer may only record an opt-out. Ending one is not allowed: it is the player's decision.
_WISHES_OF_OFFICER: dict[str, Any] = {"opt_out": _opt_out_here}


def _note(request: HttpRequest, provider: str, player_id: str, done: Sentence) -> None:
    """Add what was done to the history of the opt-out, which names the player only by a hash."""
    log(request, [OptOut(player_hash=player_hash(provider, player_id))], done)
