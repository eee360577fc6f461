"""`/redeem`, `/code add` and “Redeem this code”: a code that may be new, and what to do with it."""

from __future__ import annotations

import datetime as dt

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcodes import tasks
from giftcodes.discord_bot.answers import (
    MOST_CHOICE,
    MOST_CHOICES,
    Answer,
    Button,
    Menu,
    Refused,
    Style,
    in_lines,
    shortened,
)
from giftcodes.discord_bot.choosing import Choices
from giftcodes.discord_bot.names import safe, safe_words
from giftcodes.discord_bot.officers import officer_of
from giftcodes.discord_bot.presses import press
from giftcodes.discord_bot.redeeming import preview_lines, preview_of, start
from giftcodes.domain.codes_in_text import codes_in, words_in
from giftcodes.domain.sentences import Sentence
from giftcodes.domain.text import clean_token
from giftcodes.estimates.cost_preview import preview_of_new
from giftcodes.estimates.dry_run import plan
from giftcodes.models import CodeState, GiftCode, Trigger
from giftcodes.models.start_rules import guild_obstacle
from giftcodes.queries.discord import known_codes
from giftcodes.services import code_additions
from giftcodes.services.code_additions import Adder, Addition, AdditionRefused, AddKind
from giftcodes.services.code_entry import find_code, new_code
from giftcodes.services.discord_links import Asker
from giftcodes.services.discord_officers import ADD_CODE, REDEEM, Officer, as_officer, officers_of

#: The ends that are offered: this many days from now.
_ENDS = (1, 2, 3, 7, 14, 30)


def adder_of(officer: Officer) -> Adder:
    """The officer as a person who adds codes."""
    return Adder(officer.user, None if officer.user else officer.guild)


# --- /redeem --------------------------------------------------------------------------------------
def redeem(asker: Asker, typed: str, chosen: str) -> Answer:
    """Say what redeeming a code will do, with a button. A new code is added by this button."""
    return offer(officer_of(asker, chosen, REDEEM), typed)


def offer(officer: Officer, typed: str) -> Answer:
    """Offer to redeem a code, which may be new, or closed because of its spelling."""
    entered = _new(officer, typed)
    known = find_code(officer.guild.provider, entered.code)
    # If an active code is typed with other capitals, that is probably a typing error. `/code add`
    # lets the other spelling be tried.
    is_active = known is not None and known.state == CodeState.ACTIVE
    adds = not is_active and as_officer(officer.asker, officer.guild, ADD_CODE) is not None
    if adds and code_additions.is_new(officer.guild.provider, entered.code, adder_of(officer)):
        return _offer_new(officer, entered)
    if known is None:
        raise Refused(
            _(
                "Code %s is not known, and you may not add codes. Check the spelling, or ask an "
                "administrator to add it."
            )
            % entered.code
        )
    said = ""
    if known.code != entered.code:
        said = _("This code is known as %s; that spelling is used.") % known.code
    return preview_of(officer, known, said=said)


def _new(officer: Officer, typed: str) -> GiftCode:
    """The code as it would be added.

    Raises:
        Refused: the text cannot be a code.
    """
    try:
        return new_code(officer.guild.provider, typed)
    except ValidationError as error:
        raise Refused(" ".join(error.messages)) from None


def _offer_new(officer: Officer, entered: GiftCode) -> Answer:
    """What adding and redeeming a code would do. Nothing is changed."""
    guild = officer.guild
    if obstacle := guild_obstacle(guild):
        raise Refused(safe_words(obstacle.words))
    known = find_code(guild.provider, entered.code)
    planned = plan(guild_id=guild.pk, gift_code_id=None, names_guilds=False)
    number = sum(one.is_asked for one in planned)
    cost = preview_of_new(guild, requests=number)
    if known is None:
        first = _("Code **%s** is new here.") % entered.code
    else:
        first = _("Code **%(code)s** is known as **%(known)s**, with other capitals.") % {
            "code": entered.code,
            "known": known.code,
        }
    adder = adder_of(officer)
    if (proposes := code_additions.must_propose(adder)) and adder.user is None:
        raise Refused(safe_words(code_additions.role_words()))
    lines = [
        first,
        *preview_lines(officer, 0, cost),
        code_additions.rule_words(adder),
    ]
    label = _("Propose the code") if proposes else _("Add and redeem now")
    title = _("Code %(code)s for %(guild)s") % {"code": entered.code, "guild": safe(guild.name)}
    button = Button(label, "add code", (guild.pk, entered.code), Style.FIRST)
    return Answer(in_lines(list(filter(None, lines))), title, (button,))


