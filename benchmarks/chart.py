"""`python -m benchmarks.chart FIGURES.json CHART.svg` draws each figure as a bar."""

from __future__ import annotations

import json
import sys
from html import escape
from pathlib import Path
from typing import Any

ROW, LABELS, BARS, TOP = 20, 520, 300, 30
#: A bar is cut off at this multiple of the limit.
LONGEST = 1.2


def chart(figures: list[dict[str, Any]]) -> str:
    """Draw the figures that have a limit as SVG, beginning with the highest ratio to the limit.

    Args:
        figures: the figures in the form in which `make bench` writes them.
    """
    rows = sorted(
        (figure for figure in figures if figure["ratio"] is not None),
        key=lambda figure: -figure["ratio"],
    )
    height = TOP + ROW * len(rows) + 10
    limit = LABELS + BARS / LONGEST
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LABELS + BARS + 60} {height}" '
        'font-family="sans-serif" font-size="12" role="img" '
        'aria-label="Figures against their limits">',
        f'<rect width="100%" height="{height}" fill="#ffffff"/>',
        *(_bar(number, figure) for number, figure in enumerate(rows)),
        f'<line x1="{limit:.1f}" y1="{TOP - 8}" x2="{limit:.1f}" y2="{height - 6}" '
        'stroke="#b3261e" stroke-width="2"/>',
        f'<text x="{limit:.1f}" y="{TOP - 12}" fill="#b3261e" text-anchor="middle">limit</text>',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _bar(number: int, figure: dict[str, Any]) -> str:
    ratio = figure["ratio"]
    y = TOP + ROW * number
    width = min(ratio, LONGEST) / LONGEST * BARS
    colour = "#b3261e" if figure["is_beyond"] else "#1f6f43"
    return (
        f'<text x="{LABELS - 8}" y="{y + 13}" text-anchor="end" fill="#1b1b1f">'
        f"{escape(figure['what'])}</text>"
        f'<rect x="{LABELS}" y="{y + 3}" width="{width:.1f}" height="{ROW - 6}" fill="{colour}"/>'
        f'<text x="{LABELS + width + 6:.1f}" y="{y + 13}" fill="#1b1b1f">{ratio:.2f}</text>'
    )


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.write_text(
        chart(json.loads(source.read_text(encoding="utf-8"))["figures"]), encoding="utf-8"
    )
