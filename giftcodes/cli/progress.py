"""Show the progress of work in stages: a bar for each stage on a terminal, or else a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from giftcodes.cli.terminal import Screen

#: A function that is called with the fraction that is done, from 0 to 1.
ReportProgress = Callable[[float], None]


@contextmanager
def stage(screen: Screen, what: str) -> Iterator[ReportProgress]:
    """Show one stage, such as `Loading the data`. Its bar stays on the screen at the end."""
    if not screen.is_terminal:
        screen.line(f"{what}.")
        yield lambda _fraction: None
        return
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=screen.console(),
    )
    with bar:
        task = bar.add_task(what, total=1.0)
        yield lambda fraction: bar.update(task, completed=min(fraction, 1.0))
        bar.update(task, completed=1.0)
