"""The action that skips codes for guilds. The code itself stays open for the other guilds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common.action_report import Report
from giftcodes.admin.common.confirmation import confirmation_page, group
from giftcodes.admin.common.html import link
from giftcodes.models import GiftCode, Guild, Redemption, Trigger
from giftcodes.queries import scope
from giftcodes.services.run_actions import ActionKind, skip_code

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from giftcodes.admin.common.base import Page

#: The maximum number of pairs of a guild and a code in one action.
MOST = 200


class GuildsForm(forms.Form):
    """The guilds for which codes are skipped."""

    guilds = forms.ModelMultipleChoiceField(
        Guild.objects.none(),
        label=_("Guilds"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one guild.")},
    )

    def __init__(self, *data: Any, guilds: QuerySet[Guild], **options: Any) -> None:
        """Offer these guilds."""
        super().__init__(*data, **options)
        choice = self.fields["guilds"]
        assert isinstance(choice, forms.ModelMultipleChoiceField)
        choice.queryset = guilds


def skip(request: HttpRequest, page: Page, codes: QuerySet[GiftCode]) -> HttpResponse | None:
    """Ask for the guilds, and skip the codes for them."""
    games = codes.order_by().values("provider")
    guilds = scope.visible(Guild.objects.active().filter(provider__in=games), request.user)
    only = [guild.pk for guild in guilds[:2]]
    form = GuildsForm(
        request.POST if "confirm" in request.POST else None,
        guilds=guilds,
        initial={"guilds": only if len(only) == 1 else []},
    )
    if not form.is_valid():
        return confirmation_page(
            request,
            page,
            "skip_codes",
            title=_("Skip for a guild"),
            intro=_(
                "The code is no longer redeemed for the members of the chosen guilds, and does not "
                "start again automatically. Members keep what they have. Nothing changes for other "
                "guilds. “Redeem now” undoes this."
            )
            if only
            else _("No active guild plays this game, so there is nothing to skip."),
            confirm=_("Skip"),
            groups=[group(_("Codes"), "active", codes)],
            form=form,
            is_asking=bool(only),
            has_something=bool(only),
        )
    report = Report()
    pairs = [
        (guild, code)
        for code in codes[: MOST + 1]
        for guild in form.cleaned_data["guilds"]
        if guild.provider == code.provider
    ]
    if len(pairs) > MOST:
        words = gettext(
            "Choose fewer codes or guilds: at most %d pairs of a code and a guild at once."
        )
        report.refused(words % MOST)
        pairs = []
    for guild, code in pairs:
        _skip(guild, code, request.user.pk, report)
    report.tell(request)
    return None


def _skip(guild: Guild, code: GiftCode, user_id: int | None, report: Report) -> None:
    result = skip_code(guild.pk, code.pk, trigger=Trigger.ADMIN, user_id=user_id)
    if result.kind is not ActionKind.DONE:
        report.nothing(result.message)
        return
    row = Redemption.objects.get(guild=guild, gift_code=code)
    words = gettext("{} To undo this, press “Redeem now” or “Resume” on {}.")
    report.done(format_html(words, result.message, link(row, gettext("the redemption's page"))))
