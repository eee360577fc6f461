"""The message of each announcement: about a run, an alarm of the guild, a week, or a test."""

from __future__ import annotations

from dataclasses import replace

from django.urls import reverse
from django.utils.translation import gettext

from giftcodes import site_address
from giftcodes.clients.channels import ButtonStyle, Message, MessageButton, Severity
from giftcodes.domain.press_ids import RUN_NOW, STOP_RUN, WHO_IS_MISSING, press_id
from giftcodes.domain.sentences import in_active_language
from giftcodes.domain.served import Ending
from giftcodes.domain.text import isolated, visible
from giftcodes.models import Alarm, Announcement, Channel
from giftcodes.notifications.events import event_of
from giftcodes.notifications.run_message import RunReport, compose, report_of
from giftcodes.notifications.weekly import summary_message


def message_of(row: Announcement) -> Message:
    """The message of an announcement, with the current figures, in the language of the guild.

    Args:
        row: an announcement whose channel still exists.
    """
    channel = row.channel
    assert channel is not None  # The caller has checked it.
    with channel.guild.speaking():
        message = _message_of(row, channel)
        return replace(message, event=event_of(row)) if channel.signed_address else message


def _message_of(row: Announcement, channel: Channel) -> Message:
    if row.alarm is not None:
        return alarm_message(row.alarm, channel, is_over=row.kind == Announcement.Kind.OVER)
    if row.kind == Announcement.Kind.SUMMARY:
        return summary_message(row)
    if row.kind == Announcement.Kind.TEST:
        return trial_message(channel)
    report = report_of(row)
    message = mentioning(compose(report), channel)
    return replace(message, buttons=_buttons(row, report)) if channel.bot_channel else message


def _buttons(row: Announcement, report: RunReport) -> tuple[MessageButton, ...]:
    """The buttons below the message of a run. The bot checks who presses, and what still applies.

    A button names the run, so that an old one never stops a later run.
    """
    assert row.channel is not None  # The caller has checked it.
    run = (row.channel.guild_id, row.redemption_id)
    missing = MessageButton(gettext("Who is missing"), press_id(WHO_IS_MISSING, run))
    if not report.is_over:
        stop = press_id(STOP_RUN, (*run, row.run_number))
        return (MessageButton(gettext("Stop"), stop, ButtonStyle.DANGER), missing)
    if report.served.has == report.served.total:
        return ()
    if report.ending is not Ending.OPEN:
        return (missing,)
    again = MessageButton(gettext("Redeem now"), press_id(RUN_NOW, run), ButtonStyle.FIRST)
    return (again, missing)


def mentioning(message: Message, channel: Channel) -> Message:
    """The message, which mentions the channel's role if it has one."""
    return replace(message, role_id=channel.role_id)


def alarm_message(alarm: Alarm, channel: Channel, *, is_over: bool) -> Message:
    """The message about an alarm of the channel's guild. Good news mentions no role."""
    kind = alarm.get_kind_display()
    kind = f"{kind[:1].upper()}{kind[1:]}"
    title = gettext("✅ Over: %s") % kind if is_over else f"🔔 {kind}"
    message = Message(
        title=f"{title} ({isolated(visible(channel.guild.name))})",
        text=in_active_language(alarm.message),
        url=site_address.link(reverse("admin:giftcodes_alarm_change", args=[alarm.pk])),
        severity=Severity.GOOD if is_over else Severity.ALARM,
    )
    return message if is_over else mentioning(message, channel)


def trial_message(channel: Channel) -> Message:
    """The test message. It shows the channel's role, but pings no one."""
    guild = isolated(visible(channel.guild.name))
    lines = [gettext("Messages for %s arrive here.") % guild, *_what_it_is_told(channel)]
    if channel.role_id:
        lines.append(gettext("The role above is only shown: a test pings nobody."))
    page = reverse("admin:giftcodes_guild_channels", args=[channel.guild_id])
    return Message(
        title=gettext("👋 Test: this channel works"),
        text="\n".join(lines),
        url=site_address.link(page),
        severity=Severity.GOOD,
        role_id=channel.role_id,
        pings=False,
    )


def _what_it_is_told(channel: Channel) -> list[str]:
    if not channel.is_on:
        return [gettext("The channel is switched off: until you switch it on, only tests arrive.")]
    return [gettext("This channel gets: “%s”") % channel.get_tells_display()]
