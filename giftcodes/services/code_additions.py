"""Add a code by hand: whether it is added at once, proposed, or another spelling of a known code.

The page of codes and the Discord bot follow the same rules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext

from giftcodes.domain.sentences import Sentence
from giftcodes.estimates.formatting import about
from giftcodes.models import GiftCode, Source, Trigger
from giftcodes.models.officer_rules import NewCodes, new_codes
from giftcodes.models.roles import is_limited
from giftcodes.pipeline.spellings import may_offer, offer_spelling
from giftcodes.services.code_entry import find_code
from giftcodes.services.code_proposals import (
    CODES_OF_OFFICER,
    TooManyProposalsError,
    may_add_code,
    propose,
    seconds_until_code,
)

if TYPE_CHECKING:
    from giftcodes.models import Guild


@dataclass(frozen=True, slots=True)
class Adder:
    """Who adds a code.

    Args:
        user: the account. None for a person who is an officer only because of a Discord role.
        guild: the guild of this role. The people with the role count as one officer: together they
            may add as many codes as one. Their codes are tried only in this guild at first. None
            for an account.
    """

    user: Any
    guild: Guild | None = None

    @property
    def is_limited(self) -> bool:
        """Whether the limits for officers hold."""
        return self.user is None or is_limited(self.user)

    @property
    def key(self) -> str:
        """The name under which new codes are counted for the limit of 24 hours."""
        if self.user is None:
            assert self.guild is not None
            return f"role of guild {self.guild.pk}"
        return str(self.user.pk)

    @property
    def officer_id(self) -> int | None:
        """The id of a limited officer's account. None without an account, or if no limits hold."""
        return self.user.pk if self.user and self.is_limited else None


def must_propose(adder: Adder) -> bool:
    """Whether an administrator must approve the next new code."""
    if not adder.is_limited:
        return False
    return new_codes() == NewCodes.PROPOSE or seconds_until_code(adder.key) > 0


def takes_new_code(adder: Adder) -> bool:
    """Count a new code. Returns whether it is added at once, and not only proposed."""
    if not adder.is_limited:
        return True
    return new_codes() == NewCodes.ADD and may_add_code(adder.key)


def rule_words(adder: Adder) -> str:
    """What happens to the next new code, in words. Empty if there is no limit."""
    if not adder.is_limited:
        return ""
    if new_codes() == NewCodes.PROPOSE:
        return gettext("An administrator decides whether the code is redeemed.")
    if seconds := seconds_until_code(adder.key):
        words = gettext(
            "You have added %(most)d new codes in 24 hours, so an administrator decides whether "
            "this one is redeemed. You can add codes yourself again in %(time)s."
        )
        return words % {"most": CODES_OF_OFFICER, "time": about(seconds)}
    words = gettext(
        "You can add %d new codes in 24 hours. An administrator decides about further ones."
    )
    return words % CODES_OF_OFFICER


def role_words() -> str:
    """Why an officer without an account cannot propose a code, and what to do."""
    words = gettext(
        "Your Discord role does not let you add this code now. All people with this role, taken "
        "together, can add %d new codes in 24 hours, and only if the rules for officers allow it. "
        "If you have an account, link it with /iam, and propose the code. Otherwise ask an "
        "administrator."
    )
    return words % CODES_OF_OFFICER


# --- Without a form -------------------------------------------------------------------------------
class AddKind(Enum):
    """What came of a code."""

    #: It is new. The caller starts runs.
    ADDED = auto()
    #: It is another spelling of a known code, which is tried now.
    RESPELLED = auto()
    #: It is known, and nothing was changed.
    KNOWN = auto()
    #: An administrator decides. There is nothing to redeem yet.
    PROPOSED = auto()


@dataclass(frozen=True, slots=True)
class Addition:
    """What came of a code.

    Args:
        kind: see `AddKind`.
        words: a sentence for the person.
        code: the code. None if it is only proposed.
        is_open_again: whether the code was closed and is open now.
    """

    kind: AddKind
    words: str
    code: GiftCode | None = None
    is_open_again: bool = False


class AdditionRefused(Exception):  # noqa: N818 - an expected result, not a fault
    """The code was neither added nor proposed. The text says why and what to do."""


def is_new(provider: str, typed: str, adder: Adder) -> bool:
    """Whether `add` would add or propose a code, or try another spelling. Nothing is changed."""
    known = find_code(provider, typed)
    return known is None or _takes_spelling(known, typed, adder)


def _takes_spelling(known: GiftCode, spelling: str, adder: Adder) -> bool:
    # The spelling may have to be proposed, and only a person with an account can propose one.
    return adder.user is not None and known.can_take(
        spelling, is_person=True, is_limited=adder.is_limited
    )


