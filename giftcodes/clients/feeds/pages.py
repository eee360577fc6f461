"""RSS, Atom and web pages: texts in which people announce codes.

They are taken apart by libraries in a process with limits (decision 22), because a page of a few
kilobytes can keep a parser busy for minutes. What comes out of the process is checked here.
"""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from giftcodes.clients.feeds.base import Listing
from giftcodes.clients.feeds.entries import MOST_ENTRIES, Entry, listing_of, too_many_entries
from giftcodes.clients.feeds.options import SourceOptions, codes_around
from giftcodes.domain import limited_process
from giftcodes.domain.limited_process import TOO_MUCH, ProcessLimits
from giftcodes.domain.sentences import Sentence

READER = Path(__file__).with_name("page_reader.py")
LIMITS = ProcessLimits(cpu_seconds=3, wall_seconds=10)


def read_rss(body: bytes, options: SourceOptions) -> Listing:
    """Read RSS or Atom. Each entry is a text, in which the template finds the codes.

    A code counts as published when its entry was. Old entries stay in a feed, so their codes are
    listed too; the game says which of them have ended.

    Args:
        body: the answer of the source.
        options: the template.
    """
    found = _entries(body, {"format": "rss"})
    if isinstance(found, Listing):
        return found
    codes = [
        Entry(code, published)
        for text, published in found
        for code in codes_around(text, options.template)
    ]
    return listing_of(codes)


def read_page(body: bytes, options: SourceOptions) -> Listing:
    """Read a web page. If the selector finds no element, that is a problem: the page has changed.

    Args:
        body: the answer of the source.
        options: the selectors, and the template if an element's text is more than the code.
    """
    found = _entries(body, {"format": "page", **asdict(options)})
    if isinstance(found, Listing):
        return found
    if not found:
        return Listing(problem=Sentence.of("nothing_selected"))
    return listing_of(_page_entries(found, options.template))


def _page_entries(found: Iterable[list[Any]], template: str) -> Iterable[Entry]:
    for text, published, ends in found:
        if not template:
            yield Entry(text, published, ends)
            continue
        for code in codes_around(text or "", template):
            yield Entry(code, published, ends)


def is_selector(text: str) -> bool:
    """Whether a text is a CSS selector that can be used."""
    answer = _entries(b"<p></p>", {**asdict(SourceOptions(entries=text)), "format": "page"})
    return not isinstance(answer, Listing)


def _entries(body: bytes, argument: dict[str, str]) -> list[Any] | Listing:
    """What the process found, or a listing that contains the problem."""
    try:
        status, output = limited_process.run(READER, json.dumps(argument), body, LIMITS)
    except subprocess.TimeoutExpired:
        return Listing(problem=Sentence.of("reading_too_much"))
    except OSError as error:
        return Listing(problem=Sentence.of("no_process", error=str(error.strerror)))
    if -status in (*TOO_MUCH, signal.SIGALRM):
        return Listing(problem=Sentence.of("reading_too_much"))
    try:
        answer: dict[str, Any] = json.loads(output)
    except ValueError:
        return Listing(problem=Sentence.of("reading_failed"))
    found: list[Any] | None = answer["entries"]
    if found is None:
        return Listing(problem=Sentence.of("neither_rss_nor_atom"))
    if len(found) > MOST_ENTRIES:
        return too_many_entries()
    return found
