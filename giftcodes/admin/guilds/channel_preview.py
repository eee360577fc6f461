"""A preview of a channel's messages, made by the code that composes the real messages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from giftcodes import site_address
from giftcodes.clients.channels import Message
from giftcodes.clients.channels.apprise import arguments_of
from giftcodes.clients.channels.discord import payload, unescaped
from giftcodes.clients.channels.safe_text import ZERO_WIDTH_SPACE, Markup
from giftcodes.domain.outcomes import Outcome
from giftcodes.domain.sentences import Sentence, reason_of
from giftcodes.domain.transitions import State
from giftcodes.estimates.formatting import about
from giftcodes.models import Alarm, Channel, database_now
from giftcodes.models.channel import Tells
from giftcodes.models.game_words import spoken
from giftcodes.notifications.causes import UNCORRECTED_FOR
from giftcodes.notifications.channel_messages import alarm_message, mentioning
from giftcodes.notifications.run_message import RunReport, compose
from giftcodes.notifications.threads import Needs, list_message

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The code and the players of the examples. None of them exists.
CODE = "EXAMPLE2026"
_PLAYERS = (("Amber (201234567)", Outcome.WRONG_REALM), ("Bjorn (207654321)", Outcome.WRONG_REALM))
_OTHER = ("Chen (203141592)", Outcome.NO_SUCH_PLAYER)


def previews(channel: Channel) -> list[dict[str, Any]]:
    """The examples of what a channel is told, each with a heading.

    Args:
        channel: the channel. If it is not saved yet, the examples for every choice of `tells` are
            given.
    """
    return [
        {"heading": heading, "who": who, **_shown(message, channel)}
        for heading, who, told, message in _examples(channel)
        if channel.pk is None or channel.tells in told
    ]


def _examples(channel: Channel) -> Iterator[tuple[str, str, tuple[Tells, ...], Message]]:
    """Yield each example: heading, recipients in words, recipients' choices of `tells`, message."""
    with channel.guild.speaking():
        started, done, needs, listed, alarm = _messages(channel)
    for_runs, for_all = (Tells.RUNS, Tells.ALL), (Tells.RUNS, Tells.ALL, Tells.NEEDED)
    runs, everyone = _("channels that are told of every run"), _("every channel")
    yield _("While a run goes on"), runs, for_runs, started
    yield _("When everyone has the code"), runs, for_runs, done
    yield _("When a person is needed"), everyone, for_all, needs
    if channel.opens_threads:
        yield _("In the thread of such a run"), everyone, for_all, listed
    alarms = _("channels that are told of alarms")
    told = (Tells.ALL, Tells.NEEDED)
    yield _("An alarm of the guild"), alarms, told, alarm


def _messages(channel: Channel) -> tuple[Message, Message, Message, Message, Message]:
    """The messages of a run under way, of a run that is done, and of a run that needs a person.

    Then the message in the thread of that last run, and the message of an alarm.
    """
    started = _report(
        channel,
        {State.REDEEMED: 12, State.ALREADY_RECEIVED: 3, State.PENDING: 35},
        estimate=_("%(time)s left") % {"time": about(100)},
    )
    done = _report(channel, {State.REDEEMED: 46, State.ALREADY_RECEIVED: 4}, is_over=True)
    needs = _report(
        channel,
        {State.REDEEMED: 41, State.NOT_ELIGIBLE: 6, State.NEEDS_CORRECTION: 3},
        is_over=True,
        in_trouble=tuple(
            (name, spoken(reason_of(outcome), channel.guild.provider))
            for name, outcome in (*_PLAYERS, _OTHER)
        ),
    )
    listed = Needs(channel.guild.name, CODE, database_now(), unknown=3, lines=needs.in_trouble)
    alarm = Alarm(
        pk=0,
        kind=Alarm.Kind.UNCORRECTED,
        message=Sentence.of(
            "members_uncorrected", number=2, guild=channel.guild.name, days=UNCORRECTED_FOR.days
        ),
    )
    return (
        _of_run(started, channel),
        _of_run(done, channel),
        _of_run(needs, channel),
        list_message(listed, channel.guild_id or 0),
        alarm_message(alarm, channel, is_over=False),
    )


def _report(channel: Channel, tally: dict[State, int], **more: Any) -> RunReport:
    return RunReport(
        guild=channel.guild.name,
        code=CODE,
        tally=tally,
        rewards=_("1,000 gems, 2 keys"),
        expires="2026-12-31 23:59 UTC",
        **more,
    )


def _of_run(report: RunReport, channel: Channel) -> Message:
    return mentioning(compose(replace(report, url=site_address.link("/"))), channel)


def _shown(message: Message, channel: Channel) -> dict[str, Any]:
    """What a person sees of a message: Discord's look, or the text that other services get."""
    if channel.pk is not None and channel.is_readable and not channel.is_discord:
        sent = arguments_of(message, Markup.PLAIN)
        return {"plain": f"{sent['title']}\n\n{sent['body']}".replace(ZERO_WIDTH_SPACE, "")}
    body = payload(message)
    (embed,) = body["embeds"]
    return {
        "severity": message.severity.value,
        "role": message.role_id,
        "title": unescaped(embed["title"]),
        "has_link": bool(message.url),
        "text": unescaped(embed["description"]),
        "facts": [(unescaped(fact["name"]), unescaped(fact["value"])) for fact in embed["fields"]],
    }
