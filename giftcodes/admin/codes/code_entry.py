"""Adding a code by hand. The rules for officers say whether an officer's code is a proposal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.utils.html import format_html
from django.utils.translation import gettext

from giftcodes import tasks
from giftcodes.admin.codes.code_form import GiftCodeForm, games_of, must_propose
from giftcodes.admin.codes.expected import expected
from giftcodes.admin.common.editing import KeepsHistory
from giftcodes.admin.common.html import list_link, model_url, page_url
from giftcodes.domain.sentences import Sentence
from giftcodes.models import GiftCode, Redemption, Source, Trigger
from giftcodes.models.officer_rules import NewCodes, new_codes
from giftcodes.pipeline.spellings import may_offer, offer_spelling
from giftcodes.queries import scope
from giftcodes.services.code_additions import (
    Adder,
    clear_unchecked,
    rule_words,
    takes_new_code,
)
from giftcodes.services.code_proposals import (
    CODES_OF_OFFICER,
    TooManyProposalsError,
    propose,
)

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class CodeEntry(KeepsHistory):
    """The part of the admin of codes that adds new codes."""

    form = GiftCodeForm

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may add codes. An officer needs at least one active guild."""
        return super().has_add_permission(request) and (
            scope.sees_all(request.user) or bool(games_of(request.user))
        )

    def get_form(
        self, request: HttpRequest, obj: GiftCode | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Tell the form what the person may do, and what happens to a new code."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.may_decide = self.has_code_permission(request)
        if obj is None:
            form.rule = rule_words(Adder(request.user))
            form.officer_id = None if scope.sees_all(request.user) else request.user.pk
            form.must_propose = must_propose(request.user)
        return form

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the form, or add or propose the code."""
        try:
            response: HttpResponse = super().add_view(request, form_url, extra_context)
        except TooManyProposalsError as error:
            # The form has checked the limit, but another request has used the last place since.
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        return response

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer officers only the games that their guilds play."""
        field: Any = super().formfield_for_choice_field(db_field, request, **kwargs)
        if db_field.name == "provider" and not scope.sees_all(request.user):
            own = games_of(request.user)
            field.choices = [one for one in field.choices if not one[0] or one[0] in own]
        return field

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Preselect the game if all guilds of an officer play the same game."""
        initial = super().get_changeform_initial_data(request)
        if not scope.sees_all(request.user):
            own = games_of(request.user)
            initial["provider"] = own.pop() if len(own) == 1 else ""
        return initial

    def save_model(self, request: HttpRequest, obj: GiftCode, form: Any, change: bool) -> None:
        """Save a code. A new code is redeemed after the commit.

        If the code is another spelling of a known code, the spelling is added to that code.
        """
        known = form.respelled if isinstance(form, GiftCodeForm) else None
        if known and not may_offer(known, obj.code, officer_id=form.officer_id):
            self._propose(request, obj, of_known=True)
            return
        if not change and not takes_new_code(Adder(request.user)):
            self._propose(request, obj)
            return
        if known:
            self._offer_spelling(request, obj, known, officer_id=form.officer_id)
            return
        if not change:
            obj.source = Source.ADMIN
            # An officer's form has an end and rewards only if the code would be proposed. If it is
            # added at once after all, no administrator checks these two values: clear them.
            clear_unchecked(obj, Adder(request.user))
        super().save_model(request, obj, form, change)
        if change and "expires_at" in form.changed_data and not obj.is_open:
            words = gettext("Code %s is closed, and stays closed until you press “Reopen code”.")
            self.message_user(request, words % obj, messages.INFO)
        if not change:
            tasks.enqueue_on_commit(tasks.fan_out, obj.pk, Trigger.ADMIN, _named(request))
            self._say_what_follows(request, obj)

    def _propose(self, request: HttpRequest, typed: GiftCode, *, of_known: bool = False) -> None:
        """Keep the code as a proposal. An administrator decides whether it is redeemed.

        Args:
            request: the officer's request.
            typed: the code.
            of_known: whether it is another spelling of a known code that other guilds redeem, too.
        """
        assert request.user.pk is not None  # The site requires a login.
        proposal, is_new = propose(
            provider=typed.provider,
            code=typed.code,
            expires_at=typed.expires_at,
            rewards=typed.rewards,
            user_id=request.user.pk,
        )
        typed.proposal = proposal  # type: ignore[attr-defined]
        if is_new:
            words = gettext(
                "Code {} is proposed. An administrator decides about it. Home shows you the "
                "result. {}"
            )
            if of_known:
                why = gettext(
                    "This code is known with other capitals, and other guilds redeem it, too. So "
                    "an administrator decides about your spelling."
                )
                self.message_user(request, why, messages.INFO)
            elif new_codes() != NewCodes.PROPOSE:
                why = (
                    gettext("You have added %d new codes in 24 hours, so this one is proposed.")
                    % CODES_OF_OFFICER
                )
                self.message_user(request, why, messages.INFO)
            another = format_html(
                '<a href="{}">{}</a>', model_url(GiftCode, "add"), gettext("Propose another code")
            )
            self.message_user(request, format_html(words, typed, another), messages.SUCCESS)
        else:
            words = gettext("You have proposed code %s already. It waits for an administrator.")
            self.message_user(request, words % typed, messages.INFO)

    def _offer_spelling(
        self, request: HttpRequest, typed: GiftCode, known: GiftCode, *, officer_id: int | None
    ) -> None:
        """Let the known code be tried in the typed spelling, without saving a new row.

        The form's instance becomes the known code, whose page is shown next.
        """
        result = offer_spelling(
            known.pk,
            typed.code,
            trigger=Trigger.ADMIN,
            user_id=_named(request),
            officer_id=officer_id,
        )
        if result.is_open_again:
            tasks.enqueue_on_commit(tasks.fan_out, known.pk, Trigger.CATCH_UP)
        self.message_user(
            request, result.message, messages.INFO if result.taken else messages.WARNING
        )
        typed.pk, typed.issue = known.pk, known.issue

    def log_addition(self, request: HttpRequest, obj: GiftCode, message: Any) -> Any:
        """Log a spelling as a change of the known code, and a proposal as an added proposal."""
        if proposal := getattr(obj, "proposal", None):
            return super().log_addition(request, proposal, message)
        if obj._state.adding:
            return self.log_change(request, obj, Sentence.of("did_offer_spelling", code=obj.code))
        return super().log_addition(request, obj, message)

    def response_add(
        self, request: HttpRequest, obj: GiftCode, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Redirect to the proposal, if any, or to the page of the code."""
        if proposal := getattr(obj, "proposal", None):
            return HttpResponseRedirect(page_url(proposal))
        # The page of the code is live: it shows what comes of the code, and the next step.
        if obj._state.adding or not _skips_page(request):
            return HttpResponseRedirect(page_url(obj))
        return super().response_add(request, obj, post_url_continue)

    def _say_what_follows(self, request: HttpRequest, code: GiftCode) -> None:
        """Say what will happen to a new code. No worker has started to redeem it yet."""
        found = expected(code, request.user)
        if found.obstacle:
            words = gettext("Code %(code)s is saved, but cannot be redeemed yet. %(obstacle)s")
            values = {"code": code, "obstacle": found.obstacle}
            self.message_user(request, words % values, messages.WARNING)
        elif not found.members:
            words = gettext(
                "Code %s is saved, but nobody gets it yet: no guild that you see redeems codes of "
                "this game automatically and has active members. Members who have opted out do "
                "not count."
            )
            self.message_user(request, words % code, messages.WARNING)
        elif _skips_page(request):
            words = gettext("Code {} is being redeemed now for {}. {}")
            link = list_link(Redemption, gettext("Follow it"), gift_code__id__exact=code.pk)
            told = format_html(words, code, found.words, link)
            self.message_user(request, told, messages.INFO)
        else:
            # A message stays until the page is left. So it says nothing that soon changes.
            words = gettext("Code %s is saved. This page shows what comes of it.")
            self.message_user(request, words % code, messages.INFO)


def _skips_page(request: HttpRequest) -> bool:
    """Whether the person goes on from the form to another page than that of the code."""
    return bool({"_addanother", "_popup"} & request.POST.keys())


def _named(request: HttpRequest) -> int | None:
    """The user to name in the journals of the guilds, or None if the user is an officer.

    Officers of other guilds must not read an officer's name. Only the code's history has the name,
    and hides it from them.
    """
    return request.user.pk if scope.sees_all(request.user) else None
