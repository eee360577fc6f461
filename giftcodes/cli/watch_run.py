"""Show the progress of a run until it ends: a bar on a terminal, or else a few lines."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from django.conf import settings
from django.core.management.base import CommandError
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from giftcodes.cli.base import INTERRUPTED_STATUS
from giftcodes.cli.terminal import Screen
from giftcodes.domain.served import Ending, Result, Served, Share, Tone, share_of
from giftcodes.domain.transitions import State
from giftcodes.estimates import formatting as words
from giftcodes.estimates.queue_snapshot import read_outlooks
from giftcodes.models import (
    MemberRedemption,
    RateBudget,
    Redemption,
    RunState,
    database_now,
)
from giftcodes.models.member_redemption import STATE_LABELS
from giftcodes.queries.heartbeat import is_beating, pulse_age_seconds

REFRESH_SECONDS = 1.0
LINE_SECONDS = 5.0
LINE_PERCENT = 10
NOT_EVERYONE_STATUS = 3
#: At most `NAMES_SHOWN` members are listed below one reason. If the reason needs no action by a
#: person, they are listed only if there are at most `FEW_NAMES` of them.
NAMES_SHOWN, FEW_NAMES = 50, 3


@dataclass(frozen=True, slots=True)
class RunProgress:
    """The numbers of a run at one moment."""

    served: Served
    result: Result
    is_running: bool

    @classmethod
    def of(cls, redemption_id: int) -> Self:
        # The state is read before the numbers, so that the numbers of a finished run are final.
        redemption = Redemption.objects.select_related("gift_code").get(pk=redemption_id)
        served = redemption.shares_of(redemption.tally())
        is_running = redemption.state == RunState.RUNNING
        return cls(served, redemption.result(served), is_running)

    @property
    def total(self) -> int:
        return self.served.total

    @property
    def done(self) -> int:
        """The number of members for whom no request is left."""
        return self.total - self.served.waiting


def wait_for_everyone(
    redemption_id: int,
    screen: Screen,
    warn: Callable[[str], None],
    *,
    pause: Callable[[float], None],
) -> None:
    """Watch a run until it ends, and list the members who do not have the code.

    Raises:
        CommandError: a member does not have the code, or Ctrl-C was pressed.
    """
    redemption = Redemption.objects.select_related("guild", "gift_code").get(pk=redemption_id)
    code = redemption.gift_code
    try:
        end = watch(redemption, screen, warn, pause=pause)
    except KeyboardInterrupt:
        raise CommandError(
            f"No longer waiting. The run goes on; `{settings.COMMAND} stop {code.code} "
            f'--guild "{redemption.guild}"` stops it.',
            returncode=INTERRUPTED_STATUS,
        ) from None
    _show_result(end.result, screen)
    missing = _members_without_code(redemption)
    _show_missing(missing, redemption.gift_code.ending, screen)
    if missing:
        words = f"{len(missing)} of {end.total} member(s) do not have code {code}."
        raise CommandError(f"{words} {end.result.advice}".rstrip(), returncode=NOT_EVERYONE_STATUS)
    if end.served.has == end.total and end.total:
        screen.line(f"All {end.total} member(s) have code {code}.")
    elif end.total:
        screen.line(
            f"{end.served.words}. The others have another code of the same group, and the game "
            "gives each player only one of the group."
        )


def _show_result(result: Result, screen: Screen) -> None:
    """Print the result in one line: as good news only if every member has the code."""
    line = f"{result.title}: {result.served.all_words}."
    if result.tone is Tone.GOOD:
        screen.good(line)
    elif result.tone in (Tone.BAD, Tone.ATTENTION):
        screen.bad(line)
    else:
        screen.neutral(line if result.served.total else f"{result.title}: {result.advice}")


def watch(
    redemption: Redemption,
    screen: Screen,
    warn: Callable[[str], None],
    *,
    pause: Callable[[float], None],
) -> RunProgress:
    """Show a run's progress until it ends.

    Args:
        redemption: the run.
        screen: shows the progress.
        warn: called with the reason when the run cannot go on, and with each new reason.
        pause: waits for a number of seconds.

    Returns:
        The progress at the end.
    """
    provider = redemption.guild.provider
    warned = left = ""
    estimated_at = -LINE_SECONDS
    with _Bar(screen) if screen.is_terminal else _Lines(screen) as display:
        while True:
            progress = RunProgress.of(redemption.pk)
            if time.monotonic() - estimated_at >= LINE_SECONDS:
                left, estimated_at = _time_left(redemption.pk), time.monotonic()
            display.show(progress, left)
            if not progress.is_running:
                return progress
            obstacle = _obstacle(provider)
            if obstacle and obstacle != warned:
                warn(obstacle)
            warned = obstacle
            pause(REFRESH_SECONDS)


def _members_without_code(redemption: Redemption) -> list[MemberRedemption]:
    """The members who do not have the code, and why. Those who left the guild are not counted."""
    rows = redemption.member_redemptions.unsettled().remaining().select_related("member")
    return list(rows.order_by("state", "pk"))


def _show_missing(rows: list[MemberRedemption], ending: Ending, screen: Screen) -> None:
    """Say each reason once, with the members that it concerns."""
    if not rows:
        return
    screen.line("Without the code:")
    by_reason: dict[tuple[State, str], list[str]] = {}
    for row in rows:
        by_reason.setdefault((State(row.state), row.reason), []).append(str(row.member))
    for (state, reason), names in by_reason.items():
        label = f"{len(names)} {STATE_LABELS[state]}"
        screen.paragraph(f"{label}: {reason}" if reason else label, indent=2)
        # Hundreds of members may share a reason that needs no action by a person.
        if share_of(state, ending) is Share.NEEDS_YOU or len(names) <= FEW_NAMES:
            more = len(names) - NAMES_SHOWN
            shown = ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
            screen.paragraph(shown, indent=4)


def _time_left(redemption_id: int) -> str:
    """The estimated time until the run ends, in words. It is empty if there is no estimate."""
    outlook = read_outlooks().by_redemption.get(redemption_id)
    return "" if outlook is None or outlook.seconds is None else f"left: {words.left(outlook)}"


def _obstacle(provider: str) -> str:
    """The reason why no run of this game can go on now. It is empty if runs can go on."""
    now = database_now()
    age = pulse_age_seconds(now)
    if not is_beating(age):
        cause = "" if age is None else ", or Celery beat has stopped"
        return (
            f"No worker is running{cause}: start `{settings.START_COMMAND}`. "
            "The run then goes on. This command is still waiting."
        )
    budget = RateBudget.objects.filter(pk=provider).first()
    if budget is not None and budget.is_paused(now):
        until = (
            "until it is resumed in the admin"
            if budget.paused_until is None
            else "and is probed automatically"
        )
        return f"{provider} is paused {until}: {budget.pause_reason} This command is still waiting."
    return ""


class _Bar:
    """A progress bar that is redrawn in place."""

    def __init__(self, screen: Screen) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", markup=False),
            console=screen.console(),
        )
        self._task: TaskID = self._progress.add_task("Redeeming", total=None, left="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._progress.stop()

    def show(self, progress: RunProgress, left: str) -> None:
        self._progress.update(
            self._task,
            total=progress.total,
            completed=progress.done,
            description=progress.served.all_words if progress.total else "Redeeming",
            left=left if progress.is_running else "",
        )


@dataclass(slots=True)
class _Lines:
    """Prints a line after each tenth of the members. In between, at most one every LINE_SECONDS."""

    screen: Screen
    _shown: RunProgress | None = field(default=None)
    _shown_at: float = field(default=0.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        pass

    def show(self, progress: RunProgress, left: str) -> None:
        if not self._is_due(progress):
            return
        self._shown, self._shown_at = progress, time.monotonic()
        more = f"; {left}" if left and progress.is_running else ""
        self.screen.line(f"{progress.served.all_words if progress.total else 'No members'}{more}")

    def _is_due(self, progress: RunProgress) -> bool:
        if self._shown is None:
            return True
        if progress == self._shown:
            return False
        is_further = _tenths(progress) > _tenths(self._shown)
        is_late = time.monotonic() - self._shown_at >= LINE_SECONDS
        return is_further or is_late or not progress.is_running


def _tenths(progress: RunProgress) -> int:
    return 100 * progress.done // (LINE_PERCENT * max(progress.total, 1))
