"""Draws each figure as a bar. benchmarks/record.py writes the chart."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from benchmarks.figures import Figure

ROW, LABELS, BARS, TOP = 20, 520, 300, 30
#: A bar is cut off at this multiple of the limit.
LONGEST = 1.2


def chart(figures: Iterable[Figure]) -> str:
    """Draw the figures that have a limit as SVG, beginning with the highest ratio to the limit."""
    rows = sorted(
        ((figure.ratio, figure) for figure in figures if figure.ratio is not None),
        key=lambda row: -row[0],
    )
    height = TOP + ROW * len(rows) + 10
    limit = LABELS + BARS / LONGEST
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LABELS + BARS + 60} {height}" '
        'font-family="sans-serif" font-size="12" role="img" '
        'aria-label="Figures against their limits">',
        f'<rect width="100%" height="{height}" fill="#ffffff"/>',
        *(_bar(number, figure, ratio) for number, (ratio, figure) in enumerate(rows)),
        f'<line x1="{limit:.1f}" y1="{TOP - 8}" x2="{limit:.1f}" y2="{height - 6}" '
        'stroke="#b3261e" stroke-width="2"/>',
        f'<text x="{limit:.1f}" y="{TOP - 12}" fill="#b3261e" text-anchor="middle">limit</text>',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _bar(number: int, figure: Figure, ratio: float) -> str:
    y = TOP + ROW * number
    width = min(ratio, LONGEST) / LONGEST * BARS
    colour = "#b3261e" if figure.is_beyond else "#1f6f43"
    return (
        f'<text x="{LABELS - 8}" y="{y + 13}" text-anchor="end" fill="#1b1b1f">'
        f"{escape(figure.what)}</text>"
        f'<rect x="{LABELS}" y="{y + 3}" width="{width:.1f}" height="{ROW - 6}" fill="{colour}"/>'
        f'<text x="{LABELS + width + 6:.1f}" y="{y + 13}" fill="#1b1b1f">{ratio:.2f}</text>'
    )
