"""No address makes the page of a list slow or large, and every page number leads to a page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from giftcodes.admin.common.search_limits import MAX_CHARACTERS, MAX_VALUES, MAX_WORDS
from giftcodes.models import Guild, Member
from tests.admin import past
from tests.factories import member
from tests.security.people import everyone

#: Enough for 50 rows, each with some links that repeat the address.
_MAX_PAGE_BYTES = 1_000_000
_MAX_STATEMENT_CHARACTERS = 20_000


@pytest.fixture
def officer(db: None) -> Client:
    """An officer, who sees two pages of members."""
    past.live(2)
    wolves = Guild.objects.order_by("pk").first()
    assert wolves is not None
    for number in range(60):
        member(wolves, str(400_000_000 + number))
    return everyone(wolves)["officer"].client


def lists() -> list[str]:
    """The addresses of the lists that have a search field."""
    return [
        reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist")
        for page in admin.site._registry.values()
        if page.search_fields
    ]


@contextmanager
def short_statements() -> Iterator[None]:
    with CaptureQueriesContext(
        connection,
    ) as statements:
        yield
    assert statements.captured_queries
    longest = max(len(one["sql"]) for one in statements.captured_queries)
    assert longest < _MAX_STATEMENT_CHARACTERS


@pytest.mark.parametrize(
    ("term", "words"),
    [
        (" ".join("abcdefghi"), f"Search for at most {MAX_WORDS} words."),
        (" ".join(["w"] * 900), f"Search for at most {MAX_CHARACTERS} characters."),
        ("\u2800".join("abcdefghi"), f"Search for at most {MAX_WORDS} words."),
    ],
    ids=["words", "characters", "words after cleaning"],
)
def test_a_search_for_too_much_finds_nothing_and_says_what_to_do(
    admin_client: Client, officer: Client, term: str, words: str
) -> None:
    for client in (admin_client, officer):
        for page in lists():
            with short_statements():
                response = client.get(page, {"q": term})
            if response.status_code == 403:
                continue
            assert response.status_code == 200
            assert words in response.content.decode(), page
            assert response.context["cl"].result_count == 0


def test_a_search_for_a_long_name_finds_it(officer: Client) -> None:
    row = Member.objects.order_by("pk")[0]
    row.nickname = "The very best of all our old good wolves"[:30]
    row.save()

    response = officer.get(reverse("admin:giftcodes_member_changelist"), {"q": row.nickname})

    assert response.context["cl"].result_count == 1


def test_a_filter_for_too_many_values_is_refused(officer: Client) -> None:
    page = reverse("admin:giftcodes_member_changelist")
    wolves = Guild.objects.order_by("pk")[0]
    few, many = [str(wolves.pk)] * MAX_VALUES, [str(wolves.pk)] * (MAX_VALUES + 1)

    assert officer.get(page, {"guild__id__in": ",".join(few)}).status_code == 200
    for query in ({"guild__id__in": ",".join(many)}, {"guild__id__exact": many}):
        response = officer.get(page, query)
        assert response.status_code == 400
        assert "too many values" in response.content.decode()


def test_no_page_grows_with_its_address(officer: Client) -> None:
    for page in lists():
        response = officer.get(page, {"q": "\u6f22" * 200})
        assert len(response.content) < _MAX_PAGE_BYTES
        response = officer.get(page, {"q": "\u6f22" * 6_000})
        assert response.status_code == 414
        assert "This address is too long" in response.content.decode()
        assert len(response.content) < 20_000


@pytest.mark.parametrize(
    ("asked", "shown"), [("9999", 2), ("3", 2), ("0", 1), ("-1", 1), ("1" * 60, 2), ("x", 1)]
)
def test_for_a_page_that_does_not_exist_the_nearest_one_is_shown(
    officer: Client, asked: str, shown: int
) -> None:
    page = reverse("admin:giftcodes_member_changelist")

    response = officer.get(page, {"p": asked})

    assert response.status_code == 200
    assert response.context["cl"].page_num == shown
    words = f"This is page {shown} of 2."
    assert (words in response.content.decode()) is (asked != "x")


def test_a_page_that_does_not_exist_does_not_hide_a_bad_filter(officer: Client) -> None:
    page = reverse("admin:giftcodes_member_changelist")

    assert officer.get(page, {"p": "9999", "guild__id__exact": "x"}).status_code == 400
