"""The page of one player: each code once, the correction, and an answer to send to the player."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from giftcodes import tasks
from giftcodes.admin.common import corrected, not_saved
from giftcodes.admin.common.back import page_before
from giftcodes.admin.common.confirmation import log
from giftcodes.admin.common.html import (
    badge,
    list_url,
    model_url,
    page_url,
    player_url,
    served_bar,
)
from giftcodes.admin.common.live import BUSY_SECONDS, IDLE_SECONDS, answer, parts_of
from giftcodes.admin.common.standing import reason_now, state_badge
from giftcodes.admin.members import player_page
from giftcodes.admin.members.bulk_actions import RealmForm
from giftcodes.admin.members.player_page import may_do_all
from giftcodes.admin.members.reply import reply_to
from giftcodes.correction_words import asked_again_words
from giftcodes.domain.lists import joined
from giftcodes.domain.numbers import row_id
from giftcodes.domain.sentences import Sentence
from giftcodes.domain.served import Served, Share
from giftcodes.domain.transitions import PARKED, State
from giftcodes.models import Member, MemberRedemption, Redemption
from giftcodes.models.game_words import place_noun, place_word, title_of
from giftcodes.models.guild import ERASED
from giftcodes.models.member_redemption import STATE_LABELS
from giftcodes.need_words import refused_words
from giftcodes.queries import scope
from giftcodes.queries.player_codes import (
    Player,
    PlayerCode,
    is_redeemed_for,
    memberships_of,
    place_of,
    places_of_mates,
    player_of,
    refused_places,
)
from giftcodes.services.corrections import correct_members

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

#: The permissions that the page needs.
PERMISSIONS = ("giftcodes.view_member", "giftcodes.view_memberredemption")
_CHANGE = "giftcodes.change_member"

_PARTS = {
    name: f"admin/giftcodes/player_codes/{name}.html"
    for name in ("corrections", "summary", "codes", "reply")
}
#: The parts of the list of codes in their order: what a person must do comes first.
_HEADINGS = {
    Share.NEEDS_YOU: gettext_lazy("Needs you"),
    Share.WAITING: gettext_lazy("Waiting"),
    Share.NOT_ELIGIBLE: gettext_lazy("Not eligible now"),
    Share.HAS: gettext_lazy("Has it"),
    Share.CANNOT: gettext_lazy("Cannot have it"),
}


def may_open(person: Any) -> bool:
    """Whether a person may open the page. `scope` limits the players that they find there."""
    return bool(person.has_perms(PERMISSIONS))


def page(request: HttpRequest, member_id: int) -> HttpResponse:
    """Show the player's codes, or correct a membership and go back to the previous page."""
    member = _member(request, member_id)
    memberships = memberships_of(member, scope.visible(Member.objects.all(), request.user))
    form = None
    if request.method == "POST":
        form = _form(request.POST.get("offered") or request.POST.get("realm", ""))
        chosen = next((one for one in memberships if str(one.pk) == _chosen(request)), None)
        if chosen is None or not request.user.has_perm(_CHANGE):
            raise PermissionDenied
        if form.is_valid():
            _correct(request, chosen, form.cleaned_data["realm"])
            return HttpResponseRedirect(page_before(request) or player_url(member.pk))
        if back := page_before(request):
            _send_back(request, chosen, form)
            return HttpResponseRedirect(back)
        form.corrected_id = chosen.pk  # type: ignore[attr-defined]
    player = _player(request, memberships)
    context = {
        **admin.site.each_context(request),
        "title": str(member),
        **_board(request, player, form),
        "member": member,
        "parts": _PARTS,
        "again_in_seconds": _again_in_seconds(player),
        "memberships": [_membership(one) for one in memberships],
        "codes_url": list_url(MemberRedemption, q=member.player_id) if player.has_more else "",
        "may_change": request.user.has_perm(_CHANGE),
        **_wish(request, member, is_out=all(one.opted_out for one in memberships)),
        "runs_url": list_url(Redemption),
    }
    return TemplateResponse(request, "admin/giftcodes/player_codes/page.html", context)


def _wish(request: HttpRequest, member: Member, *, is_out: bool) -> dict[str, str]:
    """The button that leads to the player's wishes. Empty if it is of no use to this person.

    Args:
        request: the request of the person.
        member: a membership of the player.
        is_out: whether the player has opted out of all guilds that the person sees. Only an
            administrator can end that.
    """
    does_all = may_do_all(request.user)
    is_erased = member.player_id.startswith(ERASED)
    if not player_page.may_open(request.user) or is_erased or (is_out and not does_all):
        return {}
    words = _("Opt in again, or erase") if is_out else _("Opt out, or erase")
    return {
        "wish_url": reverse("admin:player", query={"member": member.pk}),
        "wish_words": words if does_all else _("Opt out"),
    }


