"""Self-service for the players of a guild: the join link, waiting requests, and the public page.

`templates/admin/giftcodes/joining/block.html` shows all of these, with the context from `block`.
Any page of a guild may include that template: its forms are sent to `page`, which then redirects to
the including page.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from giftcodes import site_address, tasks
from giftcodes.admin.common.back import page_before
from giftcodes.admin.common.confirmation import log
from giftcodes.admin.common.html import guild_url, member_link
from giftcodes.admin.common.scoped import own_guild
from giftcodes.admin.members.player_page import may_do_all as may_end_opt_outs
from giftcodes.domain.lists import joined
from giftcodes.domain.numbers import row_id
from giftcodes.domain.sentences import Sentence
from giftcodes.models import Guild, JoinLink, OptOut, PublicPage
from giftcodes.models.game_words import place_word
from giftcodes.models.opted_out import player_hash
from giftcodes.services import join_decisions, joining

if TYPE_CHECKING:
    from django.http import HttpRequest

#: The permissions that the page needs: those for adding members by hand.
PERMISSIONS = ("giftcodes.add_member", "giftcodes.change_member")
#: The number of entries of the self-service journal that the page shows.
MOST_EVENTS = 30

_DAYS = {
    "": _("without an end"),
    "1": _("for a day"),
    "7": _("for a week"),
    "30": _("for 30 days"),
}


class LinkForm(forms.Form):
    """The conditions of a join link."""

    approval = forms.ChoiceField(
        label=_("Who decides"),
        choices=[
            ("yes", _("An officer approves each request")),
            ("no", _("Everybody who has the link joins immediately")),
        ],
    )
    days = forms.ChoiceField(label=_("The link works"), choices=list(_DAYS.items()), required=False)

    @property
    def ends_at(self) -> dt.datetime | None:
        """When the link ends, or None for a link without an end. The form must be valid."""
        days = self.cleaned_data["days"]
        return timezone.now() + dt.timedelta(days=int(days)) if days else None


def may_open(person: Any) -> bool:
    """Whether a person may open the page for the guilds that they see."""
    return bool(person.has_perms(PERMISSIONS))


def is_full(number: int) -> bool:
    """Whether a guild with this number of waiting requests accepts no more."""
    return number >= joining.MOST_WAITING


def page(request: HttpRequest, guild_id: int) -> HttpResponse:
    """Do what the pressed button says, if any.

    Then go back to the previous page or, if it is unknown, to the guild's tab “How players join”.
    """
    if not may_open(request.user):
        raise PermissionDenied
    guild = own_guild(request, guild_id)
    if request.method == "POST" and (act := _ACTS.get(request.POST.get("act", ""))):
        act(request, guild)
    return HttpResponseRedirect(page_before(request) or guild_url(guild.pk, "joining"))


def block(request: HttpRequest, guild: Guild) -> dict[str, Any]:
    """The context of the block, in a fixed number of queries.

    Args:
        request: the request of a person who may see the guild and `may_open` the page.
        guild: the guild.
    """
    join_link = JoinLink.objects.filter(guild=guild).first()
    public = PublicPage.objects.filter(guild=guild).first()
    events = guild.self_service_events.select_related("member", "user")[:MOST_EVENTS]
    initial = {"approval": "no" if join_link and not join_link.needs_approval else "yes"}
    return {
        "guild": guild,
        "place": place_word(guild.provider),
        "joining_url": reverse("admin:joining", args=[guild.pk]),
        "join_link": join_link,
        "join_address": _join_address(request, join_link),
        "link_form": LinkForm(initial=initial, auto_id="joining_%s"),
        "public_address": public and _full(request, "players:public", public.public_id),
        **_waiting(guild),
        "may_end_opt_outs": may_end_opt_outs(request.user),
        "events": [
            {"event": one, "who": member_link(one.member) if one.member else ""} for one in events
        ],
        "back": request.get_full_path(),
    }


def _join_address(request: HttpRequest, join_link: JoinLink | None) -> str:
    if join_link is None or join_link.has_ended or not join_link.is_readable:
        return ""
    return _full(request, "players:join", join_link.token)


def _full(request: HttpRequest, name: str, key: str) -> str:
    path = reverse(name, args=[key])
    return site_address.link(path) or request.build_absolute_uri(path)


def _waiting(guild: Guild) -> dict[str, Any]:
    """The waiting requests, with facts about the player of each one, and about all together."""
    requests = list(guild.join_requests.select_related("link"))
    ids = [one.player_id for one in requests]
    members = {one.player_id: one for one in guild.members.filter(player_id__in=ids)}
    hashes = {player_hash(guild.provider, player): player for player in ids}
    opted_out = {
        hashes[pk] for pk in OptOut.objects.filter(pk__in=hashes).values_list("pk", flat=True)
    }
    old_before = timezone.now() - join_decisions.OLD_AFTER
    return {
        "waiting": [
            {
                "request": one,
                "member": members.get(one.player_id),
                "opted_out": one.player_id in opted_out
                or (one.player_id in members and members[one.player_id].opted_out),
                "is_repeated": ids.count(one.player_id) > 1,
            }
            for one in requests
        ],
        "last_waiting": max((one.pk for one in requests), default=0),
        "old_waiting": sum(one.asked_at < old_before for one in requests),
        "is_full": is_full(len(requests)),
    }


# --- The buttons ----------------------------------------------------------------------------------
def _make(request: HttpRequest, guild: Guild) -> None:
    form = LinkForm(request.POST)
    if not form.is_valid():
        messages.error(
            request, gettext("The link was not made. Choose who decides, and how long it works.")
        )
        return
    approval = form.cleaned_data["approval"] == "yes"
    had_one = JoinLink.objects.filter(guild=guild).exists()
    joining.make_join_link(guild.pk, needs_approval=approval, ends_at=form.ends_at)
    words = gettext("The join link is ready. Copy it, and post it where your members see it.")
    if had_one:
        words = gettext("There is a new join link. The old one no longer works.")
    log(request, [guild], Sentence.of("did_make_join_link"))
    messages.success(request, words)


def _change(request: HttpRequest, guild: Guild) -> None:
    form = LinkForm(request.POST)
    if not form.is_valid():
        messages.error(
            request, gettext("Nothing was saved. Choose who decides, and how long the link works.")
        )
        return
    approval = form.cleaned_data["approval"] == "yes"
    rows = JoinLink.objects.filter(guild=guild)
    if rows.update(needs_approval=approval, ends_at=form.ends_at):
        log(request, [guild], Sentence.of("did_change_join_link"))
        messages.success(request, gettext("Saved. The link itself is the same as before."))


def _end(request: HttpRequest, guild: Guild) -> None:
    if joining.end_join_link(guild.pk):
        log(request, [guild], Sentence.of("did_end_join_link"))
        messages.success(
            request, gettext("The join link no longer works. Members keep their personal links.")
        )


def _publish(request: HttpRequest, guild: Guild) -> None:
    _row, is_new = PublicPage.objects.get_or_create(guild=guild)
    if is_new:
        log(request, [guild], Sentence.of("did_publish"))
        messages.success(request, gettext("The public page is on. It shows codes, and no names."))


def _unpublish(request: HttpRequest, guild: Guild) -> None:
    if PublicPage.objects.filter(guild=guild).delete()[0]:
        log(request, [guild], Sentence.of("did_unpublish"))
        messages.success(
            request,
            gettext("The public page is off. If you switch it on again, it gets a new address."),
        )


def _approve(request: HttpRequest, guild: Guild) -> None:
    decision = join_decisions.approve(
        guild.pk,
        _chosen(request),
        user_id=_user_id(request),
        may_end_opt_outs=may_end_opt_outs(request.user),
    )
    number = len(decision.approved)
    if number:
        tasks.enqueue_on_commit(tasks.catch_up, [guild.pk])
        log(request, decision.approved, Sentence.of("did_approve_request"))
        words = ngettext(
            "%d request is approved. The codes that still work are redeemed now.",
            "%d requests are approved. The codes that still work are redeemed now.",
            number,
        )
        messages.success(request, words % number)
    if decision.refused:
        words = ngettext(
            "%d other request with the same player ID was refused.",
            "%d other requests with the same player ID were refused.",
            decision.refused,
        )
        messages.info(request, words % decision.refused)
    if decision.opted_out:
        words = gettext(
            "These players asked earlier to be left out, so only an administrator can approve "
            "them: %s."
        )
        messages.warning(request, words % joined(str(one) for one in decision.opted_out))
    if more := len(decision.without_room):
        messages.warning(request, guild.full_words(more=more, room=guild.room()))
    if decision.too_many_added:
        messages.warning(request, guild.too_many_added_words())
    if more := len(decision.too_many_corrected):
        words = ngettext(
            "%d request still waits: it would change the state or kingdom of a former member, and "
            "no more such changes are possible today. Approve it tomorrow.",
            "%d requests still wait: they would change the states or kingdoms of former members, "
            "and no more such changes are possible today. Approve them tomorrow.",
            more,
        )
        messages.warning(request, words % more)
    waiting = [
        *(*decision.opted_out, *decision.without_room),
        *(*decision.too_many_added, *decision.too_many_corrected),
    ]
    if not number and not waiting:
        messages.info(request, _NONE_CHOSEN)


def _refuse(request: HttpRequest, guild: Guild) -> None:
    number = join_decisions.refuse(guild.pk, _chosen(request), user_id=_user_id(request))
    _say_refused(request, guild, number)


def _refuse_all(request: HttpRequest, guild: Guild) -> None:
    _refuse_listed(request, guild, only_old=False)


def _refuse_old(request: HttpRequest, guild: Guild) -> None:
    _refuse_listed(request, guild, only_old=True)


def _refuse_listed(request: HttpRequest, guild: Guild, *, only_old: bool) -> None:
    last = row_id(request.POST.get("last", "")) or 0
    number = join_decisions.refuse_listed(
        guild.pk, last, user_id=_user_id(request), only_old=only_old
    )
    _say_refused(request, guild, number)


def _say_refused(request: HttpRequest, guild: Guild, number: int) -> None:
    if not number:
        messages.info(request, _NONE_CHOSEN)
        return
    log(request, [guild], Sentence.of("did_refuse_requests", number=number))
    words = ngettext(
        "%d request is refused, and what the player entered is deleted.",
        "%d requests are refused, and what the players entered is deleted.",
        number,
    )
    messages.success(request, words % number)


_NONE_CHOSEN = _("No request was chosen, or another officer has decided already.")


def _chosen(request: HttpRequest) -> list[int]:
    """The request whose own button was pressed, or else those whose checkboxes are selected."""
    texts = request.GET.getlist("one") or request.POST.getlist("chosen")
    return [pk for text in texts if (pk := row_id(text))]


def _user_id(request: HttpRequest) -> int:
    assert request.user.pk is not None  # The site requires a login.
    return request.user.pk


_ACTS: dict[str, Callable[[HttpRequest, Guild], None]] = {
    "make": _make,
    "change": _change,
    "end": _end,
    "publish": _publish,
    "unpublish": _unpublish,
    "approve": _approve,
    "refuse": _refuse,
    "refuse_all": _refuse_all,
    "refuse_old": _refuse_old,
}