def add(
    typed: GiftCode, adder: Adder, *, by: str = "", trigger: Trigger = Trigger.DISCORD
) -> Addition:
    """Add a code, propose it, or let another spelling of a known code be tried.

    Args:
        typed: the code as `code_entry.new_code` makes it, with its end and its rewards.
        adder: who adds it.
        by: who adds it, if that is a person without an account.
        trigger: where the request came from.

    Raises:
        AdditionRefused: nothing was changed.
    """
    if typed.expires_at is not None and typed.expires_at <= timezone.now():
        raise AdditionRefused(
            gettext("This time is in the past. Choose a later one, or leave it empty.")
        )
    if known := find_code(typed.provider, typed.code):
        return _of_known(known, typed, adder, trigger)
    if not takes_new_code(adder):
        return _propose(typed, adder, gettext("Code %s is proposed. An administrator decides."))
    was_cleared = clear_unchecked(typed, adder)
    saved = _save(typed, adder, by)
    if not was_cleared:
        return saved
    note = gettext(
        "Its end and its rewards were not saved: they would hold for all guilds, so only an "
        "administrator can set them."
    )
    return replace(saved, words=f"{saved.words} {note}")


def clear_unchecked(typed: GiftCode, adder: Adder) -> bool:
    """Clear what an officer may enter only in a proposal, which an administrator checks.

    A wrong end would close the code for all guilds. The rewards are shown to the players of all
    guilds, on public pages, and in the channels of all guilds.

    Args:
        typed: a new code, which is about to be added.
        adder: who adds it.

    Returns:
        Whether anything was cleared.
    """
    if not adder.is_limited or not (typed.expires_at or typed.rewards):
        return False
    typed.expires_at, typed.rewards = None, ""
    return True


def _of_known(known: GiftCode, typed: GiftCode, adder: Adder, trigger: Trigger) -> Addition:
    if known.code == typed.code or not _takes_spelling(known, typed.code, adder):
        words = gettext("Code %s is known already.") % known
        if known.code != typed.code:
            words = gettext("This code is known as %s; that spelling is used.") % known.code
        return Addition(AddKind.KNOWN, words, known)
    if not may_offer(known, typed.code, officer_id=adder.officer_id):
        words = gettext(
            "Code %s is proposed. It is known with other capitals, and other guilds redeem it, "
            "too. So an administrator decides about your spelling."
        )
        return _propose(typed, adder, words)
    if not takes_new_code(adder):
        return _propose(typed, adder, gettext("Code %s is proposed. An administrator decides."))
    result = offer_spelling(
        known.pk,
        typed.code,
        trigger=trigger,
        # Officers of other guilds must not read an officer's name.
        user_id=None if adder.is_limited else adder.user.pk,
        officer_id=adder.officer_id,
    )
    known.refresh_from_db()
    kind = AddKind.RESPELLED if result.taken else AddKind.KNOWN
    return Addition(kind, result.message, known, result.is_open_again)


def _propose(typed: GiftCode, adder: Adder, words: str) -> Addition:
    if adder.user is None:
        raise AdditionRefused(role_words())
    assert adder.user.pk is not None
    try:
        _proposal, is_fresh = propose(
            provider=typed.provider,
            code=typed.code,
            expires_at=typed.expires_at,
            rewards=typed.rewards,
            user_id=adder.user.pk,
        )
    except TooManyProposalsError as error:
        raise AdditionRefused(str(error)) from None
    if not is_fresh:
        words = gettext("You have proposed code %s already. It waits for an administrator.")
    return Addition(AddKind.PROPOSED, words % typed.code)


def _save(typed: GiftCode, adder: Adder, by: str) -> Addition:
    typed.source, typed.trial_guild = Source.ADMIN, adder.guild
    # The history says who added the code. By it, `trials` finds the guilds in which an officer's
    # code is tried first.
    typed._history_user = adder.user  # type: ignore[attr-defined]
    # The history is read by officers of other guilds, too, so it has no name of a person without an
    # account. The journal of the guild's run has it.
    typed._change_reason = Sentence.of("did_add_in_discord") if by else None  # type: ignore[attr-defined]
    try:
        with transaction.atomic():
            typed.save()
    except IntegrityError:
        # The feed, or another person, has just stored the same code.
        known = find_code(typed.provider, typed.code)
        assert known is not None
        return Addition(AddKind.KNOWN, gettext("Code %s is known already.") % known, known)
    return Addition(AddKind.ADDED, gettext("Code %s is added.") % typed, typed)