def live(request: HttpRequest, member_id: int) -> JsonResponse:
    """Respond with the parts of the page that change."""
    member = _member(request, member_id)
    memberships = memberships_of(member, scope.visible(Member.objects.all(), request.user))
    player = _player(request, memberships)
    return answer(
        parts_of(request, _PARTS, _board(request, player)),
        again_in_seconds=_again_in_seconds(player),
    )


def _member(request: HttpRequest, member_id: int) -> Member:
    """The member of the address.

    Raises:
        PermissionDenied: this person may not see members and their codes.
        Http404: there is no such member, or this person may not see the guild.
    """
    if not may_open(request.user):
        raise PermissionDenied
    rows = scope.visible(Member.objects.select_related("guild"), request.user)
    member = rows.filter(pk=member_id).first()
    if member is None:
        raise Http404
    return member


def _player(request: HttpRequest, memberships: list[Member]) -> Player:
    rows = scope.visible(MemberRedemption.objects.all(), request.user)
    player = player_of(memberships, rows)
    scope.redact([one.row for one in player.codes if one.row], request.user)
    return player


def _again_in_seconds(player: Player) -> float:
    return BUSY_SECONDS if player.served.waiting else IDLE_SECONDS


def _board(request: HttpRequest, player: Player, form: Any = None) -> dict[str, Any]:
    """The values of those parts of the page that change.

    Args:
        request: the request of the person who looks at the page.
        player: the player.
        form: a sent correction that has errors.
    """
    served = player.served
    may_retry = request.user.has_perm("giftcodes.change_redemption")
    has_several = len(player.members) > 1
    sections = []
    for share, heading in _HEADINGS.items():
        lines = [
            _line(one, may_retry=may_retry, names_guild=has_several)
            for one in player.codes
            if one.share is share
        ]
        if lines:
            sections.append(
                {
                    "share": share.value,
                    "heading": heading,
                    "number": len(lines),
                    "causes": _causes(lines),
                }
            )
    return {
        "served": served,
        "words": _has_words(served),
        "bar": served_bar(served, words=_has_words(served)),
        "sections": sections,
        "corrections": _corrections(request, player, form),
        "reply": reply_to(player),
    }


