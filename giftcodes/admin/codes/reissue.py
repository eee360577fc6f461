"""The action that issues closed codes once more, after a preview."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Count, Q
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from giftcodes import tasks
from giftcodes.admin.common.action_report import Report
from giftcodes.admin.common.back import LeadsOn
from giftcodes.admin.common.confirmation import SHOWN, confirmation_page, group
from giftcodes.admin.common.html import page_url
from giftcodes.domain.sentences import Sentence
from giftcodes.models import GiftCode, Guild, Trigger
from giftcodes.models.fields import without_notes
from giftcodes.services.codes import reissue, reissue_obstacle

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from giftcodes.admin.common.base import Page


def reissue_codes(
    request: HttpRequest, page: Page, codes: QuerySet[GiftCode]
) -> HttpResponse | None:
    """Do the next step: say what a new issue of the codes means, or make it.

    After a new issue of one code, this leads to the page of the new issue.
    """
    if SHOWN not in request.POST:
        return _preview(request, page, codes)
    report = Report()
    made = []
    for code in codes:
        result = reissue(code.pk, trigger=Trigger.ADMIN, user_id=request.user.pk)
        if result.gift_code_id is None:
            report.refused(result.message)
            continue
        made.append(result.gift_code_id)
        tasks.enqueue_on_commit(tasks.fan_out, result.gift_code_id, Trigger.ADMIN, request.user.pk)
        page.log_change(request, code, Sentence.of("did_reissue"))
        report.done(result.message)
    report.tell(request)
    return LeadsOn(page_url(GiftCode(pk=made[0]))) if len(made) == 1 else None


def _preview(request: HttpRequest, page: Page, codes: QuerySet[GiftCode]) -> HttpResponse:
    able, refused = [], []
    for code in codes:
        obstacle = reissue_obstacle(code)
        if obstacle:
            refused.append(obstacle)
        else:
            able.append(code)
    guilds = _guilds({code.provider for code in able})
    requests = sum(
        guild.asked  # type: ignore[attr-defined]
        for code in able
        for guild in guilds
        if guild.provider == code.provider
    )
    intro = gettext("Nothing has been changed yet.")
    if able:
        intro += " " + gettext(
            "A new issue is a code of its own: the game is asked again for every member of the "
            "guilds below, even for members who have the old issue. The old issue keeps its "
            "history and stays closed."
        )
        words = ngettext(
            "That is up to %d request to the game.",
            "That is up to %d requests to the game.",
            requests,
        )
        intro += " " + words % requests
    return confirmation_page(
        request,
        page,
        "reissue_codes",
        title=_("Reissue: what it will do"),
        intro=intro,
        confirm=_("Reissue"),
        groups=[
            group(_("Would be issued again"), "active", able),
            group(_("Guilds"), "pending", map(_guild_words, guilds)),
            group(_("Would stay as they are"), "failed", refused),
        ],
        has_something=bool(able),
    )


def _guilds(games: set[str]) -> list[Guild]:
    """The guilds that redeem new codes of these games, each with its number of members."""
    is_asked = Q(members__active=True, members__opted_out=False)
    guilds = Guild.objects.active().filter(provider__in=games, automatic=True)
    asked = guilds.annotate(asked=Count("members", filter=is_asked))
    return list(without_notes(asked).order_by("-priority", "pk"))


def _guild_words(guild: Guild) -> str:
    number: int = guild.asked  # type: ignore[attr-defined]
    words = ngettext("%(guild)s: %(number)d member", "%(guild)s: %(number)d members", number)
    return words % {"guild": guild, "number": number}
