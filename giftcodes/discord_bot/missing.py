"""`/missing`: which members need a correction, page by page, and the correction itself."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcodes import tasks
from giftcodes.correction_words import asked_again_words
from giftcodes.discord_bot.answers import (
    Answer,
    Button,
    Field,
    Form,
    Refused,
    Style,
    in_lines,
    shortened,
)
from giftcodes.discord_bot.names import safe, safe_words
from giftcodes.discord_bot.officers import officer_of
from giftcodes.discord_bot.paging import page_buttons, page_number
from giftcodes.discord_bot.presses import press
from giftcodes.domain.numbers import row_id
from giftcodes.domain.sentences import Sentence
from giftcodes.domain.validators import validate_realm
from giftcodes.models import Guild, Member
from giftcodes.models.game_words import place_noun, place_word
from giftcodes.need_words import guild_advice, need_words
from giftcodes.notifications.causes import UNCORRECTED_FOR
from giftcodes.player_forms import RealmForm
from giftcodes.queries.guild_board import daily, unclear
from giftcodes.queries.needs import GuildToCorrect, MemberToCorrect, guilds_to_correct
from giftcodes.queries.player_codes import place_of
from giftcodes.services import corrections
from giftcodes.services.discord_links import Asker
from giftcodes.services.discord_officers import (
    CHANGE_GUILD,
    CORRECT,
    SEE_MEMBERS,
    Officer,
    as_officer,
)

#: Members of one page. Each has up to four buttons, and Discord shows at most 25.
SIZE = 5
_MOST_OFFERS = 3
_MOST_PAGES = 1_000
#: The maximum number of characters of a name on a button.
_MOST_NAME = 30


def missing(asker: Asker, chosen: str) -> Answer:
    """Show who needs what in a guild."""
    return _page(officer_of(asker, chosen, SEE_MEMBERS), 1)


@press("missing", values=2)
def show_missing(asker: Asker, guild_id: str, page: str) -> Answer:
    """Show a page of the members who need a correction."""
    return _page(officer_of(asker, guild_id, SEE_MEMBERS), page_number(page))


def _page(officer: Officer, number: int, *, said: str = "") -> Answer:
    guild, number = officer.guild, min(number, _MOST_PAGES)
    # The members of earlier pages are read, too. The list is short: if many members are unknown,
    # the realm of the guild is wrong, and no list is shown.
    found, _left_out = guilds_to_correct(
        Member.objects.filter(guild=guild),
        most=1,
        most_members=number * SIZE,
        long_before=timezone.now() - UNCORRECTED_FOR,
    )
    lines = [safe_words(said), ""] if said else []
    parts: list[Button] = []
    one = found[0] if found else None
    if one is None:
        lines.append(_("No member of **%s** needs a correction.") % safe(guild.name))
    else:
        words = ngettext(
            "The game does not know **%(number)d** of %(members)d member.",
            "The game does not know **%(number)d** of %(members)d members.",
            one.members,
        )
        lines.append(words % {"number": one.number, "members": one.members})
    if one is not None and one.is_whole:
        lines.append(guild_advice(one))
        parts += _guild_buttons(officer, one)
        parts.append(Button(_("Show the members"), "members", (guild.pk, 1, "")))
    elif one is not None:
        pages = max(1, -(-one.number // SIZE))
        number = min(number, pages)
        shown = one.first[(number - 1) * SIZE : number * SIZE]
        lines += [_of_member(row) for row in shown]
        if as_officer(officer.asker, guild, CORRECT):
            parts += [button for row in shown for button in _member_buttons(row)]
        parts += page_buttons("missing", guild.pk, number, pages)
    lines += _others(officer)
    return Answer(in_lines(lines), _("Who needs you: %s") % safe(guild.name), tuple(parts))


def _others(officer: Officer) -> list[str]:
    """Members who need something else than a correction, in numbers."""
    found = [words] if (words := unclear_words(officer.guild)) else []
    if number := daily(officer.guild)["number"]:
        words = ngettext(
            "%d member is not eligible for a code now, and is tried again every day.",
            "%d members are not eligible for a code now, and are tried again every day.",
            number,
        )
        found.append(words % number)
    return ["", *found] if found else []


def unclear_words(guild: Guild) -> str:
    """How many members got no clear answer of the game, and what helps. Empty if none did."""
    number = unclear(guild)
    words = ngettext(
        "The game gave no clear answer for %d member. `/redeem` with the code asks again.",
        "The game gave no clear answer for %d members. `/redeem` with the code asks again.",
        number,
    )
    return words % number if number else ""


def _of_member(row: MemberToCorrect) -> str:
    return f"- **{safe(row.member)}**: {need_words(row)}"


def _member_buttons(row: MemberToCorrect) -> list[Button]:
    """A button that asks for the right number, and one for each number that is likely."""
    member = row.member
    place = place_noun(member.guild.provider)
    name = shortened(member.nickname or member.player_id, _MOST_NAME)
    values = (member.guild_id, member.pk, place_of(member), place)
    found = [Button(_("Correct %s") % name, "mend", values, Style.FIRST)]
    for number, _mates in row.offers[:_MOST_OFFERS]:
        found.append(Button(f"{name}: {number}", "set place", (member.guild_id, member.pk, number)))
    return found


def _guild_buttons(officer: Officer, one: GuildToCorrect) -> list[Button]:
    guild = officer.guild
    if as_officer(officer.asker, guild, CHANGE_GUILD) is None:
        return []
    place = place_noun(guild.provider)
    label = _("Correct the %s of the guild") % place
    found = [Button(label, "mend guild", (guild.pk, guild.realm, place), Style.FIRST)]
    for number, _members in one.offers[:_MOST_OFFERS]:
        words = f"{place_word(guild.provider)} {number}"
        found.append(Button(words, "set guild place", (guild.pk, number)))
    return found


# --- The correction -------------------------------------------------------------------------------
def _member_form(_guild: str, _member: str, number: str, place: str) -> Form:
    return _form(number, place)


def _guild_form(_guild: str, number: str, place: str) -> Form:
    return _form(number, place)


def _form(number: str, place: str) -> Form:
    label = _("The number of the %s") % place
    return Form(_("Correct the %s") % place, (Field(label, number, most=20),))


@press("mend", values=4, form=_member_form)
def mend(
    asker: Asker, guild_id: str, member_id: str, _number: str, place: str, entered: str
) -> Answer:
    """Save the state or kingdom that was entered for a member."""
    return _set(asker, guild_id, member_id, _entered(entered, place))


@press("set place", values=3)
def set_place(asker: Asker, guild_id: str, member_id: str, number: str) -> Answer:
    """Save a state or kingdom that was offered for a member."""
    return _set(asker, guild_id, member_id, _offered(number))


def _set(asker: Asker, guild_id: str, member_id: str, number: int) -> Answer:
    officer = officer_of(asker, guild_id, SEE_MEMBERS, CORRECT)
    guild = officer.guild
    result = corrections.correct_member_of(
        guild,
        row_id(member_id) or 0,
        number,
        person=officer.person,
        default_user=officer.user,
        default_change_reason=officer.by,
    )
    officer.log(result.changed, Sentence.of("did_set_realm"))
    if result.refused:
        return _page(officer, 1, said=" ".join(result.refused))
    names = {"place": place_word(guild.provider), "number": number}
    if result.changed:
        words = _("%(member)s is in %(place)s %(number)s now.")
        words %= {**names, "member": result.changed[0]}
        again = asked_again_words(result.changed) or _("No code waited for this correction.")
        tasks.enqueue_on_commit(tasks.catch_up, [guild.pk])
        return _page(officer, 1, said=f"{words} {again}")
    if not result.same:
        raise Refused(_("This guild has no such member any more."))
    words = _("%(member)s was in %(place)s %(number)s already. Nothing was changed.")
    return _page(officer, 1, said=words % {**names, "member": result.same[0]})


@press("mend guild", values=3, form=_guild_form)
def mend_guild(asker: Asker, guild_id: str, _number: str, place: str, entered: str) -> Answer:
    """Save the state or kingdom that was entered for the guild."""
    return _set_guild(asker, guild_id, _entered(entered, place))


@press("set guild place", values=2)
def set_guild_place(asker: Asker, guild_id: str, number: str) -> Answer:
    """Save a state or kingdom that was offered for the guild."""
    return _set_guild(asker, guild_id, _offered(number))


def _set_guild(asker: Asker, guild_id: str, number: int) -> Answer:
    officer = officer_of(asker, guild_id, SEE_MEMBERS, CHANGE_GUILD)
    guild = officer.guild
    names = {"guild": guild, "place": place_word(guild.provider), "number": number}
    if number == guild.realm:
        words = _("Nothing was changed: %(guild)s is in %(place)s %(number)s already.")
        return _page(officer, 1, said=words % names)
    try:
        guild._history_user = officer.user  # type: ignore[attr-defined] # For the versions.
        corrections.correct_guild(guild, number, person=officer.person, by=officer.by)
    except corrections.TooManyCorrectionsError as error:
        raise Refused(safe_words(error)) from None
    officer.log([guild], Sentence.of("did_set_realm"))
    words = _("%(guild)s is in %(place)s %(number)s now.") % names
    again = asked_again_words(guild.members.filter(realm__isnull=True).only("pk"))
    again = again or _("No code waited for this correction.")
    tasks.enqueue_on_commit(tasks.catch_up, [guild.pk])
    return _page(officer, 1, said=f"{words} {again}")


def _offered(text: str) -> int:
    """The number of a button. A program may send a number that no button has.

    Raises:
        Refused: it is no state or kingdom.
    """
    number = row_id(text) or 0
    try:
        validate_realm(number)
    except ValidationError as error:
        raise Refused(" ".join(error.messages)) from None
    return number


def _entered(text: str, place: str) -> int:
    """The number that was entered.

    Raises:
        Refused: it is no state or kingdom.
    """
    form = RealmForm({"realm": text}, realm_word=place)
    if not form.is_valid():
        errors: list[ValidationError] = form.errors.as_data()["realm"]
        raise Refused(" ".join(errors[0].messages))
    number: int = form.cleaned_data["realm"]
    return number
