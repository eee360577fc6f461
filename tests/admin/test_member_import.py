"""The import of members: a preview first, then the import."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from giftcodes.admin.members import import_page
from giftcodes.models import Guild, Member, OptOut
from giftcodes.models.opted_out import player_hash
from giftcodes.roster import Review, text
from giftcodes.services.changes import words_of
from tests.admin.reviewed import PAGE, Reviewed, reviewed
from tests.factories import guild, member
from tests.roster.bombs import honest_workbook

pytestmark = pytest.mark.django_db
LISTING = "\n".join(
    [
        "player_id,nickname,realm",
        "300000001,Amber,",
        "300000002,Birch,1043",
        "Amber,Cinder,",
        "300000003,,x",
        "300000001,Again,",
        "",
    ]
)


@pytest.fixture
def wolves() -> Guild:
    wolves = guild("Wolves")
    member(wolves, "300000002", nickname="Beech")
    member(wolves, "300000004", nickname="Left", active=False)
    return wolves


def shown(client: Client, of: Guild, listing: str, **more: Any) -> str:
    return client.post(
        PAGE, {"guild": of.pk, "listing": listing, **more}, follow=True
    ).content.decode()


def test_what_a_list_would_do_is_shown_and_nothing_is_done(
    admin_client: Client, wolves: Guild
) -> None:
    before = list(Member.objects.order_by("pk").values())

    review = reviewed(admin_client, wolves, LISTING + "300000004,,\n")

    assert review.numbers == {"Needs a look": 1, "Good": 3, "Left out": 2}
    assert review.effects == {"New": 1, "Changes": 1, "Active again": 1}
    assert review.row("300000002").effect == "Changes name Beech → Birch, state 1042 → 1043"
    assert review.row("300000001").effect == "New"
    assert review.row("300000003").words.startswith("“x” is not a state or kingdom number.")
    assert "“Amber” is not a player ID." in review.page
    assert "Player 300000001 is already on line 2." in review.page
    assert review.button == "Import 3 members"
    assert list(Member.objects.order_by("pk").values()) == before


def test_a_list_is_imported_when_the_preview_is_confirmed(
    admin_client: Client, wolves: Guild
) -> None:
    page = shown(admin_client, wolves, LISTING, apply="yes")

    assert "Imported 1, already there 1, left out 3, changed 1." in page
    assert set(wolves.members.values_list("player_id", "nickname", "realm")) == {
        ("300000001", "Amber", None),
        ("300000002", "Birch", 1043),
        ("300000004", "Left", None),
    }
    assert "Imported 1" in words_of(LogEntry.objects.get())


def test_a_clean_list_is_imported_with_one_press_after_the_paste(
    admin_client: Client, wolves: Guild
) -> None:
    review = reviewed(admin_client, wolves, "1. Amber 300 000 011\n2. Birch 300 000 012 K1043\n")
    assert review.numbers == {"Needs a look": 0, "Good": 2, "Left out": 0}
    assert review.focused == "apply"

    page = review.press("apply")

    assert "Imported 2, already there 0, left out 0." in page
    assert set(wolves.members.filter(active=True).values_list("nickname", "realm")) == {
        ("Beech", None),
        ("Amber", None),
        ("Birch", 1043),
    }


def test_a_file_is_read_like_a_pasted_list(admin_client: Client, wolves: Guild) -> None:
    file = SimpleUploadedFile("members.csv", LISTING.encode("utf-16"))

    page = admin_client.post(PAGE, {"guild": wolves.pk, "file": file}).content.decode()

    assert Reviewed(admin_client, page).effects["New"] == 1
    assert "300000001,Amber" in page, "the text of the file travels with the form"


@pytest.mark.parametrize(
    ("posted", "words"),
    [
        ({"listing": " \n"}, "There is no list yet. Paste one here, or choose a file."),
        ({"file": SimpleUploadedFile("members.xlsx", b"PK\x03\x04\x00\x00" * 50)}, "CSV"),
        ({"file": SimpleUploadedFile("members.csv", b"1" * 1_000_001)}, "larger than 1 MB"),
    ],
)
def test_the_page_says_what_to_do_about_a_list_that_cannot_be_used(
    admin_client: Client, wolves: Guild, posted: dict[str, Any], words: str
) -> None:
    page = admin_client.post(PAGE, {"guild": wolves.pk, **posted}).content.decode()

    assert words in page
    assert ">Review</button>" in page


def _sent_as_a_browser_does(client: Client, page: str, fields: dict[str, Any]) -> Any:
    """Submit the list's form with its own encoding, and with the line ends of a browser."""
    before_the_list = page[: page.index('<textarea name="listing"')]
    form = re.findall(r'<form method="post"([^>]*)>', before_the_list)[-1]
    fields = {name: re.sub(r"\r?\n", "\r\n", str(value)) for name, value in fields.items()}
    if "multipart/form-data" in form:
        return client.post(PAGE, fields, follow=True)
    return client.post(
        PAGE, urlencode(fields), content_type="application/x-www-form-urlencoded", follow=True
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["雪" * 24, "Amber " * 7 + "Amber"], ids=["three bytes each", "many lines"]
)
def test_a_list_of_nearly_a_megabyte_is_imported_after_its_preview(
    admin_client: Client, wolves: Guild, name: str
) -> None:
    line = f"300000001,{name}\n"
    listing_text = line + "".join(
        f"nobody,{name}\n" for _ in range(990_000 // len(f"nobody,{name}\n".encode()))
    )
    file = SimpleUploadedFile("members.csv", listing_text.encode())

    page = admin_client.post(PAGE, {"guild": wolves.pk, "file": file}).content.decode()
    assert Reviewed(admin_client, page).effects == {"New": 1}
    listing = re.search(r'<textarea name="listing" hidden>\n(.*?)</textarea>', page, re.DOTALL)
    assert listing
    response = _sent_as_a_browser_does(
        admin_client, page, {"guild": wolves.pk, "listing": unescape(listing[1]), "apply": "yes"}
    )

    assert response.status_code == 200
    assert "Imported 1" in response.content.decode()
    assert wolves.members.get(player_id="300000001").nickname == name


def test_the_page_says_what_to_do_about_a_pasted_list_that_is_too_long(
    admin_client: Client, wolves: Guild
) -> None:
    page = shown(admin_client, wolves, "雪" * 350_000)

    assert "The list is longer than 1 MB. Split it, and import the parts." in page
    assert "There is no list yet" not in page


def test_a_workbook_is_read_once_for_its_preview_and_its_import(
    admin_client: Client, wolves: Guild, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    csv_of_workbook, review_of = text.csv_of_workbook, import_page.review_of

    def counted_workbook(data: bytes) -> str:
        read.append("workbook")
        return csv_of_workbook(data)

    def counted_text(listing: str) -> Review:
        read.append("text")
        return review_of(listing)

    monkeypatch.setattr(text, "csv_of_workbook", counted_workbook)
    monkeypatch.setattr(import_page, "review_of", counted_text)
    file = SimpleUploadedFile("members.xlsx", honest_workbook(50))

    page = admin_client.post(PAGE, {"guild": wolves.pk, "file": file}).content.decode()
    assert Reviewed(admin_client, page).effects["New"] == 48, "two are members already"
    assert read == ["workbook", "text"]
    listing = re.search(r'<textarea name="listing" hidden>\n(.*?)</textarea>', page, re.DOTALL)
    assert listing
    shown(admin_client, wolves, unescape(listing[1]), apply="yes")

    assert read == ["workbook", "text", "text"]
    assert wolves.members.filter(nickname__startswith="Member ").count() == 50


def test_a_preview_of_two_thousand_members_takes_few_statements_and_writes_no_member(
    admin_client: Client, wolves: Guild, django_assert_max_num_queries: Any
) -> None:
    file = SimpleUploadedFile("members.xlsx", honest_workbook(2_000))

    with django_assert_max_num_queries(30) as statements:
        page = admin_client.post(PAGE, {"guild": wolves.pk, "file": file}).content.decode()

    assert Reviewed(admin_client, page).effects["New"] == 1998
    written = re.compile(r'(INSERT INTO|UPDATE|DELETE FROM) "giftcodes_(historical)?member"')
    assert not [one["sql"][:60] for one in statements if written.match(one["sql"])]


def test_markup_in_a_list_stays_text(admin_client: Client, wolves: Guild) -> None:
    page = shown(admin_client, wolves, "<script>alert(1)</script>\n300000009,</textarea><b>x\n")

    assert "<script>alert" not in page
    assert "</textarea><b>" not in page


def test_a_player_in_another_guild_is_counted_without_naming_the_guild(
    admin_client: Client, wolves: Guild
) -> None:
    member(guild("Bears of others"), "300000001")

    page = shown(admin_client, wolves, LISTING)

    words = "is in another guild, too: each code is requested only once for that player."
    assert f"1 of these players {words}" in page
    assert "Bears of others" not in page


def test_the_page_of_a_guild_leads_to_the_import_into_that_guild(
    admin_client: Client, wolves: Guild
) -> None:
    page = admin_client.get(
        reverse("admin:giftcodes_guild_members", args=[wolves.pk])
    ).content.decode()

    assert f'href="{PAGE}?guild={wolves.pk}"' in page
    assert (
        f'<option value="{wolves.pk}" selected>'
        in admin_client.get(f"{PAGE}?guild={wolves.pk}").content.decode()
    )


def test_a_preview_that_names_players_who_opted_out_is_in_the_history(
    admin_client: Client, wolves: Guild
) -> None:
    for player in ("300000007", "300000008"):
        OptOut.objects.create(player_hash=player_hash("simulator", player))

    page = shown(admin_client, wolves, "300000007\n300000008\n300000009\n")
    shown(admin_client, wolves, "300000009\n")

    assert "300000007" in page
    (entry,) = LogEntry.objects.all()
    assert entry.object_id == str(wolves.pk)
    assert "named 2 players who have opted out" in words_of(entry)


def test_a_preview_inserts_no_row_and_uses_up_no_id(admin_client: Client, wolves: Guild) -> None:
    """An id that a preview used up would show how many imports other guilds make."""
    with CaptureQueriesContext(connection) as queries:
        shown(admin_client, wolves, LISTING)

    statements = [query["sql"] for query in queries]
    assert any('"giftcodes_member"' in statement for statement in statements)
    assert not [one for one in statements if one.startswith("INSERT") and "giftcodes" in one]
