"""Sources whose form an administrator describes: JSON, RSS, Atom, web pages and pushed codes."""

from __future__ import annotations

import json
import signal
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giftcodes.clients.feeds import (
    FORMATS_WITH_OPTIONS,
    PublishedCode,
    SourceOptions,
    pages,
    problems_of_options,
)
from giftcodes.clients.feeds.base import Listing
from giftcodes.clients.feeds.entries import MOST_ENTRIES
from giftcodes.clients.feeds.json_path import read_list
from giftcodes.clients.feeds.options import codes_around
from giftcodes.clients.feeds.pages import read_page, read_rss
from giftcodes.clients.feeds.pushed import MAX_PUSHED_CODES, read_pushed

TEMPLATE = SourceOptions(template="gift code {code}")


def codes(listing: Listing) -> list[str]:
    assert not listing.problem
    return [one.code for one in listing.codes]


# --- JSON -----------------------------------------------------------------------------------------
def test_a_json_list_is_read_at_its_path_with_the_dates_of_its_entries() -> None:
    answer = {
        "result": [
            {"items": [{"gift": {"key": "FROST7"}, "on": "2026-07-05", "until": 1785585600}]}
        ]
    }
    options = SourceOptions("result.0.items", "gift.key", "on", "until")

    listing = read_list(json.dumps(answer).encode(), options)

    end = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)
    assert listing == Listing(codes=(PublishedCode("FROST7", date(2026, 7, 5), end),))


def test_a_name_of_digits_in_a_path_is_found_with_its_leading_zeros() -> None:
    answer = {"data": {"01": [{"007": "FROST7"}], "1": [{"7": "OTHER9"}]}}

    listing = read_list(json.dumps(answer).encode(), SourceOptions("data.01", "007"))

    assert codes(listing) == ["FROST7"]


def test_a_json_answer_may_itself_be_a_list_of_codes() -> None:
    assert codes(read_list(b'["FROST7", " EMBER8 ", "frost7"]', SourceOptions())) == [
        "FROST7",
        "EMBER8",
    ]


@pytest.mark.parametrize(
    ("body", "path", "problem"),
    [
        (b"<html>", "codes", "The answer is not JSON. It may be a web page."),
        (b"{}", "codes", "There is no list at “codes”. Check the path."),
        (b'{"codes": {}}', "codes", "There is no list at “codes”. Check the path."),
        (b"{}", "", "There is no list in the answer itself. Check the path."),
        (b"[[1]]", "7", "There is no list at “7”. Check the path."),
        (b"[" * 100_000, "", "The answer is not JSON. It may be a web page."),
    ],
)
def test_a_json_answer_without_the_list_is_a_problem(body: bytes, path: str, problem: str) -> None:
    assert read_list(body, SourceOptions(entries=path)) == Listing(problem=problem)


def test_json_entries_without_a_code_are_skipped_and_bad_dates_are_noted() -> None:
    body = json.dumps([{"c": "FROST7", "d": "yesterday"}, {"c": 7}, {}, "x", {"c": "not a code"}])

    listing = read_list(body.encode(), SourceOptions(code="c", published="d"))

    assert listing.codes == (PublishedCode("FROST7", None, None),)
    assert [reason.split(":")[0] for reason in listing.skipped] == [
        "its code is not a text but a value of type int",
        "its code is not a text but a value of type NoneType",
        "its code is not a text but a value of type NoneType",
        "not 1 to 32 letters and digits",
    ]
    assert listing.notes[0] == "FROST7: its day cannot be read and is taken as unknown: yesterday"


def test_a_source_with_too_many_entries_is_a_problem() -> None:
    body = json.dumps([f"CODE{number}" for number in range(MOST_ENTRIES + 1)]).encode()

    assert "They cannot all be codes" in read_list(body, SourceOptions()).problem


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


@given(_JSON, st.sampled_from(["", "a", "a.0", "0"]), st.sampled_from(["", "c", "c.0"]))
def test_no_json_breaks_the_reader(answer: Any, path: str, field: str) -> None:
    listing = read_list(json.dumps(answer).encode(), SourceOptions(path, field, field, field))

    assert isinstance(listing, Listing)


