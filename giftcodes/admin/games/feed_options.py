"""The options of each kind of feed: how its answer is read. They are fields of the feed's form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from giftcodes.models.feed import FeedKind

#: The options that a kind of feed has.
OPTIONS: dict[str, tuple[str, ...]] = dict.fromkeys(FeedKind, ())


def option_fields(kind: FeedKind) -> dict[str, Any]:
    """The form's fields for the options of a kind."""
    return {}


def problems_of(kind: FeedKind, options: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What is wrong with the options: the name of the option, and a sentence."""
    yield from ()
