"""The message about a run: its figures and its text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext

from giftcodes import site_address
from giftcodes.clients.channels.base import Message, Severity, shortened
from giftcodes.domain.served import NEEDING_YOU, Ending, Phase, Result, Served, Tone
from giftcodes.domain.text import isolated, visible
from giftcodes.domain.transitions import PARKED, State, values
from giftcodes.estimates import formatting
from giftcodes.estimates.queue_snapshot import read_outlooks
from giftcodes.models import Announcement, Redemption, RunState
from giftcodes.models.game_words import spoken

BAR_LENGTH = 20
#: A message names at most this many of the members that need a person.
NAMED = 10
#: `REASON_LENGTH` is longer than each known reason, so that none of them is cut.
NAME_LENGTH, REASON_LENGTH, REWARD_LENGTH = 60, 240, 200


@dataclass(frozen=True, slots=True)
class RunReport:
    """The figures of a run.

    Args:
        guild, code: their names.
        tally: the number of members in each state.
        is_over: whether the run has ended.
        is_stopped: whether a person stopped the run.
        in_trouble: the name and the reason of each of the first members that need a person.
        estimate: the time that is left, such as `about 20 s left`, in words that seldom change.
            Empty if unknown.
        url: the page of the run. Empty if there is none.
        ending: how the code ended.
        ended_on: the day on which the code ended, if a person or the feed set its end.
        rewards: what the code gives, if it is known.
        expires: when the code ends, in words. Empty if unknown.
    """

    guild: str
    code: str
    tally: Mapping[State, int]
    is_over: bool = False
    is_stopped: bool = False
    in_trouble: tuple[tuple[str, str], ...] = ()
    estimate: str = ""
    url: str = ""
    ending: Ending = Ending.OPEN
    ended_on: dt.date | None = None
    rewards: str = ""
    expires: str = ""

    @property
    def served(self) -> Served:
        """The numbers of members who have the code, and of the others."""
        return Served.of(self.tally, ending=self.ending)

    @property
    def result(self) -> Result:
        """What has come of the run."""
        phase = Phase.STOPPED if self.is_stopped else Phase.COMPLETE
        return Result.of(
            self.served,
            phase=phase if self.is_over else Phase.RUNNING,
            ending=self.ending,
            ended_on=self.ended_on,
        )

    def count(self, *states: State) -> int:
        """The number of members in these states."""
        return sum(self.tally.get(state, 0) for state in states)


def report_of(row: Announcement) -> RunReport:
    """The figures of an announcement's run, read now.

    Args:
        row: an announcement of the kind `started` or `complete`.
    """
    redemption = row.redemption
    assert redemption is not None  # A constraint of the table requires it for these kinds.
    code = redemption.gift_code
    is_over = row.kind == Announcement.Kind.COMPLETE
    is_last_run = redemption.run_number == row.run_number
    page = reverse("admin:giftcodes_redemption_change", args=[redemption.pk])
    return RunReport(
        guild=redemption.guild.name,
        code=str(code),
        tally=redemption.tally(),
        is_over=is_over,
        is_stopped=is_over and is_last_run and redemption.state == RunState.STOPPED,
        in_trouble=_in_trouble(redemption) if is_over else (),
        estimate="" if is_over else _estimate(redemption),
        url=site_address.link(page),
        ending=code.ending,
        ended_on=code.ended_on,
        rewards=code.rewards,
        expires=utc_words(code.expires_at),
    )


def utc_words(at: dt.datetime | None) -> str:
    """A time, such as `2026-12-31 23:59 UTC`. Empty if there is none."""
    return "" if at is None else f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"


def _in_trouble(redemption: Redemption) -> tuple[tuple[str, str], ...]:
    if redemption.gift_code.is_over:
        return ()
    rows = redemption.member_redemptions.remaining().filter(state__in=values(NEEDING_YOU))
    provider = redemption.gift_code.provider
    return tuple(
        (str(row.member), spoken(row.reason, provider))
        for row in rows.select_related("member").order_by("state", "pk")[:NAMED]
    )


def _estimate(redemption: Redemption) -> str:
    """The time that is left, in words that seldom change, because each change is an edit."""
    outlook = read_outlooks().by_redemption.get(redemption.pk)
    return "" if outlook is None or outlook.seconds is None else formatting.still(outlook)


def compose(report: RunReport) -> Message:
    """The message about a run: who has the code and, once the run has ended, what needs a person.

    This is a pure function.
    """
    return Message(
        title=gettext("%(what)s: %(code)s for %(guild)s")
        % {
            "what": _headline(report),
            "code": visible(report.code),
            "guild": isolated(visible(report.guild)),
        },
        text="\n".join((*_numbers(report), *_ending(report), *_troubles(report))),
        facts=_facts(report),
        url=report.url,
        severity=_SEVERITIES[report.result.tone],
    )


def _headline(report: RunReport) -> str:
    if not report.is_over:
        return gettext("🎁 Auto-Redeem Started")
    return f"{report.result.icon} {report.result.title}"


_SEVERITIES = {
    Tone.BUSY: Severity.RUNNING,
    Tone.GOOD: Severity.GOOD,
    Tone.NEUTRAL: Severity.NEUTRAL,
    Tone.ATTENTION: Severity.ATTENTION,
    Tone.BAD: Severity.ALARM,
}


def _numbers(report: RunReport) -> list[str]:
    """A bar of who has the code, the numbers of the other members, and the time that is left."""
    served = report.served
    if not served.total:
        return [gettext("The guild has no members to redeem for.")]
    filled = served.has * BAR_LENGTH // served.total
    bar = "▰" * filled + "▱" * (BAR_LENGTH - filled)
    lines = [f"{bar} {served.percent} % ({served.words})"]
    if served.rest:
        lines.append(f"{served.rest}.")
    if report.estimate and not report.is_over:
        lines.append(f"{report.estimate[:1].upper()}{report.estimate[1:].removesuffix('.')}.")
    return lines


def _ending(report: RunReport) -> list[str]:
    """What to do, or why nothing can be done, once the run is over."""
    if not report.is_over or not report.served.total or not report.result.advice:
        return []
    return ["", report.result.advice]


def _facts(report: RunReport) -> tuple[tuple[str, str], ...]:
    """The figures. Those that are zero are left out, except for the first three."""
    always = [
        (gettext("Members"), report.served.total),
        (gettext("Success"), report.count(State.REDEEMED)),
        (gettext("Already"), report.count(State.ALREADY_RECEIVED)),
    ]
    if report.ending is Ending.OPEN:
        parked = [
            (gettext("Not eligible"), report.count(State.NOT_ELIGIBLE)),
            (gettext("Needs correction"), report.count(State.NEEDS_CORRECTION)),
            (gettext("Failed"), report.count(State.FAILED)),
        ]
    else:
        parked = [(gettext("Not received"), sum(report.count(state) for state in PARKED))]
    others = [
        (gettext("Same group"), report.count(State.SAME_TYPE)),
        *parked,
        (gettext("Cancelled"), report.count(State.CANCELLED)),
    ]
    texts = [
        (gettext("Reward"), shortened(visible(" ".join(report.rewards.split())), REWARD_LENGTH)),
        (gettext("Expires"), report.expires),
    ]
    return (
        *((name, str(number)) for name, number in always),
        *((name, str(number)) for name, number in others if number),
        *((name, text) for name, text in texts if text),
    )


def shown_name(name: str) -> str:
    """A name for a message: shortened, and without invisible characters."""
    return isolated(shortened(visible(name), NAME_LENGTH))


def _troubles(report: RunReport) -> list[str]:
    """Lines about members that need a person, if the run is over: each reason with its members."""
    if not report.is_over or not report.in_trouble:
        return []
    by_reason: dict[str, list[str]] = {}
    for name, reason in report.in_trouble[:NAMED]:
        by_reason.setdefault(shortened(reason, REASON_LENGTH), []).append(shown_name(name))
    lines = [f"{', '.join(names)}: {reason}" for reason, names in by_reason.items()]
    more = report.served.needs_you - min(len(report.in_trouble), NAMED)
    others = [gettext("… and %d more.") % more] if more > 0 else []
    return ["", gettext("Needs you:"), *lines, *others]
