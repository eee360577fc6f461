"""A player's own page: the codes, and what the player may change. The personal link opens it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_variables

from giftcodes import site_address, tasks
from giftcodes.estimates.formatting import about
from giftcodes.models import JoinRequest, PlayerLink
from giftcodes.player_forms import RealmForm
from giftcodes.player_words import (
    HEADINGS,
    NOTES,
    Group,
    Line,
    causes_of,
    line_of,
    not_found_words,
)
from giftcodes.players import protect
from giftcodes.players.game import GameWords, game_of
from giftcodes.queries.my_codes import codes_of
from giftcodes.queries.player_codes import refused_places
from giftcodes.queries.player_data import in_json
from giftcodes.services import joining, personal_links
from giftcodes.services.corrections import TooManyCorrectionsError
from giftcodes.services.self_service_limits import seconds_until_correction, seconds_until_wish

if TYPE_CHECKING:
    from django.http import HttpRequest


#: The link stands at the top of the page for this long after it was made.
_NEW = dt.timedelta(hours=1)
#: After a correction, the page is loaded again after this many seconds while codes wait.
LOOK_AFTER = 10
#: How many times the page is loaded again at most.
MOST_LOOKS = 30


@dataclass(slots=True)
class Visit:
    """A request for a personal page.

    Args:
        request: the request.
        token: the link's token.
        link: the link, with its guild and member.
        game: the guild's game.
        form: the form for the realm, with what the player sent.
    """

    request: HttpRequest
    token: str
    link: PlayerLink
    game: GameWords
    form: RealmForm

    @property
    def waiting(self) -> JoinRequest | None:
        """The request of this link that waits for an officer, if there is one."""
        return getattr(self.link, "request", None)

    def say(self, words: str) -> None:
        """Show a message on the next page."""
        messages.success(self.request, words)

    @property
    def look(self) -> int:
        """How many times the page has been loaded since a correction, or 0 if there was none."""
        number = self.request.GET.get("look", "")
        return int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 0


@protect.page_with_buttons
@sensitive_variables("token", "visit")
def page(request: HttpRequest, token: str) -> HttpResponse:
    """Show the page, or do what a pressed button says."""
    link = PlayerLink.objects.with_token(token)
    if link is None:
        return render(request, "players/ended.html", status=404)
    game = game_of(link.guild)
    is_form = request.method == "POST" and "realm" in request.POST
    realm = (link.member.realm if link.member else None) or link.guild.realm
    form = RealmForm(
        request.POST if is_form else None, realm_word=game.realm, initial={"realm": realm}
    )
    visit = Visit(request, token, link, game, form)
    if request.method != "POST":
        return _shown(visit)
    if seconds := seconds_until_wish(link.pk):
        return protect.too_often(request, seconds)
    act = _acts_of(visit).get(request.POST.get("act", ""))
    if act is None:
        # The page was open for a while, and the button no longer applies.
        messages.warning(request, _("Nothing was changed. This is the page as it is now."))
        return _again(token)
    return act(visit) or _again(token)


@protect.page
def erased(request: HttpRequest) -> HttpResponse:
    """Say that the data is erased. The personal link no longer works."""
    return render(request, "players/erased.html")


def _again(token: str, *, look: int = 0) -> HttpResponse:
    address = reverse("players:my", args=[token])
    return HttpResponseRedirect(f"{address}?look={look}" if look else address)


def _acts_of(visit: Visit) -> dict[str, Callable[[Visit], HttpResponse | None]]:
    """The buttons that apply to the link as it is now."""
    member, is_confirmed = visit.link.member, visit.link.is_confirmed
    if member is None:
        return {"withdraw": _withdraw}
    acts: dict[str, Callable[[Visit], HttpResponse | None]] = {"renew": _renew}
    if member.opted_out:
        if is_confirmed and personal_links.may_start_again(visit.link):
            acts["start"] = _start_again
    elif member.active:
        acts |= {"correct": _correct, "leave": _leave}
    elif visit.waiting is None:
        acts["ask"] = _ask
    if is_confirmed:
        acts |= {"download": _download, "erase": _erase}
        if not member.opted_out:
            acts["stop"] = _stop
    elif member.active and visit.waiting is None:
        acts["ask"] = _ask
    return acts


# --- The buttons ----------------------------------------------------------------------------------
def _withdraw(visit: Visit) -> HttpResponse:
    visit.link.delete()
    return render(visit.request, "players/ended.html", {"is_withdrawn": True})


def _correct(visit: Visit) -> HttpResponse | None:
    if not visit.form.is_valid():
        return _shown(visit)
    if seconds := seconds_until_correction(visit.link.pk):
        return protect.too_often(visit.request, seconds)
    realm = visit.form.cleaned_data["realm"]
    try:
        result = personal_links.correct_realm(visit.link, realm)
    except TooManyCorrectionsError as error:
        words = _(
            "Nothing was changed: too many corrections were made in this guild today. "
            "Try again in %s."
        )
        messages.warning(visit.request, words % about(error.seconds))
        return None
    values = {"word": visit.game.realm.capitalize(), "number": realm, "codes": result.codes}
    if not result.changed:
        visit.say(_("Nothing to change: %(word)s %(number)s is what we have.") % values)
        return None
    tasks.enqueue_on_commit(tasks.catch_up, [visit.link.guild_id])
    words = _("Saved: %(word)s %(number)s. From now on your codes are redeemed there.")
    if result.codes:
        words = ngettext(
            "Saved: %(word)s %(number)s. %(codes)d code is tried again now.",
            "Saved: %(word)s %(number)s. %(codes)d codes are tried again now.",
            result.codes,
        )
    visit.say(words % values)
    return _again(visit.token, look=1) if result.codes else None


def _leave(visit: Visit) -> None:
    if not _is_sure(visit):
        return
    personal_links.leave(visit.link)
    tasks.enqueue_on_commit(tasks.catch_up, [visit.link.guild_id])
    visit.say(_("You have left. No more codes are redeemed for you in this guild."))


def _stop(visit: Visit) -> None:
    if not _is_sure(visit):
        return
    personal_links.stop(visit.link)
    tasks.enqueue_on_commit(tasks.catch_up, [visit.link.guild_id])
    visit.say(_("You are left out. No more codes are redeemed for you in this guild."))


def _start_again(visit: Visit) -> None:
    if personal_links.start_again(visit.link):
        tasks.enqueue_on_commit(tasks.catch_up, [visit.link.guild_id])
        visit.say(_("Welcome back. Codes that still work are redeemed for you now."))


def _ask(visit: Visit) -> None:
    if joining.ask_again(visit.link, address=protect.address_of(visit.request)):
        visit.say(_("The officers have your request. Look here again later."))
        return
    words = _(
        "Very many requests are waiting. Ask an officer to decide about them, or try again later."
    )
    messages.warning(visit.request, words)


def _renew(visit: Visit) -> HttpResponse:
    token = personal_links.renew(visit.link)
    visit.say(_("This is your new link. The old one no longer works."))
    return _again(token)


def _download(visit: Visit) -> HttpResponse:
    data = personal_links.download(visit.link)
    response = HttpResponse(in_json(data), content_type="application/json")
    response.headers["Content-Disposition"] = 'attachment; filename="my-gift-code-data.json"'
    return response


def _erase(visit: Visit) -> HttpResponse | None:
    if not _is_sure(visit):
        return None
    result = personal_links.erase(visit.link)
    tasks.enqueue_on_commit(tasks.catch_up, [visit.link.guild_id])
    if result.obstacle:
        words = _(
            "A code is being redeemed for you at this moment. You are opted out, and nothing is "
            "erased yet. Press the button again in a minute."
        )
        messages.warning(visit.request, words)
        return None
    return HttpResponseRedirect(reverse("players:erased"))


def _is_sure(visit: Visit) -> bool:
    if "sure" in visit.request.POST:
        return True
    messages.warning(visit.request, _("Nothing was changed. Tick “I am sure” first."))
    return False


# --- The page -------------------------------------------------------------------------------------
def _shown(visit: Visit) -> HttpResponse:
    link = visit.link
    path = reverse("players:my", args=[visit.token])
    context: dict[str, Any] = {
        "link": link,
        "guild": link.guild,
        "member": link.member,
        "game": visit.game,
        "form": visit.form,
        "waiting": visit.waiting,
        "acts": set(_acts_of(visit)),
        "address": site_address.link(path) or visit.request.build_absolute_uri(path),
        "realm": (link.member.realm if link.member else None) or link.guild.realm,
    }
    if link.member is None:
        return render(visit.request, "players/waiting.html", context)
    link.member.guild = link.guild
    # The player has only just got the link, and must save it before leaving the page.
    context["is_new"] = link.made_by_id is None and link.made_at > timezone.now() - _NEW
    realm = context["realm"]
    lines = [line_of(mine, visit.game.realm, realm) for mine in codes_of(link.member)]
    is_waiting = any(line.group is Group.ON_THE_WAY for line in lines)
    wants_realm = any(line.wants_realm for line in lines)
    refused = refused_places([link.member])[link.member.pk] if wants_realm else set()
    context |= {
        "parts": _parts(lines),
        "number": sum(line.counts for line in lines),
        "have": sum(line.group is Group.HAVE for line in lines),
        "needs": sum(line.group is Group.NEEDS_YOU for line in lines),
        "wants_realm": wants_realm,
        "not_found": not_found_words(
            visit.game.realm, realm, refused, player_id=link.member.player_id
        ),
        # The page that is loaded again has no forms, so that nothing that a player enters is lost.
        "looks_again": is_waiting and 0 < visit.look <= MOST_LOOKS,
        "look_after": LOOK_AFTER,
        "path": path,
    }
    response = render(visit.request, "players/my.html", context)
    if context["looks_again"]:
        response.headers["Refresh"] = f"{LOOK_AFTER}; url=?look={visit.look + 1}"
    return response


def _parts(lines: list[Line]) -> list[dict[str, Any]]:
    """The parts of the page that have codes."""
    parts = [
        {
            "colour": group.value,
            "heading": HEADINGS[group],
            "note": NOTES.get(group, ""),
            "number": sum(line.group is group for line in lines),
            "causes": causes_of(line for line in lines if line.group is group),
        }
        for group in Group
    ]
    return [part for part in parts if part["number"]]
