"""What is told of a run: a pure function of its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from giftcodes.clients.channels.base import Message, Severity, shortened
from giftcodes.domain.text import isolated, visible
from giftcodes.domain.transitions import OPEN, PARKED, State

BAR_LENGTH = 20
#: So many of those whom a person must look at are named.
NAMED = 10
NAME_LENGTH, REASON_LENGTH = 60, 120


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run as it stands.

    Args:
        guild, code: their names.
        tally: members by state.
        is_over: nothing more happens in this run.
        is_stopped: a person stopped it.
        in_trouble: name and reason of members whom a person must look at, the first of them.
        estimate: when it is done, in words that change seldom; empty: nobody knows.
        url: the page of the run; empty: none.
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
        """How many members are in these states."""
        return sum(self.tally.get(state, 0) for state in states)


def run_post(report: RunReport) -> Message:
    """The message about a run: how far it is, and in the end what needs a person."""
    return Message(
        title=f"{_headline(report)}: {visible(report.code)} for {isolated(visible(report.guild))}",
        text="\n".join(line for line in (_bar(report), *_troubles(report)) if line),
        facts=_facts(report),
        url=report.url,
        tone=_tone(report),
    )


def _headline(report: RunReport) -> str:
    if not report.is_over:
        return "🎁 Auto-Redeem Started"
    return "⏹️ Auto-Redeem Stopped" if report.is_stopped else "✅ Auto-Redeem Complete"


def _tone(report: RunReport) -> Severity:
    if not report.is_over:
        return Severity.RUNNING
    needs_person = report.is_stopped or report.count(State.NEEDS_CORRECTION, State.FAILED)
    return Severity.ATTENTION if needs_person else Severity.GOOD


def _bar(report: RunReport) -> str:
    total = sum(report.tally.values())
    done = total - report.count(*OPEN)
    share = done / total if total else 1.0
    filled = int(share * BAR_LENGTH)
    return f"{'▰' * filled}{'▱' * (BAR_LENGTH - filled)} {int(share * 100)} % ({done} of {total})"


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
    """Whom a person must look at, when the run is over."""
    if not report.is_over or not report.in_trouble:
        return []
    lines = [
        f"{_shown(name)}: {shortened(reason, REASON_LENGTH)}"
        for name, reason in report.in_trouble[:NAMED]
    ]
    more = report.count(*(PARKED - {State.NOT_ELIGIBLE})) - len(lines)
    return ["", "Needs a person:", *lines, *([f"… and {more} more."] if more > 0 else [])]
