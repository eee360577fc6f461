"""Messages to the channels of guilds: runs, alarms of the guild, weekly summaries, and tests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.numbers import row_id
from giftcodes.domain.served import NEEDING_YOU
from giftcodes.domain.transitions import State, values
from giftcodes.models.channel import TELLS_RUNS, Channel, Tells
from giftcodes.models.event import Trigger
from giftcodes.models.outbox import UNFINISHED, Outbox
from giftcodes.models.redemption import FEW_MEMBERS, Redemption, RunState


class Subject(NamedTuple):
    """What an alarm is about: the name of a model, and the primary key of a row as text."""

    model: str
    key: str


class Announcement(Outbox):
    """A message to one channel of a guild.

    In each channel, a run has at most one row `started`, one row `complete` and one row `thread`.
    If the channel allows edits, `started` and `complete` are one message: `started` posts it, and
    `complete` is its last edit. `thread` is the message in the thread below that message. In each
    channel, an alarm has at most one row `raised` and one row `over`. A test and a weekly summary
    belong to their channel only.
    """

    class Kind(models.TextChoices):
        STARTED = "started", _("started")
        COMPLETE = "complete", _("complete")
        THREAD = "thread", _("thread")
        RAISED = "raised", _("alarm raised")
        OVER = "over", _("alarm over")
        TEST = "test", _("test")
        SUMMARY = "summary", _("weekly summary")

    #: Null if the channel was deleted.
    channel = models.ForeignKey(
        Channel,
        on_delete=models.SET_NULL,
        null=True,
        related_name="announcements",
        verbose_name=_("channel"),
    )
    redemption = models.ForeignKey(
        Redemption,
        on_delete=models.PROTECT,
        null=True,
        related_name="announcements",
        verbose_name=_("redemption"),
    )
    run_number = models.PositiveIntegerField(_("run"), default=0, db_default=0)
    alarm = models.ForeignKey(
        "giftcodes.Alarm",
        on_delete=models.PROTECT,
        null=True,
        related_name="announcements",
        verbose_name=_("alarm"),
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    #: Discord's number of the message. In a row `thread` whose message is not posted yet, it is the
    #: number of the open thread.
    message_id = models.CharField(
        _("message"), max_length=30, blank=True, default="", db_default=""
    )
    #: Hashes of the message's channel and text, so that an edit that changes nothing is not sent.
    channel_hash = models.CharField(max_length=16, blank=True, default="", db_default="")
    content_hash = models.CharField(max_length=64, blank=True, default="", db_default="")
    edited_at = models.DateTimeField(_("last edit"), null=True)

    class Meta:
        verbose_name = _("announcement")
        verbose_name_plural = _("announcements")
        constraints = [
            models.UniqueConstraint(
                fields=["redemption", "run_number", "kind", "channel"],
                name="one_announcement_of_a_run_in_a_channel",
            ),
            models.UniqueConstraint(
                fields=["alarm", "kind", "channel"],
                condition=Q(alarm__isnull=False),
                name="one_announcement_of_an_alarm_in_a_channel",
            ),
            models.CheckConstraint(
                condition=Q(
                    kind__in=["started", "complete", "thread"],
                    redemption__isnull=False,
                    alarm__isnull=True,
                )
                | Q(kind__in=["raised", "over"], redemption__isnull=True, alarm__isnull=False)
                | Q(kind__in=["test", "summary"], redemption__isnull=True, alarm__isnull=True),
                name="announcement_is_about_what_its_kind_says",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="announcement_unfinished",
                condition=Q(state__in=[state.value for state in UNFINISHED]),
            ),
            models.Index(
                fields=["lease_until"],
                name="announcement_claimed",
                condition=Q(lease_until__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        if self.redemption_id is not None:
            return f"{self.kind} of run {self.run_number}"
        return str(self.get_kind_display())

    @property
    def may_have_been_posted(self) -> bool:
        """Whether a request for a new message was begun, and has no answer yet.

        An edit of an earlier message does not count, because it can safely be repeated. Nor does
        the opening of a thread, because a message can have only one.
        """
        is_edit = bool(self.message_id) and self.kind != self.Kind.THREAD
        return super().may_have_been_posted and not is_edit


def queue_complete(redemption: Redemption, tally: Mapping[State, int]) -> None:
    """Queue the announcements of the end of a run, one for each channel, and its threads.

    A channel that is told of every run gets one if the start was announced there, or would have
    been if the channel had existed. A channel that is told only when a person is needed gets one if
    the result needs a person. If the run is not the first of its redemption, and neither the feed
    nor a person triggered it, such a channel gets one only if more than `FEW_MEMBERS` members came
    to need a person during the run.

    If one of these channels wants threads, it also gets a thread, provided that the run is complete
    and members need a person.

    Args:
        redemption: the redemption, whose run has ended.
        tally: the number of its members in each state.
    """
    channels = list(Channel.objects.on().filter(guild_id=redemption.guild_id))
    if not channels:
        return
    run = {"redemption": redemption, "run_number": redemption.run_number}
    started = Announcement.objects.filter(**run, kind=Announcement.Kind.STARTED)
    told = set(started.values_list("channel_id", flat=True))
    is_for_all = redemption.run_number == 1 or Trigger(redemption.trigger).always_announced
    served = redemption.shares_of(tally)
    needs_a_person = redemption.result(served).needs_a_person
    has_thread = bool(served.needs_you) and redemption.state == RunState.COMPLETE
    chosen = [
        channel
        for channel in channels
        if channel.pk in told
        or (channel.tells in TELLS_RUNS and is_for_all)
        or (
            channel.tells == Tells.NEEDED
            and needs_a_person
            and (is_for_all or _came_to_need_you(redemption) > FEW_MEMBERS)
        )
    ]
    kinds = [(channel, Announcement.Kind.COMPLETE) for channel in chosen]
    kinds += [
        (channel, Announcement.Kind.THREAD)
        for channel in chosen
        if has_thread and channel.opens_threads and channel.bot_channel
    ]
    Announcement.objects.bulk_create(
        [Announcement(**run, kind=kind, channel=channel) for channel, kind in kinds],
        ignore_conflicts=True,
    )


def _came_to_need_you(redemption: Redemption) -> int:
    """The number of members who came to need a person during the last run."""
    if redemption.gift_code.is_over:
        return 0
    needing = redemption.member_redemptions.remaining().filter(state__in=values(NEEDING_YOU))
    return needing.filter(updated_at__gte=redemption.locked_at).count()


def queue_alarms(subjects: Mapping[int, Subject], kind: Announcement.Kind) -> None:
    """Queue a message about each alarm for each channel of its guild that is told of alarms.

    The end of an alarm is announced only where its beginning was. A channel is not told of an alarm
    about itself.

    Args:
        subjects: what each alarm is about, by the alarm's id. The alarms were just raised or
            cleared. Those that concern no guild are left out.
        kind: RAISED or OVER.
    """
    if not subjects:
        return
    guild_ids = _guilds_of(subjects)
    channels = Channel.objects.told_of_alarms().filter(guild__in=set(guild_ids.values()))
    in_guild: dict[int, list[int]] = defaultdict(list)
    for pk, guild_id in channels.order_by().values_list("pk", "guild_id"):
        in_guild[guild_id].append(pk)
    rows = [
        Announcement(alarm_id=alarm_id, kind=kind, channel_id=channel_id)
        for alarm_id, subject in subjects.items()
        for channel_id in in_guild.get(guild_ids.get(alarm_id, 0), ())
        if subject != Subject("channel", str(channel_id))
    ]
    if rows and kind == Announcement.Kind.OVER:
        raised = Announcement.objects.filter(
            kind=Announcement.Kind.RAISED, alarm__in=[row.alarm_id for row in rows]
        )
        told = set(raised.values_list("alarm_id", "channel_id"))
        rows = [row for row in rows if (row.alarm_id, row.channel_id) in told]
    Announcement.objects.bulk_create(rows, ignore_conflicts=True)


def _guilds_of(subjects: Mapping[int, Subject]) -> dict[int, int]:
    """The guild of each alarm, by the alarm's id. Alarms that concern no guild are left out."""
    keys: dict[str, dict[int, int]] = defaultdict(dict)
    for alarm_id, subject in subjects.items():
        if (key := row_id(subject.key)) is not None:
            keys[subject.model][alarm_id] = key
    found = dict(keys["guild"])
    for model in (Channel, Redemption):
        named = keys[str(model._meta.model_name)]
        rows = model._default_manager.filter(pk__in=named.values()).order_by()
        guilds = dict(rows.values_list("pk", "guild_id"))
        found.update({alarm: guilds[key] for alarm, key in named.items() if key in guilds})
    return found
