"""`/codes`, `/leave` and `/mydata`: what a person sees and changes of their own players."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcodes import tasks
from giftcodes.discord_bot.answers import (
    MOST_CHOICE,
    MOST_CHOICES,
    Answer,
    Button,
    Field,
    File,
    Form,
    Menu,
    Refused,
    Style,
    in_lines,
    shortened,
)
from giftcodes.discord_bot.choosing import words_of
from giftcodes.discord_bot.names import safe
from giftcodes.discord_bot.presses import press
from giftcodes.domain.numbers import row_id
from giftcodes.domain.press_ids import NO_MESSAGES, SHOW_CODES
from giftcodes.estimates.formatting import about
from giftcodes.models import PlayerLink
from giftcodes.models.game_words import place_noun
from giftcodes.player_forms import RealmForm
from giftcodes.player_words import (
    HEADINGS,
    NOTES,
    Cause,
    Group,
    Line,
    causes_of,
    line_of,
    not_found_words,
)
from giftcodes.queries.discord import players_of
from giftcodes.queries.my_codes import codes_of
from giftcodes.queries.player_codes import refused_places
from giftcodes.queries.player_data import in_json
from giftcodes.services import joining, personal_links
from giftcodes.services.corrections import TooManyCorrectionsError
from giftcodes.services.discord_links import Asker
from giftcodes.services.self_service_limits import (
    discord_address,
    seconds_until_correction,
    seconds_until_wish,
)

#: The most codes that are named for one cause. The others are counted.
_MOST_OF_CAUSE = 30
#: The signs before the headings of `/codes`.
_SIGNS = {
    Group.NEEDS_YOU: "🟠",
    Group.ON_THE_WAY: "🔵",
    Group.NOT_YET: "⚪",
    Group.HAVE: "🟢",
    Group.GONE: "⚫",
}


# --- Which player ---------------------------------------------------------------------------------
def _for_a_player(
    asker: Asker, chosen: str, action: str, work: Callable[[Asker, str], Answer]
) -> Answer:
    """Do the work for the player that a person means, or let them choose one of their players."""
    if chosen:
        return work(asker, chosen)
    players = players_of(asker.user_id)
    if not players:
        raise Refused(
            _(
                "You have no player here yet. In your guild's server, enter your player ID with "
                "`/join`. If you are a member of the guild already, an officer then decides "
                "whether the player is yours."
            )
        )
    if len(players) == 1:
        return work(asker, str(players[0].pk))
    choices = tuple(
        (shortened(words_of(one), MOST_CHOICE), str(one.pk)) for one in players[:MOST_CHOICES]
    )
    return Answer(
        _("You have several players. Choose one."),
        parts=(Menu(_("Choose a player"), action, choices),),
    )


def _own(asker: Asker, link_id: str) -> PlayerLink:
    """The player behind a choice or a button, if it is still the person's own.

    Raises:
        Refused: it is not.
    """
    pk = row_id(link_id)
    link = personal_links.own_in_discord(pk, asker.user_id) if pk else None
    if link is None:
        raise Refused(
            _("This player is no longer yours here. `/codes` shows the players that you have.")
        )
    return link


def _count(link: PlayerLink) -> None:
    if seconds := seconds_until_wish(link.pk):
        raise Refused(_("You did this very often. Try again in %s.") % about(seconds))


def _catch_up(link: PlayerLink) -> None:
    tasks.enqueue_on_commit(tasks.catch_up, [link.guild_id])


# --- /codes ---------------------------------------------------------------------------------------
def codes(asker: Asker, chosen: str) -> Answer:
    """Show the codes of one of the person's players."""
    return _for_a_player(asker, chosen, "codes", show_codes)