def _causes(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Group codes with the same state for the same reason, in the order of their first codes.

    Codes without a reason make a group, too.
    """
    found: dict[tuple[str, str, Any], dict[str, Any]] = {}
    for line in lines:
        guild = line.get("guild")
        key = (line["badge"], line["reason"], guild.pk if guild else None)
        cause = found.setdefault(
            key, {**{name: line[name] for name in ("badge", "reason")}, "guild": guild, "lines": []}
        )
        cause["lines"].append(line)
    for cause in found.values():
        moments = [line["next_at"] for line in cause["lines"] if line.get("next_at")]
        cause["next_at"] = min(moments, default=None)
    return list(found.values())


def _has_words(served: Served) -> str:
    """The numbers in words, such as `5 of 9 codes, 3 need you`."""
    words = ngettext("%(has)d of %(total)d code", "%(has)d of %(total)d codes", served.total)
    first = words % {"has": served.has, "total": served.total}
    return joined(part for part in (first, served.rest) if part)


def _line(one: PlayerCode, *, may_retry: bool, names_guild: bool) -> dict[str, Any]:
    row = one.row
    if row is None:
        return {
            "code": one.code,
            "url": page_url(one.code),
            "badge": badge(State.PENDING, STATE_LABELS[State.PENDING]),
            "reason": _("Not asked yet."),
        }
    is_retryable = may_retry and one.can_be_tried_again
    is_waiting = one.share is Share.WAITING and row.next_attempt_at is not None
    return {
        "code": one.code,
        "url": page_url(row),
        "badge": _badge(one),
        "reason": _reason(one),
        "at": one.at,
        "next_at": row.next_attempt_at if is_waiting or one.share is Share.NOT_ELIGIBLE else None,
        "guild": row.redemption.guild if names_guild else None,
        "retry": row.redemption_id if is_retryable else None,
        "is_stopped": one.state is State.CANCELLED,
    }


def _badge(one: PlayerCode) -> SafeString:
    """The state in words. When a code has ended, no state asks for help any more."""
    state = one.state or State.PENDING
    if not one.exists:
        return badge(State.CANCELLED, _("the game does not know this code"))
    if one.share is Share.CANNOT and state in PARKED and not one.code.is_over:
        return badge(State.CANCELLED, _("left the guild"))
    if one.share is Share.WAITING and state in PARKED:
        state = State.PENDING
    return state_badge(state, one.code)


def _reason(one: PlayerCode) -> str:
    """Why the player does not have the code, or through which other guild the player got it.

    For any other code that the player has, the words are empty.
    """
    assert one.row is not None
    if (one.share is Share.HAS and one.row.covered_by_id is None) or not one.exists:
        return ""
    if one.share is Share.WAITING and one.state in PARKED:
        return _("The member was corrected, so the code is asked for again.")
    if one.share is Share.NEEDS_YOU and one.state is State.NEEDS_CORRECTION:
        # The stored reason is long, and most often the same for all codes.
        place = place_word(one.code.provider)
        number = one.row.asked_realm or place_of(one.row.member)
        words = _("The game does not know the player ID in %(place)s %(number)s.")
        return words % {"place": place, "number": number}
    return reason_now(one.row.full_reason, State(one.row.state), one.code)


def _membership(member: Member) -> dict[str, Any]:
    provider = member.guild.provider
    if member.opted_out:
        state = badge("opted-out", _("opted out"))
    elif is_redeemed_for(member):
        state = badge("active", _("active"))
    else:
        state = badge("off", _("inactive"))
    return {
        "member": member,
        "is_erased": member.player_id.startswith(ERASED),
        "guild_url": page_url(member.guild),
        "url": page_url(member),
        "place": f"{place_word(provider)} {place_of(member)}",
        "game": title_of(provider),
        "state": state,
    }


# --- The correction -------------------------------------------------------------------------------
def _form(number: str | None = None, *, member: Member | None = None) -> RealmForm:
    """The form for a state or kingdom: with a sent number, or else with the member's number."""
    if number is not None:
        return RealmForm({"realm": number})
    assert member is not None
    return RealmForm(initial={"realm": place_of(member)})


def _chosen(request: HttpRequest) -> str:
    """The membership that a form corrects, as its id in digits."""
    return str(row_id(request.POST.get("membership", "")) or "")


def _corrections(request: HttpRequest, player: Player, form: Any) -> list[dict[str, Any]]:
    """A form for each membership with codes that wait for a correction."""
    if not request.user.has_perm(_CHANGE):
        return []
    found = []
    for member in player.eligible:
        is_sent = form is not None and form.corrected_id == member.pk
        if not (is_sent or player.waiting_for.get(member.pk)):
            continue
        place = place_word(member.guild.provider)
        shown = form if is_sent else _form(member=member)
        refused = refused_places([member])[member.pk]
        found.append(
            {
                "member": member,
                "place": place,
                "place_lower": place_noun(member.guild.provider),
                "number": place_of(member),
                "waiting": player.waiting_for.get(member.pk, 0),
                "offers": places_of_mates(member),
                "refused_words": refused_words(member, refused) if len(refused) > 1 else "",
                "field": shown["realm"],
                "add_url": model_url(
                    Member,
                    "add",
                    query={"guild": member.guild_id, "nickname": member.nickname},
                ),
                "url": page_url(member),
            }
        )
    return found


def _send_back(request: HttpRequest, member: Member, form: RealmForm) -> None:
    """Keep an entry that is not a number, so that the page where it was entered shows it again."""
    words = _("Nothing was changed. Enter the number of the %(place)s: digits, such as 1042.")
    messages.error(request, words % {"place": place_noun(member.guild.provider)})
    error = " ".join(map(str, form["realm"].errors))
    not_saved.keep(request, member, str(form.data["realm"]), error)


def _correct(request: HttpRequest, member: Member, number: int | None) -> None:
    """Set the state or kingdom of a membership, and say how many codes are asked for again.

    Args:
        request: the request of the person who corrects it.
        member: the membership.
        number: the state or kingdom. None means the guild's.
    """
    result = correct_members([member.pk], number, person=request.user)
    changed, same = result.changed, result.same
    for sentence in result.refused:
        messages.error(request, sentence)
    log(request, changed, Sentence.of("did_set_realm"))
    for one in [*changed, *same]:
        names = {
            "member": one,
            "place": place_word(one.guild.provider),
            "number": place_of(one),
        }
        if changed:
            words = _("%(member)s is in %(place)s %(number)s now.") % names
            again = asked_again_words(changed) or _("No code waited for this correction.")
            messages.success(request, f"{words} {again}")
            corrected.keep(request, one)
            tasks.enqueue_on_commit(tasks.catch_up, [one.guild_id])
        else:
            words = _(
                "%(member)s was in %(place)s %(number)s already, and the game does not know the "
                "player there. Nothing was changed."
            )
            messages.warning(request, words % names)
