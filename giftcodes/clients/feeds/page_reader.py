"""A program that takes the entries out of an RSS feed or a web page from standard input.

    python -I page_reader.py OPTIONS < page.html

`giftcodes.domain.limited_process` runs it as a file, so that it imports nothing of this
application: no settings, and no secrets. OPTIONS is a JSON object with `format` (`rss` or `page`)
and, for a page, the selectors of `SourceOptions`. The answer on standard output is a JSON object.
Its `entries` are a list of `[code, published, ends]` for a page, and of `[text, published]` for
RSS. They are null if the body is neither RSS nor Atom.
"""

from __future__ import annotations

import io
import json
import sys
from calendar import timegm
from typing import Any

#: One more than the caller accepts, so that the caller sees that there are too many.
MOST_ENTRIES = 501
#: The longest text of an entry, in characters.
TEXT_LENGTH = 20_000


def rss_entries(body: bytes) -> dict[str, Any]:
    """The texts of the entries of an RSS or Atom feed, and when they were published.

    The moments are in seconds since 1970, or None.
    """
    # Imported here, because only RSS needs this parser.
    import feedparser

    # A file object: feedparser would take a text as an address or as the name of a file.
    parsed = feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
    if not parsed.entries and not parsed.version:
        return {"entries": None}
    return {"entries": [_rss_entry(entry) for entry in parsed.entries[:MOST_ENTRIES]]}


def _rss_entry(entry: Any) -> tuple[str, int | None]:
    contents = [content.get("value", "") for content in entry.get("content", [])]
    texts = [entry.get("title", ""), *(contents or [entry.get("summary", "")])]
    moment = entry.get("published_parsed") or entry.get("updated_parsed")
    text = "\n".join(_plain(text) for text in texts)
    return text[:TEXT_LENGTH], timegm(moment) if moment else None


def _plain(text: str) -> str:
    """A text without its markup: descriptions in feeds are HTML."""
    from selectolax.lexbor import LexborHTMLParser

    if "<" not in text and "&" not in text:
        return text
    body = LexborHTMLParser(text[:TEXT_LENGTH]).body
    return body.text(separator=" ") if body else ""


def page_entries(body: bytes, options: dict[str, str]) -> dict[str, Any]:
    """The texts of the elements that the selectors find.

    Raises:
        ValueError: a selector cannot be read.
    """
    from selectolax.lexbor import LexborHTMLParser

    found = LexborHTMLParser(body).css(options["entries"])[:MOST_ENTRIES]
    names = ("code", "published", "ends")
    return {
        "entries": [
            [
                _text(element, options[name]) if options[name] or name == "code" else None
                for name in names
            ]
            for element in found
        ]
    }


def _text(element: Any, selector: str) -> str | None:
    """The text of an element, or of the first one in it that a selector finds.

    The attribute `datetime` of an element takes precedence over its text.
    """
    found = element.css_first(selector) if selector else element
    if found is None:
        return None
    moment = found.attributes.get("datetime")
    return str(moment or found.text(separator=" ").strip())[:TEXT_LENGTH]


def main(argument: str) -> dict[str, Any]:
    """Read standard input. Returns the answer."""
    options = json.loads(argument)
    body = sys.stdin.buffer.read()
    return rss_entries(body) if options["format"] == "rss" else page_entries(body, options)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1])))
