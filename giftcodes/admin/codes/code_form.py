"""The form that adds a code. If the code is known already, the form says what to do instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common.html import link
from giftcodes.models import CodeState, GiftCode, Guild
from giftcodes.pipeline.spellings import may_offer
from giftcodes.queries import scope
from giftcodes.services import code_additions
from giftcodes.services.code_additions import Adder
from giftcodes.services.code_proposals import TooManyProposalsError, check_room

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

#: What to do about a code that is known already, by its state. The first {} is a link to the code,
#: and the second, if there is one, is the reason for its state.
KNOWN = {
    CodeState.ACTIVE: _(
        "This code is known already and active: {}. Use “Redeem now” to redeem it again."
    ),
    CodeState.PROBING: _(
        "This code is known already: {}. It was closed, and is now being tried once more for one "
        "member."
    ),
    CodeState.CLOSED: _(
        "This code is known already and closed: {}. {} Use “Reopen code” if it works again."
    ),
    CodeState.DELETED: _("This code was deleted: {}. {} Open its page and press “Bring back”."),
}


#: The same texts for people who may not close and reopen codes.
KNOWN_TO_OFFICERS = {
    CodeState.ACTIVE: _(
        "This code is known already and active: {}. Open its page, and press “Redeem now …” to "
        "redeem it for your guild."
    ),
    CodeState.PROBING: KNOWN[CodeState.PROBING],
    CodeState.CLOSED: _(
        "This code is known already and closed: {}. {} If it works again, ask an administrator to "
        "reopen it."
    ),
    CodeState.DELETED: _(
        "This code was deleted: {}. {} If it works after all, ask an administrator to bring it "
        "back."
    ),
}


def games_of(person: scope.Person) -> set[str]:
    """The games that the guilds of a person play."""
    guilds = scope.visible(Guild.objects.active(), person)
    return set(guilds.order_by().values_list("provider", flat=True))


def must_propose(person: scope.Person) -> bool:
    """Whether an administrator must approve the next code that a person enters."""
    return code_additions.must_propose(Adder(person))


class GiftCodeForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new code of a game. Another spelling of a known code is added to that code."""

    #: The known code to which this spelling is added.
    respelled: GiftCode | None = None
    #: Whether the person may close and reopen codes.
    may_decide = True
    #: The id of the officer who enters the code. None for a person who has no limits.
    officer_id: int | None = None
    #: Whether an administrator decides about the code.
    must_propose = False
    #: What happens to the code, in words.
    rule = ""

    class Meta:
        model = GiftCode
        fields = ["provider", "code", "published_on", "expires_at", "rewards"]
        help_texts = {
            "code": _("As it was published: letters and digits, with the right capitals."),
            "published_on": _("Leave it empty if you do not know."),
            "expires_at": _(
                "Codes that end sooner are redeemed sooner, and a code is closed when it ends. "
                "Leave it empty if you do not know: the game says when a code has expired."
            ),
        }

    def __init__(self, *data: Any, **options: Any) -> None:
        """Say in the help text of the code what happens to it."""
        super().__init__(*data, **options)
        if self.rule and self.instance.pk is None and "code" in self.fields:
            field = self.fields["code"]
            field.help_text = f"{field.help_text} {self.rule}".strip()

    def clean(self) -> dict[str, Any] | None:
        """Refuse a code that is known already, and say what to do."""
        cleaned: dict[str, Any] | None = super().clean()
        end = self.cleaned_data.get("expires_at")
        if self.instance.pk is None and end and end <= timezone.now():
            raise ValidationError(
                {
                    "expires_at": _(
                        "This time is in the past. Choose a later one, or leave it empty."
                    )
                }
            )
        provider, code = self.cleaned_data.get("provider"), self.cleaned_data.get("code")
        if self.instance.pk is None and provider and code:
            folded = code.casefold()
            if known := GiftCode.objects.latest_issues(provider, [folded]).get(folded):
                is_officer = self.officer_id is not None
                if not known.can_take(code, is_person=True, is_limited=is_officer):
                    raise ValidationError({"code": explain(known, self.may_decide)}, code="unique")
                self.respelled = known
                if not may_offer(known, code, officer_id=self.officer_id):
                    self.must_propose = True
            if self.must_propose and self.officer_id is not None:
                self._check_room(provider, code, self.officer_id)
        return cleaned

    def _check_room(self, provider: str, code: str, user_id: int) -> None:
        try:
            check_room(provider=provider, code=code, user_id=user_id)
        except TooManyProposalsError as error:
            raise ValidationError({"code": str(error)}, code="too_many_proposals") from error


def explain(known: GiftCode, may_decide: bool) -> SafeString:
    """Why a known code cannot be added again, and what to do."""
    words = KNOWN if may_decide else KNOWN_TO_OFFICERS
    return format_html(str(words[CodeState(known.state)]), link(known), known.reason)