@press("add code", values=2)
def add_and_redeem(asker: Asker, guild_id: str, typed: str) -> Answer:
    """Add a code, and redeem it for the guild. If it became known meanwhile, it is redeemed."""
    officer = officer_of(asker, guild_id, REDEEM, ADD_CODE)
    added = _add(officer, _new(officer, typed))
    if added.code is None:
        return Answer(safe_words(added.words))
    # The code is not fanned out, because fan-out would also start the run of this guild, which
    # `start` is to do. Catch-up starts the runs of the other guilds within a minute.
    return start(officer, added.code, said=added.words)


def _add(officer: Officer, entered: GiftCode) -> Addition:
    try:
        added = code_additions.add(entered, adder_of(officer), by=officer.by)
    except AdditionRefused as refusal:
        raise Refused(safe_words(refusal)) from None
    if added.code is not None and added.kind is not AddKind.KNOWN:
        officer.log([added.code], Sentence.of("did_spell_in_discord"))
    return added


# --- /code add ------------------------------------------------------------------------------------
def add(asker: Asker, typed: str, expires: str, rewards: str, chosen: str) -> Answer:
    """Add a code as the page does: it is redeemed for all guilds that redeem automatically."""
    officer = officer_of(asker, chosen, ADD_CODE)
    entered = _new(officer, typed)
    entered.expires_at, entered.rewards = _end(expires), rewards.strip()
    try:
        entered.full_clean(exclude=["folded"], validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        raise Refused(" ".join(error.messages)) from None
    added = _add(officer, entered)
    code = added.code
    if code is None:
        return Answer(safe_words(added.words))
    # The journals of other guilds must not name an officer.
    by = None if officer.is_limited else officer.user_id
    if added.kind is AddKind.ADDED:
        # If the officer has an account, the journals show the run like one that was started on the
        # pages. They show the officer's name only to those who may read it.
        trigger = Trigger.ADMIN if officer.user else Trigger.DISCORD
        tasks.enqueue_on_commit(tasks.fan_out, code.pk, trigger, by)
    elif added.is_open_again:
        tasks.enqueue_on_commit(tasks.fan_out, code.pk, Trigger.CATCH_UP)
    if added.kind is AddKind.ADDED and officer.guild.automatic:
        words = _("It is redeemed now. `/status` shows how far it is.")
        return Answer(f"{safe_words(added.words)} {words}")
    if as_officer(asker, officer.guild, REDEEM) is None:
        return Answer(safe_words(added.words))
    return preview_of(officer, code, said=added.words)


def _end(text: str) -> dt.datetime | None:
    """The time that a person entered, in the time zone of the site.

    Raises:
        Refused: it is not a date and time.
    """
    if not text.strip():
        return None
    try:
        end: dt.datetime | None = forms.DateTimeField().clean(text.strip())
    except ValidationError:
        raise Refused(
            _(
                "“%s” is not a date and time. Enter it as 2026-12-31 23:59, or choose one that is "
                "offered."
            )
            % safe(text)
        ) from None
    return end


def end_choices(_asker: Asker, text: str) -> Choices:
    """The ends that are offered, as words and time: those whose words contain the typed text."""
    now = timezone.localtime().replace(second=0, microsecond=0)
    found: Choices = []
    for days in _ENDS:
        at = (now + dt.timedelta(days=days)).strftime("%Y-%m-%d %H:%M")
        words = ngettext("in %(days)d day: %(at)s", "in %(days)d days: %(at)s", days)
        found.append((words % {"days": days, "at": at}, at))
    typed = text.strip().casefold()
    return [one for one in found if typed in one[0].casefold()]


# --- “Redeem this code” ---------------------------------------------------------------------------
def read_codes(asker: Asker, text: str) -> Answer:
    """Offer the codes in a message, for each guild here of which the person is an officer.

    Args:
        asker: the person.
        text: the text of the message, with its embeds.
    """
    officers = officers_of(asker, REDEEM)
    if not officers:
        officer_of(asker, "", REDEEM)  # This raises `Refused`, which says why.
    words = words_in(text)
    found: list[tuple[Officer, str]] = []
    for officer in officers:
        known = known_codes(officer.guild.provider, words)
        found += [(officer, code) for code in codes_in(text, known=known, most=MOST_CHOICES)]
    if not found:
        raise Refused(
            _(
                "Nothing in this message looks like a gift code. Use `/redeem`, and enter the code "
                "yourself."
            )
        )
    if len(found) == 1:
        return offer(*found[0])
    several = len(officers) > 1
    choices = tuple(
        (
            shortened(f"{code} · {officer.guild.name}" if several else code, MOST_CHOICE),
            f"{officer.guild.pk}:{code}",
        )
        for officer, code in found[:MOST_CHOICES]
    )
    return Answer(_("Which code?"), parts=(Menu(_("Choose a code"), "use code", choices),))


@press("use code", values=1)
def use_code(asker: Asker, chosen: str) -> Answer:
    """Offer to redeem the code that a person chose from a message."""
    guild_id, _colon, typed = chosen.partition(":")
    return offer(officer_of(asker, guild_id, REDEEM), clean_token(typed))
