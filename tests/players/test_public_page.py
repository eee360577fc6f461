"""The public page of a guild's codes."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from giftcodes.models import Guild, PublicPage
from giftcodes.services import joining
from tests.factories import gift_code, guild, member
from tests.players.conftest import Visitor, row

pytestmark = pytest.mark.django_db


def address(of: Guild) -> str:
    return reverse("players:public", args=[PublicPage.objects.get_or_create(guild=of)[0].public_id])


def test_the_page_shows_the_end_the_rewards_and_the_share_of_each_code_but_no_names(
    visitor: Visitor, wolves: Guild
) -> None:
    frost = gift_code(
        "FROST",
        rewards="500 gems",
        published_on=dt.date(2026, 5, 1),
        expires_at=timezone.now() + dt.timedelta(days=3),
    )
    gift_code("OVER", state="closed", closed_outcome="code_expired", closed_at=timezone.now())
    gift_code("NEVERWAS", state="closed", closed_outcome="code_not_found")
    for number in range(8):
        one = member(wolves, f"30000000{number}", nickname=f"Nick{number}")
        row(one, frost, "redeemed" if number < 7 else "failed")

    page = visitor.get(address(wolves))

    assert "Gift codes of <bdi>Wolves</bdi>" in page
    for text in ("FROST", "500 gems", "since 1 May 2026", "Ends ", "87 % have it", "OVER"):
        assert text in page, text
    for text in ("Nick", "30000000", "NEVERWAS"):
        assert text not in page


def test_the_share_of_few_members_is_hidden_because_it_would_reveal_one_of_them(
    visitor: Visitor, wolves: Guild
) -> None:
    row(member(wolves), gift_code("FROST"), "redeemed")
    page = visitor.get(address(wolves))
    assert "FROST" in page
    assert "% have it" not in page


@pytest.mark.parametrize(
    ("having", "is_open", "words", "colour"),
    [
        (0, True, "Nobody has it yet", "notyet"),
        (0, False, "Nobody got it", "needs"),
        (1, True, "12 % have it", "have"),
        (8, False, "100 % have it", "gone"),
    ],
)
def test_a_line_has_the_colour_of_its_words(
    visitor: Visitor, wolves: Guild, having: int, is_open: bool, words: str, colour: str
) -> None:
    ended = {"state": "closed", "closed_outcome": "code_expired", "closed_at": timezone.now()}
    code = gift_code("FROST", **({} if is_open else ended))
    for number in range(8):
        one = member(wolves, f"30000000{number}")
        row(one, code, "redeemed" if number < having else "failed")

    page = visitor.get(address(wolves))

    assert words in page
    assert f'<li class="part-{colour}">' in page
    assert ("No member of the guild has any of these codes yet" in page) == (having == 0)


def test_one_of_very_many_members_is_not_nobody(visitor: Visitor, wolves: Guild) -> None:
    code = gift_code("FROST")
    for number in range(101):
        one = member(wolves, f"3000000{number:03}")
        row(one, code, "pending" if number else "redeemed")
    page = visitor.get(address(wolves))
    assert "Less than 1 % have it" in page
    assert '<li class="part-have">' in page


def test_a_visitor_learns_how_to_join_but_does_not_get_the_link(
    visitor: Visitor, wolves: Guild
) -> None:
    link = joining.make_join_link(wolves.pk)
    page = visitor.get(address(wolves))
    assert "Not a member? Ask an officer of the guild for the join link." in page
    assert link.token not in page


def test_a_guild_without_codes_says_so(visitor: Visitor, wolves: Guild) -> None:
    assert "There is no code at the moment" in visitor.get(address(wolves))


def test_a_page_that_is_off_and_one_that_never_existed_look_the_same(
    visitor: Visitor, wolves: Guild
) -> None:
    where = address(wolves)
    PublicPage.objects.all().delete()
    unknown = visitor.client.get("/codes/abcdefghij/")
    off = visitor.client.get(where)
    assert off.status_code == unknown.status_code == 404
    # The form of languages leads back to the address.
    own = where.encode()
    assert off.content.replace(own, b"") == unknown.content.replace(b"/codes/abcdefghij/", b"")
    asleep = guild("Asleep", active=False)
    assert visitor.client.get(address(asleep)).status_code == 404


def test_the_number_of_queries_does_not_depend_on_the_number_of_codes(
    visitor: Visitor, wolves: Guild
) -> None:
    where = address(wolves)
    counts = []
    for _ in range(2):
        for _ in range(3):
            gift_code()
        with CaptureQueriesContext(connection) as queries:
            visitor.get(where)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 4
