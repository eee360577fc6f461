"""The search: what it finds, for whom, what it says if it finds nothing, and what it costs."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from giftcodes.admin.search import LONGEST_TERM, MOST
from tests.admin.conftest import Browser
from tests.factories import gift_code, guild, member
from tests.security.people import Person, everyone

URL = "/admin/search/"


def found(client: Client, term: str) -> dict[str, list[str]]:
    """The names of the results, by the title of their group, without the group of pages."""
    response = client.get(URL, {"s": term})
    assert response.status_code == 200
    groups = response.context["search"]["groups"]
    names = {str(group.title): [_bare(one.name) for one in group.results] for group in groups}
    return {title: results for title, results in names.items() if title != "Pages"}


def _bare(name: str) -> str:
    return "".join(character for character in name if character not in "\u2066\u2067\u2068\u2069")


@pytest.fixture
def wolves(db: None) -> None:
    wolves = guild("Wolves")
    member(wolves, "410000105", nickname="Wolfgang")
    member(wolves, "410000106", nickname="Amber")
    gift_code("WOLF2026")


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("410000105", {"Players": ["Wolfgang (410000105)"]}),
        ("4100001", {"Players": ["Amber (410000106)", "Wolfgang (410000105)"]}),
        ("410 000 105", {"Players": ["Wolfgang (410000105)"]}),
        ("410.000-105", {"Players": ["Wolfgang (410000105)"]}),
        ("٤١٠٠٠٠١٠٥", {"Players": ["Wolfgang (410000105)"]}),
        ("amb", {"Players": ["Amber (410000106)"]}),
        (
            "wol",
            {"Players": ["Wolfgang (410000105)"], "Codes": ["WOLF2026"], "Guilds": ["Wolves"]},
        ),
        ("wolf2026", {"Codes": ["WOLF2026"]}),
        ("0000105", {}),
        ("%", {}),
        ("_", {}),
        ("<script>", {}),
        ("' OR 1=1 --", {}),
        ("\\", {}),
        ("\u202ewolves", {"Guilds": ["Wolves"]}),
        ("   ", {}),
    ],
)
@pytest.mark.usefixtures("wolves")
def test_the_search_finds_players_codes_and_guilds(
    browser: Browser, term: str, expected: dict[str, list[str]]
) -> None:
    assert found(browser.client, term) == expected


def test_the_search_finds_pages_by_their_name_and_by_what_they_are_for(browser: Browser) -> None:
    for term, title in (("journal", "Journal"), ("locked out", "Failed logins"), ("home", "Home")):
        page = browser.client.get(URL, {"s": term}).context["search"]
        assert [one.name for one in page["groups"][-1].results][:1] == [title], term


@pytest.mark.usefixtures("wolves")
def test_the_result_that_matches_exactly_comes_first(browser: Browser) -> None:
    member(guild("Bears"), "4100001", nickname="Zoe")
    assert found(browser.client, "4100001")["Players"][0] == "Zoe (4100001)"


def test_a_search_without_results_says_so_and_what_to_try(browser: Browser) -> None:
    page = browser.client.get(URL, {"s": "<b>qqq"}).content.decode()
    assert "Nothing found for “&lt;b&gt;qqq”." in page
    assert "Try a part of the name" in page
    assert "Type a player ID" in browser.client.get(URL).content.decode()


def test_a_text_that_is_too_long_is_not_searched_for(browser: Browser) -> None:
    with CaptureQueriesContext(connection) as queries:
        page = browser.client.get(URL, {"s": "x" * 500, "part": "1"}).content.decode()
    assert f"at most {LONGEST_TERM} characters" in page
    assert not [one for one in queries if "giftcodes_member" in one["sql"]]
    assert browser.client.get(URL, {"s": "a\0b"}).status_code == 400


def test_the_part_that_the_script_fetches_holds_only_the_results(browser: Browser) -> None:
    page = browser.client.get(URL, {"s": "journal", "part": "1"}).content.decode()
    assert "<html" not in page
    assert "Journal" in page


def test_if_not_all_results_are_shown_a_link_leads_to_the_list(browser: Browser) -> None:
    wolves = guild("Wolves")
    for number in range(MOST + 3):
        member(wolves, nickname=f"Amber {number}")
    (group,) = [
        group
        for group in browser.client.get(URL, {"s": "amber"}).context["search"]["groups"]
        if str(group.title) == "Players"
    ]
    assert len(group.results) == MOST
    assert f"({MOST + 3}" not in browser.client.get(group.more_url).content.decode()
    assert browser.client.get(group.more_url).context["cl"].result_count == MOST + 3


def test_the_search_costs_the_same_with_few_rows_and_with_many(browser: Browser) -> None:
    wolves = guild("Amber wolves")
    member(wolves, nickname="Amber")

    def cost(term: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.client.get(URL, {"s": term})
        return len(queries)

    cost("amber")
    few = cost("amber")
    for number in range(30):
        member(wolves, nickname=f"Amber {number}")
        guild(f"Amber {number}")
        gift_code(f"AMBER{number}")
    assert cost("amber") == few
    assert cost("zzz") == few


@pytest.fixture
def people(db: None) -> dict[str, Person]:
    mine, theirs = guild("Own guild"), guild("Foreign guild", provider="kingshot")
    member(mine, "200", nickname="Own player")
    member(theirs, "300", nickname="Foreign player")
    gift_code("OWNCODE"), gift_code("FOREIGNCODE", provider="kingshot")
    return everyone(mine)


def test_each_person_finds_only_what_they_may_see(people: dict[str, Person]) -> None:
    for term in ("own", "foreign", "300", "code"):
        shown = people["officer"].client.get(URL, {"s": term, "part": "1"}).content.decode()
        assert "FOREIGNCODE" not in shown
        assert "Foreign player" not in shown
        assert "Foreign guild" not in shown
    assert set(found(people["officer"].client, "own")) == {"Players", "Codes", "Guilds"}
    assert set(found(people["viewer"].client, "foreign")) == {"Players", "Codes", "Guilds"}
    assert found(people["staff"].client, "own") == {}
    assert Client().get(URL, {"s": "own"}).status_code == 302


def test_an_officer_finds_only_pages_that_they_may_open(people: dict[str, Person]) -> None:
    client = people["officer"].client
    for term in ("a", "e", "schedule", "people"):
        for group in client.get(URL, {"s": term}).context["search"]["groups"]:
            for one in group.results:
                assert client.get(one.url).status_code == 200, one
