"""The coverage page: its cells, its filters, its export, and its cost."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from giftcodes.admin.redemptions.coverage import SIGNS, cell
from giftcodes.domain.transitions import SETTLED, State
from giftcodes.models import GiftCode, Guild, MemberRedemption, Redemption
from giftcodes.queries.coverage import Standing
from tests.admin.conftest import Browser, address
from tests.factories import gift_code, guild, member


def member_redemption(
    of: Redemption, player: Any, state: str, reason: str = ""
) -> MemberRedemption:
    return MemberRedemption.objects.create(
        redemption=of,
        member=player,
        gift_code=of.gift_code,
        player_id=player.player_id,
        state=state,
        reason=reason,
    )


@pytest.fixture
def wolves(db: None) -> Guild:
    """Ann has both codes.

    Bea needs a correction for FROST and waits for SNOW. Cyd has SNOW, and is not part of FROST.
    """
    row = guild("Wolves")
    ann, bea, cyd = (member(row, nickname=name) for name in ("Ann", "Bea", "Cyd"))
    frost, snow = (
        Redemption.objects.create(guild=row, gift_code=gift_code(name))
        for name in ("FROST", "SNOW")
    )
    member_redemption(frost, ann, "redeemed"), member_redemption(snow, ann, "already_received")
    (
        member_redemption(frost, bea, "needs_correction", "Check the realm."),
        member_redemption(snow, bea, "pending"),
    )
    member_redemption(snow, cyd, "redeemed")
    return row


def show(browser: Browser, **query: Any) -> Any:
    response = browser.client.get(reverse("admin:matrix"), query)
    assert response.status_code == 200
    return response


def table(response: Any) -> dict[str, list[str]]:
    rows = response.context["rows"]
    return {row.member.nickname: [cell.state for cell in row.cells] for row in rows}


def test_each_member_is_a_row_and_each_code_a_column_with_the_newest_first(
    browser: Browser, wolves: Guild
) -> None:
    response = show(browser)
    assert [str(column.code) for column in response.context["columns"]] == ["SNOW", "FROST"]
    assert table(response) == {
        "Ann": ["already_received", "redeemed"],
        "Bea": ["pending", "needs_correction"],
        "Cyd": ["redeemed", "missing"],
    }
    assert list(table(response)) == ["Bea", "Ann", "Cyd"]  # Those who need a person come first.


def test_the_cell_of_a_code_that_a_member_lacks_says_why_and_leads_to_its_row(
    browser: Browser, wolves: Guild
) -> None:
    row = MemberRedemption.objects.get(state="needs_correction")
    page = show(browser).content.decode()
    url = address("memberredemption_change", row.pk)
    words = "needs correction: Check the state."  # The simulator's word for a realm.
    assert f'href="{url}" aria-label="{words}" title="{words}" data-tip' in page


def test_every_state_has_a_sign_and_words_and_only_settled_states_have_no_link() -> None:
    for state in State:
        shown = cell(Standing(7, state, "Because."), GiftCode(state="active"))
        assert shown.sign == SIGNS[state]
        assert shown.words
        assert bool(shown.url) == (state not in SETTLED)


def test_the_cell_of_a_code_that_has_ended_asks_for_nothing() -> None:
    reason = "The player's level is too low for this code. It will be retried every day."
    shown = cell(Standing(7, State.NOT_ELIGIBLE, reason), GiftCode(state="closed"))
    assert shown.sign == SIGNS[State.CANCELLED]
    assert shown.words == "the code has ended: The player's level is too low for this code."


def test_one_cause_has_one_sentence_for_all_codes_of_a_member(
    browser: Browser, wolves: Guild
) -> None:
    bea = wolves.members.get(nickname="Bea")
    run = Redemption.objects.create(guild=wolves, gift_code=gift_code("HAIL"))
    member_redemption(run, bea, "needs_correction", "Waits for correction: the game …")
    MemberRedemption.objects.filter(state="needs_correction").update(asked_realm=1042)
    row, *_others = show(browser).context["rows"]
    assert [(one.words, [str(code) for code, _cell in one.codes]) for one in row.missing] == [
        ("needs correction: unknown in State 1042", ["HAIL", "FROST"]),
        ("waiting", ["SNOW"]),
    ]


def test_a_code_that_does_not_exist_has_a_sign_of_its_own(browser: Browser, wolves: Guild) -> None:
    code = gift_code("TYPO", state="closed", closed_outcome="code_not_found")
    run = Redemption.objects.create(guild=wolves, gift_code=code)
    for name, state in (("Ann", "cancelled"), ("Bea", "needs_correction")):
        member_redemption(run, wolves.members.get(nickname=name), state)
    gift_code("NEVER")
    response = show(browser)
    cells = {row.member.nickname: row.cells[-1] for row in response.context["rows"]}
    for name in ("Ann", "Bea"):
        assert (cells[name].sign, cells[name].url) == ("∅", "")
        assert cells[name].words == "the game does not know this code"
    page = response.content.decode()
    assert "0/0" not in page
    assert "not tried yet" in page


def test_each_column_says_how_many_members_have_the_code(browser: Browser, wolves: Guild) -> None:
    snow, frost = show(browser).context["columns"]
    assert (snow.has, snow.total) == (2, 3)
    assert (frost.has, frost.total) == (1, 2)


def test_open_codes_come_before_closed_ones_and_deleted_ones_are_left_out(
    browser: Browser, wolves: Guild
) -> None:
    (
        gift_code("OLD", state="closed"),
        gift_code("GONE", state="deleted"),
        gift_code("OTHER", provider="whiteout"),
    )
    gift_code("NEW")
    names = [str(column.code) for column in show(browser).context["columns"]]
    assert names == ["NEW", "SNOW", "FROST", "OLD"]


def test_the_page_shows_as_many_codes_as_are_chosen(browser: Browser, wolves: Guild) -> None:
    for _ in range(15):
        gift_code()
    assert len(show(browser, codes=10).context["columns"]) == 10
    assert len(show(browser, codes="all").context["columns"]) == 17


def test_the_page_can_show_only_members_who_lack_a_code(browser: Browser, wolves: Guild) -> None:
    assert list(table(show(browser, show="unsettled"))) == ["Bea"]


def test_the_page_can_show_only_members_who_need_a_person_for_an_open_code(
    browser: Browser, wolves: Guild
) -> None:
    cyd = wolves.members.get(nickname="Cyd")
    ended = gift_code("ENDED", state="closed")
    run = Redemption.objects.create(guild=wolves, gift_code=ended)
    member_redemption(run, cyd, "failed")
    assert list(table(show(browser, show="needs_you"))) == ["Bea"]
    assert [row[1] for row in export(browser, show="needs_you")[1:]] == ["Bea"]


def test_the_page_says_how_many_members_need_a_person_and_leads_to_them(
    browser: Browser, wolves: Guild
) -> None:
    response = show(browser, guild=wolves.pk, codes=10, p=1)
    assert "1 member needs you for one of these codes</a>" in response.content.decode()
    found = browser.client.get(reverse("admin:matrix") + response.context["needing_url"])
    assert list(table(found)) == ["Bea"]
    assert found.context["wish"].columns == 10
    assert "needs you for one of these codes</a>" not in found.content.decode()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"show": "needs_you"}, "No member needs you."),
        ({"show": "unsettled"}, "All members have all codes."),
        ({"who": "Zoe"}, "No member with this nickname or player ID is in the selection."),
    ],
)
def test_an_empty_selection_says_why(
    browser: Browser, wolves: Guild, query: dict[str, str], words: str
) -> None:
    MemberRedemption.objects.update(state="redeemed")
    assert words in show(browser, **query).content.decode()


def test_on_a_phone_the_codes_that_a_member_lacks_are_grouped_by_reason(
    browser: Browser, wolves: Guild
) -> None:
    bea = wolves.members.get(nickname="Bea")
    for name, state in (("HAIL", "active"), ("OLD", "closed")):
        code = gift_code(name, state=state)
        run = Redemption.objects.create(guild=wolves, gift_code=code)
        member_redemption(run, bea, "needs_correction", "Check the realm.")
    row, _ann, _cyd = show(browser).context["rows"]
    assert [(one.words, [str(code) for code, _cell in one.codes]) for one in row.missing] == [
        ("needs correction: Check the state.", ["HAIL", "FROST"]),
        ("waiting", ["SNOW"]),
    ]
    assert (row.has, row.missed_number) == (0, 1)
    page = show(browser).content.decode()
    assert "1 closed code was missed" in page


def test_on_a_phone_a_code_that_never_existed_was_not_missed(
    browser: Browser, wolves: Guild
) -> None:
    ann = wolves.members.get(nickname="Ann")
    for name, outcome in (("TYPO", "code_not_found"), ("GONE", "code_expired")):
        code = gift_code(name, state="closed", closed_outcome=outcome)
        run = Redemption.objects.create(guild=wolves, gift_code=code)
        member_redemption(run, ann, "cancelled")
    gift_code("EARLIER", state="closed")  # The guild was never asked for it.
    response = show(browser)
    _bea, row, _cyd = response.context["rows"]
    assert [str(code) for one in row.missed for code, _cell in one.codes] == ["GONE"]
    assert (row.has, row.total) == (2, 3)
    assert "2 of 3</span>" in response.content.decode()


def test_on_a_phone_members_with_every_open_code_are_folded(
    browser: Browser, wolves: Guild
) -> None:
    page = " ".join(show(browser).content.decode().split())
    cards = page.partition('<div class="member-cards">')[2]
    lacking, _details, complete = cards.partition('<details class="panel" id="complete">')
    assert "<summary>1 member has every open code</summary>" in complete
    assert ("Ann" in lacking, "Ann" in complete) == (False, True)
    assert ("Bea" in lacking, "Bea" in complete) == (True, False)


def test_the_page_can_be_searched_by_nickname_and_player_id(
    browser: Browser, wolves: Guild
) -> None:
    assert list(table(show(browser, who="an"))) == ["Ann"]
    cyd = wolves.members.get(nickname="Cyd")
    assert list(table(show(browser, who=cyd.player_id))) == ["Cyd"]


@pytest.mark.parametrize("change", [{"active": False}, {"opted_out": True}])
def test_members_who_left_or_opted_out_are_not_shown(
    browser: Browser, wolves: Guild, change: dict[str, bool]
) -> None:
    wolves.members.filter(nickname="Ann").update(**change)
    response = show(browser)
    assert list(table(response)) == ["Bea", "Cyd"]
    assert response.context["columns"][0].total == 2


def test_another_guild_is_chosen_by_its_number(browser: Browser, wolves: Guild) -> None:
    bears = guild("Bears", members=1)
    assert show(browser).context["wish"].guild == bears  # The first by name.
    assert show(browser, guild=wolves.pk).context["wish"].guild == wolves
    for nonsense in ("x", "0", "9" * 30):
        assert browser.client.get(reverse("admin:matrix"), {"guild": nonsense}).status_code == 404


def test_without_a_guild_the_page_says_what_to_do_first(browser: Browser) -> None:
    assert address("guild_add") in show(browser).content.decode()


def test_a_nickname_is_text_and_never_markup(browser: Browser, wolves: Guild) -> None:
    member(wolves, nickname="<b>Dan")
    page = show(browser).content.decode()
    assert "&lt;b&gt;Dan" in page
    assert "<b>Dan" not in page


def test_a_nul_in_the_search_is_a_bad_request(browser: Browser, wolves: Guild) -> None:
    assert browser.client.get(reverse("admin:matrix"), {"who": "a\0"}).status_code == 400


# --- The export -----------------------------------------------------------------------------------
def export(browser: Browser, **query: Any) -> list[list[str]]:
    response = browser.client.get(reverse("admin:matrix_export"), query)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))


def test_the_export_has_every_member_in_words(browser: Browser, wolves: Guild) -> None:
    header, *rows = export(browser)
    assert header == ["player_id", "nickname", "SNOW", "FROST"]
    assert [row[1:] for row in rows] == [
        ["Bea", "waiting", "needs correction: Check the state."],
        ["Ann", "had it already", "redeemed"],
        ["Cyd", "redeemed", "not part of the redemption"],
    ]


def test_the_export_is_filtered_like_the_page(browser: Browser, wolves: Guild) -> None:
    assert [row[1] for row in export(browser, show="unsettled")[1:]] == ["Bea"]


def test_no_cell_of_the_export_is_a_formula(browser: Browser, wolves: Guild) -> None:
    member(wolves, nickname='=HYPERLINK("http://example.com")')
    assert any(row[1] == '\'=HYPERLINK("http://example.com")' for row in export(browser))


def test_the_export_goes_on_after_the_first_page(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, wolves: Guild
) -> None:
    monkeypatch.setattr("giftcodes.admin.redemptions.coverage.ROWS", 2)
    assert len(export(browser)) == 1 + 3


# --- Permissions, and the number of queries -------------------------------------------------------
def test_the_page_takes_as_many_queries_for_thirty_members_as_for_three(
    browser: Browser, wolves: Guild
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            show(browser, guild=wolves.pk)
        return len(queries)

    cost()
    few = cost()
    for _ in range(5):
        code = gift_code()
        run = Redemption.objects.create(guild=wolves, gift_code=code)
        for number in range(6):
            member_redemption(run, member(wolves, nickname=f"{code} {number}"), "failed")
    assert cost() == few <= 12


def test_the_members_of_a_large_guild_are_shown_on_several_pages(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, wolves: Guild
) -> None:
    monkeypatch.setattr("giftcodes.admin.redemptions.coverage.ROWS", 2)
    response = show(browser, show="", who="")
    assert list(table(response)) == ["Bea", "Ann"]
    assert "p=2" in response.content.decode()
    assert list(table(show(browser, p=2))) == ["Cyd"]


@pytest.mark.parametrize("page", ["matrix", "matrix_export"])
def test_without_the_permission_for_member_redemptions_nothing_is_shown(
    django_user_model: Any, wolves: Guild, page: str
) -> None:
    user = django_user_model.objects.create_user("clerk", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_guild"))
    client = Client()
    client.force_login(user)
    assert client.get(reverse(f"admin:{page}")).status_code == 403
    assert Client().get(reverse(f"admin:{page}")).status_code == 302
