"""The review of a pasted list: what is unsure is corrected in place, and nothing is lost."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from giftcodes.admin.members import import_rows
from giftcodes.models import Guild, OptOut
from giftcodes.models.opted_out import player_hash
from tests.admin.reviewed import PAGE, Reviewed, reviewed
from tests.factories import guild, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def wolves() -> Guild:
    wolves = guild("Wolves")
    member(wolves, "300000002", nickname="Beech")
    return wolves


def test_an_unsure_line_has_the_focus_and_is_left_out_without_a_tick(
    admin_client: Client, wolves: Guild
) -> None:
    review = reviewed(admin_client, wolves, "Amber 300000011\nBirch 30OOOO012\n")
    assert review.row("300000012").words.startswith("Letters were read as digits")
    assert review.focused == f"{review.row('300000012').key}.player_id"
    assert not review.row("300000012").is_ticked
    assert review.button == "Import 1 member"

    assert "Imported 1, already there 0, left out 1." in review.press("apply")
    assert not wolves.members.filter(nickname="Birch").exists()


def test_an_unsure_line_is_imported_as_it_was_read_or_corrected(
    admin_client: Client, wolves: Guild
) -> None:
    review = reviewed(admin_client, wolves, "Birch 30OOOO012\nCinder 300000013 hello there\n")
    review.tick("300000012")
    review.write("300000013", nickname="Cinder the Great", realm="state 1043")
    review.tick("300000013")

    assert "Imported 2, already there 0, left out 0." in review.press("apply")
    assert set(wolves.members.values_list("player_id", "nickname", "realm")) >= {
        ("300000012", "Birch", None),
        ("300000013", "Cinder the Great", 1043),
    }


def test_a_line_that_was_left_out_can_get_a_player(admin_client: Client, wolves: Guild) -> None:
    review = reviewed(admin_client, wolves, "Amber 300000011\nBirch, see the picture\n")
    review.write("", player_id="300 000 012", nickname="Birch")
    review.tick("300 000 012")

    assert "Imported 2, already there 0, left out 0." in review.press("apply")
    assert wolves.members.get(player_id="300000012").nickname == "Birch"


def test_a_wrong_correction_is_shown_in_its_field_and_nothing_is_lost(
    admin_client: Client, wolves: Guild
) -> None:
    review = reviewed(admin_client, wolves, "Amber 300000011\nBirch 30OOOO012\nhello\n")
    review.write("300000011", nickname="Amber II")
    review.write("300000012", player_id="30OOOO012", realm="north")
    review.tick("30OOOO012")

    again = Reviewed(admin_client, review.press("apply"))

    assert "Nothing was imported yet: 1 line needs a correction." in again.page
    assert again.row("300000011").values["nickname"] == "Amber II"
    wrong = again.row("30OOOO012")
    assert "is not a player ID" in wrong.words
    assert wrong.is_ticked
    assert wrong.values["realm"] == "north"
    assert again.focused == f"{wrong.key}.player_id"
    assert f'name="{wrong.key}.player_id" value="30OOOO012"' in again.page
    assert 'aria-invalid="true"' in again.page
    assert not wolves.members.filter(player_id="300000011").exists()

    again.write("30OOOO012", player_id="300000012", realm="")
    assert "Imported 2, already there 0, left out 1." in again.press("apply")
    assert wolves.members.get(player_id="300000011").nickname == "Amber II"


def test_a_player_who_is_ticked_twice_is_an_error(admin_client: Client, wolves: Guild) -> None:
    review = reviewed(admin_client, wolves, "Amber 300000011\nBirch 300000012\n")
    review.write("300000012", player_id="300000011")

    page = review.press("apply")

    assert "Player 300000011 is already on line 1. Untick one of the two lines." in page
    assert not wolves.members.filter(player_id="300000011").exists()


def test_a_changed_line_without_a_tick_is_asked_about_once(
    admin_client: Client, wolves: Guild
) -> None:
    """Without JavaScript a change does not tick the line."""
    review = reviewed(admin_client, wolves, "Amber 300000011\nBirch 30OOOO012\n")
    review.write("300000012", nickname="Birch II")

    again = Reviewed(admin_client, review.press("apply"))
    assert "1 line was changed, but its box is not ticked" in again.page

    assert "Imported 1, already there 0, left out 1." in again.press("apply")


def test_if_a_corrected_id_is_that_of_a_known_member_the_effect_is_shown_before_the_import(
    admin_client: Client, wolves: Guild
) -> None:
    review = reviewed(admin_client, wolves, "Amber 300000011\n")
    review.write("300000011", player_id="300000002")

    again = Reviewed(admin_client, review.press("apply"))
    assert "a line that you changed is about a known player" in again.page
    assert again.row("300000002").effect == "Changes name Beech → Amber"
    assert wolves.members.get(player_id="300000002").nickname == "Beech"

    assert "changed 1" in again.press("apply")
    assert wolves.members.get(player_id="300000002").nickname == "Amber"


def test_unticked_lines_are_left_out_and_a_message_says_if_no_line_is_ticked(
    admin_client: Client, wolves: Guild
) -> None:
    review = reviewed(admin_client, wolves, "Amber 300000011\nBirch 300000012\n")
    review.tick("300000011", is_on=False)
    one = Reviewed(admin_client, review.press("check"))
    assert one.button == "Import 1 member"
    one.tick("300000012", is_on=False)

    assert "Nothing was imported: no line is ticked." in one.press("apply")


def test_all_unsure_lines_whose_values_can_be_used_are_ticked_at_once(
    admin_client: Client, wolves: Guild
) -> None:
    listing = "A 30OOOO011\nB 30OOOO012\nC 30OOOO013\n300000014,D,north\n"
    review = reviewed(admin_client, wolves, listing)

    again = Reviewed(admin_client, review.press("select_unsure"))

    assert [row.is_ticked for row in again.rows] == [True, True, True, False]
    assert again.button == "Import 3 members"


def test_the_way_back_to_the_text_keeps_text_and_guild_and_corrections(
    admin_client: Client, wolves: Guild
) -> None:
    guild("Bears")
    review = reviewed(admin_client, wolves, "Amber 300000011\nBirch 30OOOO012\n")
    review.write("300000012", nickname="Birch II")
    review.tick("300000012")

    page = review.press("back")
    assert "Amber 300000011\nBirch 30OOOO012" in page
    assert f'<option value="{wolves.pk}" selected>' in page
    changes = re.search(r'name="changes" value="([^"]*)"', page)
    assert changes

    more = "Cinder 300000013\n" + "Amber 300000011\nBirch 30OOOO012\n"
    again = reviewed(admin_client, wolves, more, changes=unescape(changes[1]))
    assert again.row("300000012").values["nickname"] == "Birch II"
    assert again.row("300000012").is_ticked
    assert again.button == "Import 3 members"


def test_a_file_is_not_lost_if_no_guild_is_chosen(admin_client: Client, wolves: Guild) -> None:
    file = SimpleUploadedFile("members.csv", b"Amber 300000011\n")

    page = admin_client.post(PAGE, {"guild": "", "file": file}).content.decode()

    assert "This field is required." in page
    assert "Amber 300000011" in page


def test_a_long_list_has_pages_and_keeps_the_changes_of_all_pages(
    admin_client: Client, wolves: Guild
) -> None:
    listing = "".join(f"Player {n} {310_000_000 + n}\n" for n in range(250))
    review = reviewed(admin_client, wolves, listing + "Amber 30OOOO011\nhello\n")
    assert len(review.rows) == 100
    assert review.numbers == {"Needs a look": 1, "Good": 250, "Left out": 1}
    assert review.button == "Import 250 members"
    review.tick("300000011")
    review.write("310000007", nickname="Seven")

    second = Reviewed(admin_client, review.press("page", "2"))
    assert second.row("310000120").values["nickname"] == "Player 120"
    assert second.button == "Import 251 members"
    second.write("310000120", nickname="Twelve")
    third = Reviewed(admin_client, second.press("page", "3"))
    assert "hello" in third.page

    assert "Imported 251, already there 0, left out 1." in third.press("apply")
    names = dict(wolves.members.values_list("player_id", "nickname"))
    assert (names["310000007"], names["310000120"]) == ("Seven", "Twelve")
    assert names["300000011"] == "Amber"


def test_an_error_on_another_page_of_the_list_opens_that_page(
    admin_client: Client, wolves: Guild
) -> None:
    listing = "".join(f"Player {n} {310_000_000 + n}\n" for n in range(150))
    review = reviewed(admin_client, wolves, listing)
    review.write("310000003", player_id="x")
    second = Reviewed(admin_client, review.press("page", "2"))

    again = Reviewed(admin_client, second.press("apply"))

    assert again.focused == f"{again.row('x').key}.player_id"


@pytest.mark.parametrize(
    "changes",
    ["x", "[]", '{"a":1}', '{"a":[1]}', "[" * 9_999, '{"a":[1,2,3,4,5]}', "1" * 600_000],
)
def test_a_spoilt_field_of_changes_is_ignored(
    admin_client: Client, wolves: Guild, changes: str
) -> None:
    review = reviewed(admin_client, wolves, "Amber 300000011\n", changes=changes)

    assert review.button == "Import 1 member"


def test_more_changes_than_a_form_can_carry_are_refused(
    admin_client: Client, wolves: Guild, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = reviewed(admin_client, wolves, "Amber 300000011\n")
    review.write("300000011", nickname="Somebody else")
    monkeypatch.setattr(import_rows, "MOST_CHANGES", 20)

    page = review.press("check")

    assert "Too many lines were changed." in page
    assert "Amber 300000011" in page


def test_opted_out_players_are_shown_and_not_counted(admin_client: Client, wolves: Guild) -> None:
    OptOut.objects.create(player_hash=player_hash("simulator", "300000011"))

    review = reviewed(admin_client, wolves, "Amber 300000011\nBirch 300000012\n")

    assert review.row("300000011").effect == "Opted out: is left out"
    assert review.button == "Import 1 member"


def test_only_ticked_lines_need_room_in_the_guild(
    admin_client: Client, wolves: Guild, settings: Any
) -> None:
    settings.MEMBERS_PER_GUILD = 2
    listing = "Amber 300000011\nBirch 30OOOO012\nCinder 30OOOO013\n"

    review = reviewed(admin_client, wolves, listing)

    assert review.button == "Import 1 member"
    review.tick("300000012")
    assert "It has room for 1 more, and not for 2." in review.press("apply")
    review.tick("300000012", is_on=False)
    assert "Imported 1, already there 0, left out 2." in review.press("apply")


def test_a_list_of_known_members_says_that_there_is_nothing_to_do(
    admin_client: Client, wolves: Guild
) -> None:
    review = reviewed(admin_client, wolves, "300000002\n")

    assert review.row("300000002").effect == "Already there"
    assert "There is nothing to import" in review.page


def test_the_column_of_the_realm_has_the_word_of_the_game(
    admin_client: Client, wolves: Guild, settings: Any
) -> None:
    config = settings.PROVIDERS["simulator"]
    settings.PROVIDERS = {
        **settings.PROVIDERS,
        "simulator": replace(config, realm_word="kingdom"),
    }

    assert "Kingdom on line 1" in reviewed(admin_client, wolves, "300000011\n").page


def test_thousands_of_unsure_lines_are_ticked_at_once(
    admin_client: Client, wolves: Guild, settings: Any
) -> None:
    """The form carries one short entry for each line."""
    settings.MEMBERS_PER_GUILD = 5_000
    listing = "".join(f"{n}\n" for n in range(10_000, 14_000))
    review = reviewed(admin_client, wolves, listing)
    assert review.numbers["Needs a look"] == 4_000

    again = Reviewed(admin_client, review.press("select_unsure"))

    assert again.button == "Import 4000 members"
    assert len(again.fields["changes"]) < 200_000


# --- Links to the page ----------------------------------------------------------------------------
def test_the_home_page_and_the_lists_and_a_saved_guild_lead_to_the_page(
    admin_client: Client, settings: Any
) -> None:
    form = {"name": "Wolves", "provider": "simulator", "realm": "1042", "priority": "0"}
    form["active"] = "on"
    assert f'href="{PAGE}"' in admin_client.get("/admin/").content.decode()

    saved = admin_client.post("/admin/giftcodes/guild/add/", form, follow=True).content.decode()

    new = Guild.objects.get()
    assert f'<a href="{PAGE}?guild={new.pk}" class="press press-first">Paste a member list' in saved
    for address in (
        f"/admin/giftcodes/member/?guild__id__exact={new.pk}",
        f"/admin/giftcodes/memberimport/?guild__id__exact={new.pk}",
    ):
        assert f'href="{PAGE}?guild={new.pk}"' in admin_client.get(address).content.decode()


def test_the_only_guild_is_chosen_beforehand(admin_client: Client, wolves: Guild) -> None:
    option = f'<option value="{wolves.pk}" selected>'
    assert option in admin_client.get(PAGE).content.decode()

    guild("Bears")
    assert option not in admin_client.get(PAGE).content.decode()


def test_the_original_line_is_shown_escaped_and_without_format_characters(
    admin_client: Client, wolves: Guild
) -> None:
    listing = "\u202e<b>Amber</b>\u202c 30OOOO011\n<script>alert(1)</script>\n"
    review = reviewed(admin_client, wolves, listing)

    assert [row.original for row in review.rows] == [
        "<b>Amber</b> 30OOOO011",
        "<script>alert(1)</script>",
    ]
    rest = review.page.replace(listing.replace("<", "&lt;").replace(">", "&gt;"), "")
    assert "\u202e" not in rest
    assert "<script>alert" not in review.page
    assert "<b>Amber" not in review.page


def test_the_review_takes_few_statements_however_long_the_list_is(
    admin_client: Client, wolves: Guild, django_assert_max_num_queries: Any
) -> None:
    listing = "".join(f"Player {n} {310_000_000 + n}\n" for n in range(900))

    with django_assert_max_num_queries(30):
        reviewed(admin_client, wolves, listing)