@press(SHOW_CODES, values=1)
def show_codes(asker: Asker, link_id: str) -> Answer:
    """Show which codes a player has, and why not the others."""
    link = _own(asker, link_id)
    member = link.member
    title = words_of(link)
    if member is None:
        text = _("An officer has not decided about your request yet. Look here again later.")
        return Answer(text, title, (Button(_("Withdraw the request"), "leave", (link.pk,)),))
    place, realm = place_noun(link.guild.provider), member.realm or link.guild.realm
    lines = [line_of(mine, place, realm) for mine in codes_of(member)]
    words = [f"{place.capitalize()} {realm}"]
    if member.opted_out:
        words.append(_("You are left out: no codes are redeemed for you in this guild."))
    elif not member.active:
        words.append(_("You are not in this guild now. To come back, use `/join`."))
    elif not link.guild.active:
        words.append(
            _(
                "The guild is switched off at the moment, so no codes are redeemed for its members."
                " Ask an officer why."
            )
        )
    is_wanted = any(line.wants_realm for line in lines)
    if is_wanted:
        refused = refused_places([member])[member.pk]
        words += not_found_words(place, realm, refused, player_id=safe(member.player_id))
    words += _in_parts(lines) or [_("There is no code yet. New codes are redeemed by themselves.")]
    parts = []
    if member.active and not member.opted_out:
        parts.append(
            Button(
                _("Correct my %s") % place,
                "correct",
                (link.pk, realm, place),
                Style.FIRST if is_wanted else Style.USUAL,
            )
        )
    if link.is_confirmed and personal_links.may_start_again(link):
        parts.append(Button(_("Take part again"), "start", (link.pk,), Style.FIRST))
    if link.next_message_at is not None:
        parts.append(Button(_("No more messages"), NO_MESSAGES, (link.pk,)))
    elif member.active and not member.opted_out:
        parts.append(Button(_("Message me if I am needed"), "messages", (link.pk,)))
    parts.append(Button(_("Refresh"), "codes", (link.pk,)))
    return Answer(in_lines(words), title, tuple(parts))


def _in_parts(lines: list[Line]) -> list[str]:
    """The codes below their headings, the ones that need the player first."""
    order = list(Group)
    words: list[str] = []
    by_part = sorted(lines, key=lambda line: order.index(line.group))
    for group, some in groupby(by_part, key=lambda line: line.group):
        words.append(f"\n{_SIGNS[group]} **{HEADINGS[group]}**")
        if note := NOTES.get(group):
            words.append(str(note))
        words += [_of_cause(cause) for cause in causes_of(some)]
    return words


def _of_cause(cause: Cause) -> str:
    """The codes that have the same state for the same reason, in one line."""
    told = ". ".join(
        str(part).rstrip(".") for part in (cause.title, cause.reason, cause.advice) if part
    )
    codes = [f"**{safe(line.mine.code)}**" for line in cause.lines[:_MOST_OF_CAUSE]]
    if more := len(cause.lines) - len(codes):
        codes.append(f"… +{more}")
    return f"- {', '.join(codes)}: {told}."


def _correction_form(_link: str, realm: str, place: str) -> Form:
    label = _("The number of your %s") % place
    return Form(_("Correct my %s") % place, (Field(label, realm, most=20),))


@press("correct", values=3, form=_correction_form)
def correct(asker: Asker, link_id: str, _realm: str, place: str, entered: str) -> Answer:
    """Save another state or kingdom. What was refused because of the old one is tried again."""
    link = _own(asker, link_id)
    if link.member is None or not link.member.active or link.member.opted_out:
        raise Refused(_("You are not in this guild now, so there is nothing to correct."))
    form = RealmForm({"realm": entered}, realm_word=place)
    if not form.is_valid():
        errors: list[ValidationError] = form.errors.as_data()["realm"]
        raise Refused(" ".join(errors[0].messages))
    _count(link)
    if seconds := seconds_until_correction(link.pk):
        raise Refused(_("You corrected this very often. Try again in %s.") % about(seconds))
    realm = form.cleaned_data["realm"]
    try:
        result = personal_links.correct_realm(link, realm)
    except TooManyCorrectionsError as error:
        raise Refused(
            _(
                "Nothing was changed: too many corrections were made in this guild today. Try "
                "again in %s."
            )
            % about(error.seconds)
        ) from None
    again = Button(_("Show my codes"), "codes", (link.pk,), Style.FIRST)
    values = {"word": place.capitalize(), "number": realm, "codes": result.codes}
    if not result.changed:
        text = _("Nothing to change: %(word)s %(number)s is what we have.") % values
        return Answer(text, parts=(again,))
    _catch_up(link)
    words = _("Saved: %(word)s %(number)s. From now on your codes are redeemed there.")
    if result.codes:
        words = ngettext(
            "Saved: %(word)s %(number)s. %(codes)d code is tried again now.",
            "Saved: %(word)s %(number)s. %(codes)d codes are tried again now.",
            result.codes,
        )
    return Answer(words % values, parts=(again,))


