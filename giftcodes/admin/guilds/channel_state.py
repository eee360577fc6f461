"""The state of each channel in words with a tone: whether it works, and what came of the last test.

The words are for a person who wants to know whether messages arrive. `parts` renders them for pages
that show a channel, and `live` keeps these pages up to date.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _

from giftcodes.admin.common.live import BUSY_SECONDS, IDLE_SECONDS, answer
from giftcodes.admin.common.scoped import own_guild
from giftcodes.clients.channels.base import UNREACHED_KEYS
from giftcodes.domain.sentences import Sentence
from giftcodes.domain.served import SIGNS, Tone
from giftcodes.models import Announcement, Channel, DeliveryState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from django.http import HttpRequest, JsonResponse
    from django.utils.safestring import SafeString


#: A test is normally sent within this time. If it waits longer, something is wrong.
_SENT_WITHIN = dt.timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Said:
    """A state in words.

    Args:
        tone: how the state is meant.
        words: the state in a few words.
        why: one or two sentences with the reason and what to do. Empty if there are none.
        sentence: a sentence about `moment`, with `%s` in the place of the time.
        moment: the time in `sentence`: when something happened, or when a pause ends.
    """

    tone: Tone
    words: str
    why: str = ""
    sentence: str = ""
    moment: dt.datetime | None = None

    @property
    def before(self) -> str:
        """The part of the sentence before the time."""
        return self.sentence.partition("%s")[0]

    @property
    def after(self) -> str:
        """The part of the sentence after the time."""
        return self.sentence.partition("%s")[2]

    @property
    def is_ahead(self) -> bool:
        """Whether the moment is still to come."""
        return self.moment is not None and self.moment > timezone.now()

    @property
    def badge(self) -> SafeString:
        """The words in the colour of the tone, with its sign."""
        return format_html(
            '<span class="badge tone-{}"><span aria-hidden="true">{}</span> {}</span>',
            self.tone.value,
            SIGNS[self.tone],
            self.words,
        )


@dataclass(frozen=True, slots=True)
class ChannelState:
    """The state of a channel, with its last test and the number of messages that wait."""

    channel: Channel
    now: Said
    waiting: int = 0
    test: Said | None = None

    @property
    def is_silent(self) -> bool:
        """Whether messages do not arrive. A pause that the service asked for does not count."""
        if self.now.tone is Tone.ATTENTION:
            return bool(self.channel.refused_since) or self._has_never_worked
        return self.now.tone is Tone.BAD

    @property
    def _has_never_worked(self) -> bool:
        """Whether no message has arrived, and the last test failed."""
        has_failed = self.test is not None and self.test.tone is Tone.BAD
        return has_failed and not self.channel.delivered_at

    @property
    def is_busy(self) -> bool:
        """Whether a test is being sent. If so, the page should look again soon."""
        return self.test is not None and self.test.tone is Tone.BUSY


def states_of(channels: Sequence[Channel]) -> dict[int, ChannelState]:
    """The state of each channel, by its id, in a fixed number of queries."""
    ids = [channel.pk for channel in channels]
    rows = Announcement.objects.filter(channel__in=ids)
    tests = {row.channel_id: row for row in rows.filter(kind=Announcement.Kind.TEST).order_by("pk")}
    waits = rows.filter(state=DeliveryState.WAITING).exclude(kind=Announcement.Kind.TEST)
    waiting: dict[int | None, int] = dict(
        waits.order_by().values_list("channel").annotate(number=Count("pk"))
    )
    return {
        channel.pk: _state(channel, tests.get(channel.pk), waiting.get(channel.pk, 0))
        for channel in channels
    }


def _state(channel: Channel, test: Announcement | None, waiting: int) -> ChannelState:
    """The state of a channel. The test's reason is left out if the channel's reason contains it."""
    now = said_of(channel, test)
    said = _said_of_test(test, channel) if test else None
    if said and said.why and said.why in now.why:
        said = replace(said, why="")
    return ChannelState(channel, now, waiting, said)


def said_of(channel: Channel, test: Announcement | None = None) -> Said:
    """Whether messages arrive in a channel, as its row and its last test say."""
    now = timezone.now()
    rests_until = channel.not_before if channel.not_before and channel.not_before > now else None
    if not channel.is_on:
        return Said(Tone.NEUTRAL, _("off"), _("Nothing is sent except for tests."))
    if not channel.is_readable:
        return Said(Tone.BAD, _("takes no messages"), Sentence.of("address_unreadable"))
    if channel.error and channel.refused_since is None:
        return Said(Tone.BAD, _("takes no messages"), channel.error, *_delivered(channel))
    if channel.refused_since:
        until = (_("Paused until %s."), rests_until) if rests_until else ("", None)
        why = _("%s Redeemer tries again.") % channel.error
        words = _("paused") if rests_until else _("refuses")
        return Said(Tone.ATTENTION, words, why, *until)
    if rests_until:
        why = _("The service did not answer, or asks Redeemer to send less often.")
        return Said(Tone.ATTENTION, _("paused"), why, _("Paused until %s."), rests_until)
    if channel.delivered_at:
        return Said(Tone.GOOD, _("works"), "", *_delivered(channel))
    if test is not None and test.state in (DeliveryState.FAILED, DeliveryState.GONE):
        if _is_unreached(test.error):
            why = _(
                "The service could not be reached, so the address may be right. The next message "
                "tries the service again; send another test in a few minutes."
            )
            return Said(Tone.ATTENTION, _("not reached yet"), why)
        why = _("No message has arrived yet. Correct the address, and send another test.")
        return Said(Tone.BAD, _("takes no messages"), why)
    return Said(
        Tone.NEUTRAL,
        _("nothing sent yet"),
        _("Send a test to see whether messages arrive."),
    )


def _is_unreached(error: str) -> bool:
    """Whether a message was not sent because the channel's service could not be reached."""
    if isinstance(error, Sentence):
        return error.key in UNREACHED_KEYS
    return "could not be reached" in error  # An earlier release stored it in English.


