"""What surrounds every list and form: the number of rows, sorted columns, filters, and buttons."""

from __future__ import annotations

import re

import pytest

from giftcodes.models import RedemptionEvent
from tests.admin.conftest import Browser, address
from tests.factories import gift_code, guild, member


def shown(browser: Browser, page: str, **query: str) -> str:
    content: str = browser.open(page, **query).content.decode()
    return " ".join(content.split())


def number(browser: Browser, page: str, **query: str) -> str:
    """The words below a list that say how many rows it has."""
    return str(browser.open(page, **query).context["cl"].number_words)


# --- The number of rows ---------------------------------------------------------------------------
def test_the_number_below_a_list_has_a_noun_that_can_be_counted(browser: Browser) -> None:
    code = gift_code()
    RedemptionEvent.objects.create(gift_code=code, kind="code_closed")
    assert number(browser, "redemptionevent_changelist") == "1 entry"
    RedemptionEvent.objects.create(gift_code=code, kind="code_reopened")
    assert number(browser, "redemptionevent_changelist") == "2 entries"
    assert "2 entries</div>" in shown(browser, "redemptionevent_changelist")
    assert number(browser, "giftcode_changelist") == "1 gift code"


def test_the_number_of_members_is_that_of_the_overview_and_names_the_others(
    browser: Browser,
) -> None:
    wolves = guild("Wolves", members=3)
    assert number(browser, "member_changelist") == "3 members"
    member(wolves, active=False)
    member(wolves, opted_out=True)
    assert number(browser, "member_changelist") == "3 members, 1 opted out, 1 inactive"
    assert number(browser, "member_changelist", active__exact="0") == "1 inactive member"
    assert number(browser, "member_changelist", opted_out__exact="1") == "1 member opted out"
    assert number(browser, "member_changelist", q="nobody") == "0 members"
    tab = browser.client.get(f"/admin/giftcodes/guild/{wolves.pk}/members/")
    assert tab.context["cl"].number_words == "3 members, 1 opted out, 1 inactive"
    assert tab.context["guild"].members_number == 3
    wolves.members.filter(opted_out=False).update(active=False)
    words = "1 member opted out, 4 inactive"
    tab = browser.client.get(f"/admin/giftcodes/guild/{wolves.pk}/members/")
    assert tab.context["cl"].number_words == words
    wolves.members.update(active=False)
    tab = browser.client.get(f"/admin/giftcodes/guild/{wolves.pk}/members/")
    assert tab.context["cl"].number_words == "5 inactive members"


# --- Sorting --------------------------------------------------------------------------------------
def test_a_sorted_column_has_one_arrow_and_only_a_chosen_order_can_be_removed(
    browser: Browser,
) -> None:
    guild("Wolves", members=1)
    default = shown(browser, "member_changelist")
    assert default.count('class="sort-sign"') == 1
    assert "sort-end" not in default
    assert "arrow_circle" not in default
    chosen = shown(browser, "member_changelist", o="1.2")
    assert chosen.count('class="sort-sign"') == 2
    assert chosen.count('class="sort-end"') == 2
    assert chosen.count("aria-sort=") == 1


# --- Filters --------------------------------------------------------------------------------------
def test_the_filter_of_sources_uses_the_words_of_the_column(browser: Browser) -> None:
    gift_code("FROST", source="admin"), gift_code("SNOW", source="feed")
    response = browser.open("giftcode_changelist", source__exact="admin")
    cl = response.context["cl"]
    assert [code.code for code in cl.result_list] == ["FROST"]
    (spec,) = [one for one in cl.filter_specs if one.title == "source"]
    words = [str(choice["display"]) for choice in spec.choices(cl)]
    assert words == ["All", "feed", "a person", "command line"]


# --- Buttons of forms -----------------------------------------------------------------------------
@pytest.mark.parametrize("model", ["guild", "member", "giftcode"])
def test_a_form_has_one_button_to_save_and_one_more_at_most(browser: Browser, model: str) -> None:
    wolves = guild("Wolves", members=1)
    row = {"guild": wolves, "member": wolves.members.get(), "giftcode": gift_code()}[model]

    def buttons(page: str) -> list[str]:
        bar = page.partition('id="submit-row"')[2]
        return re.findall(r'name="(_\w+)"', bar)

    assert buttons(browser.open(f"{model}_add").content.decode()) == ["_save", "_addanother"]
    change = browser.client.get(address(f"{model}_change", row.pk)).content.decode()
    assert buttons(change) == ["_save"]