# --- Messages -------------------------------------------------------------------------------------
@press("messages", values=1)
def want_messages(asker: Asker, link_id: str) -> Answer:
    """Let the bot send the person a message if something waits for the player."""
    link = _own(asker, link_id)
    _count(link)
    personal_links.choose_messages(link, is_on=True)
    return Answer(
        _(
            "If a code waits for you to do something, the bot sends you a message here in Discord, "
            "once a week at most. Your settings must allow messages from members of the server."
        ),
        parts=(
            Button(_("No more messages"), NO_MESSAGES, (link.pk,)),
            Button(_("Show my codes"), SHOW_CODES, (link.pk,)),
        ),
    )


@press(NO_MESSAGES, values=1)
def want_no_messages(asker: Asker, link_id: str) -> Answer:
    """Send the person no messages any more. The button is below each message, too."""
    link = _own(asker, link_id)
    personal_links.choose_messages(link, is_on=False)
    return Answer(
        _("The bot sends you no more messages. `/codes` has a button that brings them back."),
        parts=(Button(_("Show my codes"), SHOW_CODES, (link.pk,)),),
    )


# --- /leave ---------------------------------------------------------------------------------------
def leave(asker: Asker, chosen: str) -> Answer:
    """Ask whether one of the person's players shall leave its guild."""
    return _for_a_player(asker, chosen, "ask leave", ask_leave)


@press("ask leave", values=1)
def ask_leave(asker: Asker, link_id: str) -> Answer:
    """Say what leaving means, with a button to confirm."""
    link = _own(asker, link_id)
    if link.member is None:
        words, label = (
            _("If you press the button, your request and what you entered are deleted."),
            _("Withdraw"),
        )
    elif link.is_confirmed:
        words = _(
            "If you press the button, no more codes are redeemed for you in this guild. You are "
            "not added again if an officer imports a list of players. You can take this back with "
            "a button of `/codes`."
        )
        label = _("Leave me out")
    else:
        words = _(
            "If you press the button, no more codes are redeemed for you in this guild. You can "
            "ask to come back."
        )
        label = _("Leave")
    button = Button(label, "leave", (link.pk,), Style.DANGER)
    return Answer(f"**{safe(words_of(link))}**\n{words}", parts=(button,))


@press("leave", values=1)
def do_leave(asker: Asker, link_id: str) -> Answer:
    """Delete a waiting request, or take the player out of the guild.

    If an officer confirmed the player, this is an opt-out. Otherwise, the player only leaves.
    """
    link = _own(asker, link_id)
    _count(link)
    if link.member is None:
        link.delete()
        return Answer(_("Your request is withdrawn. What you entered is deleted."))
    if link.is_confirmed:
        personal_links.stop(link)
    else:
        personal_links.leave(link)
    _catch_up(link)
    return Answer(_("Done. No more codes are redeemed for you in this guild."))


@press("start", values=1)
def start_again(asker: Asker, link_id: str) -> Answer:
    """Take back the opt-out that this Discord user made."""
    link = _own(asker, link_id)
    _count(link)
    if not link.is_confirmed or link.member is None or not personal_links.start_again(link):
        raise Refused(
            _(
                "This opt-out was not made here. To come back, use `/join`. An administrator "
                "then decides."
            )
        )
    _catch_up(link)
    return Answer(_("Welcome back. Codes that still work are redeemed for you now."))


# --- /mydata --------------------------------------------------------------------------------------
def my_data(asker: Asker, chosen: str) -> Answer:
    """Give the person what is stored about one of their players."""
    return _for_a_player(asker, chosen, "data", give_data)


@press("data", values=1)
def give_data(asker: Asker, link_id: str) -> Answer:
    """Attach the data of a player, if an officer has confirmed that the player is the person's."""
    link = _own(asker, link_id)
    if link.member is None:
        raise Refused(_("An officer has not decided about your request yet."))
    if not link.is_confirmed:
        return Answer(
            _(
                "Anyone can enter any player ID. So an officer must first confirm that this player "
                "is yours."
            ),
            parts=(Button(_("Ask the officers"), "confirm", (link.pk,), Style.FIRST),),
        )
    _count(link)
    data = in_json(personal_links.download(link)).encode()
    words = _("This is what guild %s has stored about you.") % safe(link.guild.name)
    return Answer(words, file=File("my-gift-code-data.json", data))


@press("confirm", values=1)
def ask_to_confirm(asker: Asker, link_id: str) -> Answer:
    """Ask the officers to confirm that a player belongs to this Discord user."""
    link = _own(asker, link_id)
    _count(link)
    if joining.ask_again(link, address=discord_address(asker.user_id)):
        return Answer(_("The officers have your request. Use `/mydata` again later."))
    raise Refused(
        _(
            "Very many requests are waiting. Ask an officer to decide about them, or try again "
            "later."
        )
    )