# --- Templates ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "template", "found"),
    [
        ("Use gift code: FROST7!", "gift code {code}", ["FROST7"]),
        ("GIFT CODE – **Frost7** and gift code\n“EMBER”", "gift code {code}", ["Frost7", "EMBER"]),
        ("Our gift code giveaway starts", "gift code {code}", []),
        ("megagift code FROST7", "gift code {code}", []),
        ("gift code FROST7x", "gift code {code} is", []),
        ("FROST7 is new", "{code} is new", ["FROST7"]),
        ("Код: FROST7", "код {code}", ["FROST7"]),
        ("code ABC", "code {code}", []),
    ],
)
def test_a_template_finds_codes_between_its_words(
    text: str, template: str, found: list[str]
) -> None:
    assert codes_around(text, template) == found


@pytest.mark.parametrize("piece", ["gift ", "gift code ", " ", "gift code A", "-", "A1"])
def test_a_hostile_text_takes_no_time_that_grows_faster_than_it(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))

    codes_around(text, "gift code {code}")


# --- RSS and Atom ---------------------------------------------------------------------------------
RSS = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>
<item><title>Patch notes</title><description>No news.</description></item>
<item><title>Gift code FROST7</title><pubDate>Sun, 05 Jul 2026 10:00:00 GMT</pubDate>
<description>&lt;p&gt;And another gift code:
&lt;br&gt;&lt;b&gt;EMBER8&lt;/b&gt;&lt;/p&gt;</description>
</item></channel></rss>"""
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title><entry>
<title>New!</title><updated>2026-07-05T10:00:00Z</updated>
<content type="html">&lt;i&gt;gift code&lt;/i&gt; FROST7</content></entry></feed>"""


def test_codes_are_found_in_the_titles_and_texts_of_rss() -> None:
    day = date(2026, 7, 5)

    assert read_rss(RSS, TEMPLATE) == Listing(
        codes=(PublishedCode("FROST7", day), PublishedCode("EMBER8", day))
    )


def test_codes_are_found_in_atom() -> None:
    assert read_rss(ATOM, TEMPLATE).codes == (PublishedCode("FROST7", date(2026, 7, 5)),)


def test_a_feed_without_codes_is_valid_and_another_document_is_a_problem() -> None:
    empty = b'<rss version="2.0"><channel><title>News</title></channel></rss>'

    assert read_rss(empty, TEMPLATE) == Listing()
    assert "neither RSS nor Atom" in read_rss(b"<html><p>Hello", TEMPLATE).problem


def test_an_entity_bomb_in_a_feed_is_no_list_of_codes() -> None:
    entities = "".join(
        f'<!ENTITY e{number} "{f"&e{number - 1};" * 20}">' for number in range(1, 12)
    )
    bomb = f'<!DOCTYPE rss [<!ENTITY e0 "FROST7">{entities}]><rss version="2.0"><channel><item>'
    body = f"{bomb}<title>gift code &e11;</title></item></channel></rss>".encode()

    listing = read_rss(body, TEMPLATE)

    assert not listing.codes


# --- Web pages ------------------------------------------------------------------------------------
PAGE = b"""<html><body><ul class=codes>
<li><b class=code> FROST7 </b> until <time datetime="2026-08-01T12:00:00Z">1 August</time></li>
<li><b class=code>EMBER8</b></li></ul><li><b class=code>OLD9</b></li></body></html>"""
SELECTORS = SourceOptions(entries="ul.codes li", code=".code", ends="time")


def test_the_selectors_find_the_codes_of_a_page_and_their_ends() -> None:
    end = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)

    assert read_page(PAGE, SELECTORS) == Listing(
        codes=(PublishedCode("FROST7", None, end), PublishedCode("EMBER8", None))
    )


def test_a_template_finds_codes_within_the_elements_of_a_page() -> None:
    page = b"<p>Hello</p><p>Today: gift code FROST7, and gift code EMBER8.</p>"
    options = SourceOptions(entries="p", template="gift code {code}")

    assert codes(read_page(page, options)) == ["FROST7", "EMBER8"]