def _delivered(channel: Channel) -> tuple[str, dt.datetime | None]:
    at = channel.delivered_at
    return (_("The last message was delivered %s."), at) if at else ("", None)


def _said_of_test(row: Announcement, channel: Channel) -> Said:
    match row.state:
        case DeliveryState.DONE:
            return Said(Tone.GOOD, _("test delivered"), "", _("It arrived %s."), row.sent_at)
        case DeliveryState.FAILED | DeliveryState.GONE:
            words = _("could not be reached") if _is_unreached(row.error) else _("test refused")
            return Said(Tone.BAD, words, row.error, _("Sent %s."), row.created_at)
        case DeliveryState.UNKNOWN:
            why = _("%s Look in the channel to see whether it arrived.") % row.error
            return Said(
                Tone.ATTENTION, _("test without an answer"), why, _("Sent %s."), row.created_at
            )
        case DeliveryState.WAITING:
            now = timezone.now()
            if channel.not_before and channel.not_before > now:
                why = row.error or _("The channel is paused.")
                sentence = _("The test is sent when the pause ends: %s.")
                return Said(Tone.ATTENTION, _("test waits"), why, sentence, channel.not_before)
            if now - row.created_at > _SENT_WITHIN:
                why = row.error or _(
                    "No worker has sent it yet. If this does not change, tell the operator of this "
                    "site that no worker is running."
                )
                return Said(
                    Tone.ATTENTION, _("test waits"), why, _("Requested %s."), row.created_at
                )
            return Said(
                Tone.BUSY,
                _("test is being sent"),
                _("The result appears here in a few seconds."),
            )
    return Said(Tone.NEUTRAL, _("test not sent"), row.error, _("Requested %s."), row.created_at)


# --- Pages ----------------------------------------------------------------------------------------
def parts(states: Mapping[int, ChannelState]) -> dict[str, SafeString]:
    """The HTML of the state of each channel, by the name of the part of the page."""
    return {
        f"channel-{pk}": render_to_string("admin/giftcodes/channels/state.html", {"state": state})
        for pk, state in states.items()
    }


def again_in_seconds(states: Iterable[ChannelState]) -> float:
    """The seconds until a page should ask for the states again."""
    return BUSY_SECONDS if any(state.is_busy for state in states) else IDLE_SECONDS


def live(request: HttpRequest, guild_id: int) -> JsonResponse:
    """Respond with the states of a guild's channels.

    Raises:
        PermissionDenied: the person may not see channels.
        Http404: there is no such guild, or the person may not see it.
    """
    if not request.user.has_perm("giftcodes.view_channel"):
        raise PermissionDenied
    guild = own_guild(request, guild_id)
    states = states_of(list(guild.channels.all()))
    return answer(parts(states), again_in_seconds=again_in_seconds(states.values()))
