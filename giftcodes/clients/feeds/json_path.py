"""Any JSON: the list of codes is at a path, and each entry is a code or an object with one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from giftcodes.clients.feeds.base import Listing
from giftcodes.clients.feeds.entries import Entry, listing_of
from giftcodes.clients.feeds.options import SourceOptions, steps_of
from giftcodes.domain.sentences import Sentence


def read_list(body: bytes, options: SourceOptions) -> Listing:
    """Read a body. An empty list is valid; anything but a list at the path is a problem.

    Args:
        body: the answer of the source.
        options: `entries` is the path of the list; `code`, `published` and `ends` are paths within
            an entry.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return Listing(problem=Sentence.of("answer_not_json"))
    found = _at(answer, steps_of(options.entries))
    if not isinstance(found, list):
        if options.entries:
            return Listing(problem=Sentence.of("no_list_at_path", path=options.entries))
        return Listing(problem=Sentence.of("no_list_in_answer"))
    return listing_of(_entries(found, options))


def _entries(found: list[Any], options: SourceOptions) -> Iterable[Entry]:
    code, published, ends = map(steps_of, (options.code, options.published, options.ends))
    for one in found:
        yield Entry(
            _at(one, code),
            _at(one, published) if published else None,
            _at(one, ends) if ends else None,
        )


def _at(value: Any, steps: Sequence[str]) -> Any:
    """The value at a path. None if there is none."""
    for step in steps:
        if isinstance(value, dict):
            # Digits are a name here: in JSON, all names are texts.
            value = value.get(step)
        elif isinstance(value, list) and step.isascii() and step.isdecimal():
            place = int(step)
            value = value[place] if place < len(value) else None
        else:
            return None
    return value