def test_a_selector_that_finds_nothing_is_a_problem_because_the_page_may_have_changed() -> None:
    assert "The page may have changed" in read_page(b"<p>Maintenance</p>", SELECTORS).problem


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [
        b"<div>" * 400_000,
        b"<b><i>" * 300_000,
        b"<ul class=codes>" + b"<li><b class=code>FROST7</b></li>" * 60_000,
        b"<p " + b"a=1 " * 500_000 + b">",
    ],
    ids=["deep", "unclosed", "many", "attributes"],
)
def test_a_hostile_page_ends_only_the_process_that_reads_it(page: bytes) -> None:
    listing = read_page(page, SELECTORS)

    assert listing.problem
    assert not listing.codes


def test_the_process_that_reads_a_page_is_ended_when_its_time_is_used_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pages.limited_process, "run", lambda *_: (-signal.SIGXCPU, b""))

    assert "too much time" in read_page(PAGE, SELECTORS).problem


@settings(max_examples=15, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_break_the_readers_of_pages(body: bytes) -> None:
    assert isinstance(read_rss(b"<rss>" + body, TEMPLATE), Listing)
    assert isinstance(read_page(body, SELECTORS), Listing)


# --- Pushed codes ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "body",
    [
        b'{"code": "FROST7"}',
        b'{"codes": ["FROST7"]}',
        b'{"codes": [{"code": "FROST7"}]}',
        b'[{"code": "FROST7"}]',
        b"FROST7",
        b"\r\n FROST7 \r\n\r\n",
    ],
)
def test_a_pushed_code_is_read_in_every_form(body: bytes) -> None:
    assert read_pushed(body) == Listing(codes=(PublishedCode("FROST7", None),))


def test_a_pushed_code_may_have_its_dates() -> None:
    body = b'{"code": "FROST7", "published": "2026-07-05", "expires": "2026-08-01T12:00:00Z"}'

    assert read_pushed(body).codes == (
        PublishedCode("FROST7", date(2026, 7, 5), datetime(2026, 8, 1, 12, tzinfo=UTC)),
    )


@pytest.mark.parametrize(
    "body",
    [b"", b"  \n", b"{", b"[]", b"true", b"null", b'{"codes": []}', b"[" * 60_000],
)
def test_a_push_without_a_code_says_what_to_send(body: bytes) -> None:
    assert "The body has no code. Send" in read_pushed(body).problem


def test_a_push_with_too_many_codes_is_refused_as_a_whole() -> None:
    body = "\n".join(f"CODE{number}" for number in range(MAX_PUSHED_CODES + 1)).encode()

    assert "more than 100 codes" in read_pushed(body).problem


@given(st.binary(max_size=400) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_no_push_breaks_its_reader(body: bytes) -> None:
    assert isinstance(read_pushed(body), Listing)


# --- The options ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("feed_format", "options", "found"),
    [
        ("community", SourceOptions(), {}),
        ("json", SourceOptions("data.0.codes", "code"), {}),
        ("json", SourceOptions("data..codes"), {"entries": "cannot be a step of a path"}),
        ("json", SourceOptions("$[*]"), {"entries": "cannot be a step of a path"}),
        ("rss", TEMPLATE, {}),
        ("rss", SourceOptions(), {"template": "Write {code} once"}),
        ("rss", SourceOptions(template="{code} {code}"), {"template": "Write {code} once"}),
        ("rss", SourceOptions(template=" – {code}"), {"template": "at least one word"}),
        ("page", SELECTORS, {}),
        ("page", SourceOptions(), {"entries": "Enter a CSS selector"}),
        ("page", SourceOptions(entries="ul[["), {"entries": "not a CSS selector"}),
        ("page", SourceOptions("li", ends="::"), {"ends": "not a CSS selector"}),
        ("page", SourceOptions("li", template="code"), {"template": "Write {code} once"}),
    ],
)
def test_options_that_cannot_be_used_are_explained(
    feed_format: str, options: SourceOptions, found: dict[str, str]
) -> None:
    problems = problems_of_options(feed_format, options)

    assert problems.keys() == found.keys()
    for name, words in found.items():
        assert words in problems[name]


def test_every_format_with_options_has_a_reader() -> None:
    assert FORMATS_WITH_OPTIONS.keys() == {"json", "rss", "page"}
