"""The message about a run: its figures and its text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.urls import reverse

from giftcodes import site_address
from giftcodes.clients.channels.base import Message, Severity, shortened
from giftcodes.domain.text import isolated, visible
from giftcodes.domain.transitions import OPEN, PARKED, State
from giftcodes.estimates import formatting
from giftcodes.estimates.queue_snapshot import read_outlooks
from giftcodes.models import Announcement, Redemption, RunState

BAR_LENGTH = 20
#: A message names at most this many of the members that need a person.
NAMED = 10
NAME_LENGTH, REASON_LENGTH = 60, 120


@dataclass(frozen=True, slots=True)
class RunReport:
    """The figures of a run.

    Args:
        guild, code: their names.
        tally: the number of members in each state.
        is_over: whether the run has ended.
        is_stopped: whether a person stopped the run.
        in_trouble: the name and the reason of each of the first members that need a person.
        estimate: when the run will be done, in words that seldom change. Empty if unknown.
        url: the page of the run. Empty if there is none.
    """

    guild: str
    code: str
    tally: Mapping[State, int]
    is_over: bool = False
    is_stopped: bool = False
    in_trouble: tuple[tuple[str, str], ...] = ()
    estimate: str = ""
    url: str = ""

    def count(self, *states: State) -> int:
        """The number of members in these states."""
        return sum(self.tally.get(state, 0) for state in states)


def report_of(row: Announcement) -> RunReport:
    """The figures of an announcement's run, read now."""
    redemption: Redemption = row.redemption
    is_over = row.kind == Announcement.Kind.COMPLETE
    is_last_run = redemption.run_number == row.run_number
    page = reverse("admin:giftcodes_redemption_change", args=[redemption.pk])
    return RunReport(
        guild=redemption.guild.name,
        code=str(redemption.gift_code),
        tally=redemption.tally(),
        is_over=is_over,
        is_stopped=is_over and is_last_run and redemption.state == RunState.STOPPED,
        in_trouble=_in_trouble(redemption) if is_over else (),
        estimate="" if is_over else _estimate(redemption),
        url=site_address.link(page),
    )


def _in_trouble(redemption: Redemption) -> tuple[tuple[str, str], ...]:
    rows = redemption.member_redemptions.filter(
        state__in=[State.NEEDS_CORRECTION, State.FAILED]
    ).select_related("member")
    return tuple((str(row.member), row.reason) for row in rows.order_by("state", "pk")[:NAMED])


def _estimate(redemption: Redemption) -> str:
    """When the run will be done, in words that seldom change, since each change is an edit."""
    outlook = read_outlooks().by_redemption.get(redemption.pk)
    return "" if outlook is None or outlook.seconds is None else formatting.left(outlook)


def compose(report: RunReport) -> Message:
    """The message about a run: its progress and, once it has ended, what needs a person.

    This is a pure function.
    """
    return Message(
        title=f"{_headline(report)}: {visible(report.code)} for {isolated(visible(report.guild))}",
        text="\n".join(line for line in (_bar(report), *_troubles(report)) if line),
        facts=_facts(report),
        url=report.url,
        severity=_severity(report),
    )


def _headline(report: RunReport) -> str:
    if not report.is_over:
        return "🎁 Auto-Redeem Started"
    return "⏹️ Auto-Redeem Stopped" if report.is_stopped else "✅ Auto-Redeem Complete"


def _severity(report: RunReport) -> Severity:
    if not report.is_over:
        return Severity.RUNNING
    needs_person = report.is_stopped or report.count(State.NEEDS_CORRECTION, State.FAILED)
    return Severity.ATTENTION if needs_person else Severity.GOOD


def _bar(report: RunReport) -> str:
    total = sum(report.tally.values())
    done = total - report.count(*OPEN)
    part = done / total if total else 1.0
    filled = int(part * BAR_LENGTH)
    return f"{'▰' * filled}{'▱' * (BAR_LENGTH - filled)} {int(part * 100)} % ({done} of {total})"


def _facts(report: RunReport) -> tuple[tuple[str, str], ...]:
    facts = [
        ("Members", sum(report.tally.values())),
        ("Success", report.count(State.REDEEMED)),
        ("Already", report.count(State.ALREADY_RECEIVED, State.SAME_TYPE)),
        ("Not eligible", report.count(State.NOT_ELIGIBLE)),
        ("Needs correction", report.count(State.NEEDS_CORRECTION)),
        ("Failed", report.count(State.FAILED)),
    ]
    if cancelled := report.count(State.CANCELLED):
        facts.append(("Cancelled", cancelled))
    shown = tuple((name, str(number)) for name, number in facts)
    return (*shown, ("Done", report.estimate)) if report.estimate and not report.is_over else shown


def _shown(name: str) -> str:
    return isolated(shortened(visible(name), NAME_LENGTH))


def _troubles(report: RunReport) -> list[str]:
    """Lines about members that need a person, if the run is over."""
    if not report.is_over or not report.in_trouble:
        return []
    lines = [
        f"{_shown(name)}: {shortened(reason, REASON_LENGTH)}"
        for name, reason in report.in_trouble[:NAMED]
    ]
    more = report.count(*(PARKED - {State.NOT_ELIGIBLE})) - len(lines)
    return ["", "Needs a person:", *lines, *([f"… and {more} more."] if more > 0 else [])]
