"""Clients of the feeds in which codes are published, with one file for each feed format."""

from __future__ import annotations

from collections.abc import Callable

from giftcodes.clients.feeds import community, json_path, kingshot_net, pages
from giftcodes.clients.feeds.base import (
    FeedConfig,
    FeedReading,
    FeedStatus,
    Listing,
    PublishedCode,
    read_feed,
)
from giftcodes.clients.feeds.options import (
    SourceOptions,
    problem_of_path,
    problem_of_template,
)
from giftcodes.domain.sentences import Sentence

__all__ = [
    "FORMATS",
    "FORMATS_WITH_OPTIONS",
    "FeedConfig",
    "FeedReading",
    "FeedStatus",
    "PublishedCode",
    "SourceOptions",
    "fetch",
    "problems_of_options",
]

#: The function that reads a body, by the value of `<GAME>_FEED_FORMAT`.
FORMATS: dict[str, Callable[[bytes], Listing]] = {
    "community": community.read_list,
    "kingshot.net": kingshot_net.read_list,
}

#: The functions that read a body with the options of its source, by the name of the format.
FORMATS_WITH_OPTIONS: dict[str, Callable[[bytes, SourceOptions], Listing]] = {
    "json": json_path.read_list,
    "rss": pages.read_rss,
    "page": pages.read_page,
}


def problems_of_options(feed_format: str, options: SourceOptions) -> dict[str, Sentence]:
    """What is wrong with the options of a source.

    Args:
        feed_format: a key of `FORMATS` or `FORMATS_WITH_OPTIONS`.
        options: what an administrator entered. Options that the format does not use are ignored.

    Returns:
        For each option that cannot be used: its name, and a sentence that says what to do.
    """
    found: dict[str, Sentence | None] = {}
    if feed_format == "json":
        for name in ("entries", "code", "published", "ends"):
            found[name] = problem_of_path(getattr(options, name))
    elif feed_format == "rss":
        found["template"] = problem_of_template(options.template)
    elif feed_format == "page":
        for name in ("entries", "code", "published", "ends"):
            found[name] = _problem_of_selector(
                getattr(options, name), may_be_empty=name != "entries"
            )
        if options.template:
            found["template"] = problem_of_template(options.template)
    return {name: problem for name, problem in found.items() if problem}


def _problem_of_selector(selector: str, *, may_be_empty: bool) -> Sentence | None:
    if not selector:
        return None if may_be_empty else Sentence.of("selector_missing")
    return None if pages.is_selector(selector) else Sentence.of("selector_wrong")


def fetch(
    config: FeedConfig,
    *,
    etag: str = "",
    last_modified: str = "",
    total_seconds: float,
    connect_seconds: float,
) -> FeedReading:
    """Fetch the feed's list once. Never raises and never sleeps.

    Args:
        etag, last_modified: the values of the last reading. With them, the feed may answer "not
            modified".
        total_seconds: the limit for the request.
        connect_seconds: the part of `total_seconds` that connecting may take.
    """
    read = _reader_of(config)
    if read is None:
        setting, formats = f"{config.name.upper()}_FEED_FORMAT", ", ".join(FORMATS)
        return FeedReading(
            FeedStatus.FAILED,
            error=Sentence.of("feed_format_unknown", setting=setting, formats=formats),
        )
    return read_feed(
        config,
        read,
        etag=etag,
        last_modified=last_modified,
        total_seconds=total_seconds,
        connect_seconds=connect_seconds,
    )


def _reader_of(config: FeedConfig) -> Callable[[bytes], Listing] | None:
    options = config.feed_options
    with_options = FORMATS_WITH_OPTIONS.get(config.feed_format)
    if with_options is None or options is None:
        return FORMATS.get(config.feed_format)
    return lambda body: with_options(body, options)
