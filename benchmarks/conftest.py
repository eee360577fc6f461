"""`make bench`: each figure beside its limit, and as a ratio to it."""

from __future__ import annotations


def report(what: str, figure: float, *, limit: float, unit: str) -> None:
    """Print one figure that should be below its limit."""
    print(f"\n{what:<60} {figure:>9.1f} {unit:<3} of {limit:>7.1f} {unit:<3} = {figure / limit:5.2f}", flush=True)
