"""Imports in the admin: the effects of each, and the undo."""

from __future__ import annotations

import re
from html import unescape

import pytest

from giftcodes.admin.common.html import guild_url
from giftcodes.models import Guild, MemberImport
from giftcodes.services.imports import import_members
from tests.admin.conftest import Browser, TaskQueue
from tests.factories import guild, member
from tests.member_lists import read_members


@pytest.fixture
def wolves(db: None) -> Guild:
    wolves = guild("Wolves")
    member(wolves, "300000002", nickname="Beech")
    return wolves


@pytest.fixture
def made(wolves: Guild) -> MemberImport:
    import_members(wolves.pk, read_members(b"id,name\n300000001,Amber\n300000002,Birch\n").members)
    return MemberImport.objects.get()


def test_the_page_of_an_import_says_what_the_import_did(
    browser: Browser, made: MemberImport
) -> None:
    page = browser.open("memberimport_change", made.pk).content.decode()

    assert "Added: 1" in page
    assert "(300000002): nickname Beech → Birch" in page
    assert "Undo this import …" in page


def test_an_undo_is_shown_first_and_then_done(
    browser: Browser, task_queue: TaskQueue, made: MemberImport
) -> None:
    data = {"action": "undo", "_selected_action": [made.pk], "index": 0}
    page = browser.post("memberimport_changelist", data=data).content.decode()
    assert "Would be removed again: 1" in page
    assert "Amber" in page
    assert "Would get the earlier values back: 1" in page
    assert made.guild.members.count() == 2

    messages = browser.press("undo", made, shown="yes")

    [(level, words)] = messages
    assert level == "success"
    assert "The import was undone: 1 removed, 1 restored." in words
    assert f'<a href="{guild_url(made.guild_id, "members")}">Members of Wolves</a>' in words
    assert f'<a href="/admin/import/?guild={made.guild_id}">Paste a member list</a>' in words
    assert list(made.guild.members.values_list("nickname", flat=True)) == ["Beech"]
    assert task_queue.arguments("catch_up") == [[[made.guild_id]]]
    assert (
        "An import was undone: 1 removed"
        in browser.open("guild_history", made.guild_id).content.decode()
    )
    page = browser.open("memberimport_change", made.pk).content.decode()
    assert "by admin" in page
    assert "Undo this import …" not in page


def test_an_import_is_undone_only_once(browser: Browser, made: MemberImport) -> None:
    browser.press("undo", made, shown="yes")
    assert browser.press("undo", made, shown="yes") == [
        ("warning", "This import was undone already.")
    ]


def test_the_list_says_how_a_list_came(browser: Browser, made: MemberImport) -> None:
    MemberImport.objects.update(source="admin")
    page = browser.open("memberimport_changelist").content.decode()
    assert 'data-label="list">pasted or uploaded<' in page
    shown = unescape(re.sub(r"<[^>]*>", " ", page)).split()
    assert "feed" not in shown, "no list comes from the feed"
    assert {"command", "line"} <= set(shown), "the filter has the other way"
    assert browser.open("memberimport_changelist", source__exact="admin").status_code == 200


def test_after_an_import_the_page_leads_to_the_imports_of_the_guild(
    browser: Browser, wolves: Guild
) -> None:
    form = {"guild": wolves.pk, "listing": "300000009\n", "apply": "yes"}
    page = browser.client.post("/admin/import/", form, follow=True).content.decode()

    assert f"/admin/giftcodes/memberimport/?guild__id__exact={wolves.pk}" in page
    assert str(MemberImport.objects.get().user) == "admin"
    page = browser.open(
        "member_history", wolves.members.get(player_id="300000009").pk
    ).content.decode()
    assert "<strong>admin</strong>" in page
    assert "Imported." in page
