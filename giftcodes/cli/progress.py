"""Show how far something is that goes in stages: a bar for each on a terminal, a line for each elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from giftcodes.cli.terminal import Screen

#: Takes the part that is done, from 0 to 1.
Tell = Callable[[float], None]


@contextmanager
def stage(screen: Screen, what: str) -> Iterator[Tell]:
    """One stage, such as `Loading the data`. Its bar stays when it is over."""
    if not screen.is_terminal:
        screen.line(f"{what}.")
        yield lambda _part: None
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
        yield lambda part: bar.update(task, completed=min(part, 1.0))
        bar.update(task, completed=1.0)
