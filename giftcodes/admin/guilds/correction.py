"""The correction of the state or kingdom of a guild, and what follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcodes import tasks
from giftcodes.admin.common import corrected, not_saved
from giftcodes.admin.common.confirmation import log
from giftcodes.admin.members.bulk_actions import RealmForm
from giftcodes.correction_words import asked_again_words
from giftcodes.domain.lists import joined
from giftcodes.domain.sentences import Sentence
from giftcodes.models import Guild
from giftcodes.models.game_words import place_noun, place_word
from giftcodes.queries.player_codes import own_places
from giftcodes.services import corrections as services

if TYPE_CHECKING:
    from django.http import HttpRequest


def correct_guild(request: HttpRequest, guild: Guild) -> None:
    """Set the state or kingdom of a guild to the number in the form, and say what follows."""
    form = RealmForm({"realm": request.POST.get("offered") or request.POST.get("realm", "")})
    number = form.cleaned_data["realm"] if form.is_valid() else None
    place = place_word(guild.provider)
    if number is None:
        words = _("Nothing was changed. Enter the number of the %(place)s: digits, such as 1042.")
        words %= {"place": place_noun(guild.provider)}
        messages.error(request, words)
        error = " ".join(map(str, form["realm"].errors)) or _("Enter a number.")
        not_saved.keep(request, guild, str(form.data["realm"]), error)
    elif number == guild.realm:
        words = _("Nothing was changed: %(guild)s is in %(place)s %(number)s already.")
        messages.info(request, words % {"guild": guild, "place": place, "number": number})
    else:
        try:
            services.correct_guild(guild, number, person=request.user)
        except services.TooManyCorrectionsError as error:
            messages.error(request, str(error))
            return
        log(request, [guild], Sentence.of("did_set_realm"))
        words = _("%(guild)s is in %(place)s %(number)s now.")
        messages.success(request, words % {"guild": guild, "place": place, "number": number})
        tell_asked_again(request, guild)
        corrected.keep(request, guild)
        tasks.enqueue_on_commit(tasks.catch_up, [guild.pk])


def tell_asked_again(request: HttpRequest, guild: Guild) -> None:
    """Say how many codes are asked for again after a change of a guild's realm.

    Call this after the change is stored, and before the catch-up runs.
    """
    words = asked_again_words(guild.members.filter(realm__isnull=True).only("pk"))
    messages.success(request, words or _("No code waited for this correction."))


def own_places_words(guild: Guild) -> str:
    """The realms of the members who have their own, such as `Some …: 1043 (38 members).`

    They help to find the guild's right realm. The text is empty if there is no such member.
    """
    parts = [
        ngettext("%(place)d (%(number)d member)", "%(place)d (%(number)d members)", number)
        % {"place": place, "number": number}
        for place, number in own_places(guild.pk)
    ]
    words = _("Some members have their own state or kingdom: %s.")
    return words % joined(parts) if parts else ""
