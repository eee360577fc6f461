"""A guild may have a limited number of members, and a person may make one export at a time."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from giftcodes.admin.common import exporting
from giftcodes.models import Guild, Member
from giftcodes.models.guild import ADDING_PERIOD, GuildFullError
from giftcodes.models.roles import OFFICERS
from giftcodes.roster import ListedMember
from giftcodes.services import imports
from giftcodes.services.imports import import_members, undo_import
from giftcodes.services.members import move_members
from tests.admin.conftest import Browser, errors
from tests.admin.test_roles import groups, person
from tests.factories import gift_code, guild, member, player_id

__all__ = ["groups"]


@pytest.fixture
def full(db: None, settings: Any) -> Guild:
    """A guild with three active members, which is the maximum, and one who has left."""
    settings.MEMBERS_PER_GUILD = 3
    wolves = guild("Wolves", members=3)
    member(wolves, "300000001", nickname="Ash", active=False)
    return wolves


def active(of: Guild) -> int:
    return of.members.filter(active=True).count()


def test_no_member_is_added_to_a_full_guild(browser: Browser, full: Guild) -> None:
    response = browser.post(
        "member_add", data={"guild": full.pk, "player_id": player_id(), "active": "on"}
    )
    assert "Guild Wolves may have at most 3 active members" in errors(response)
    assert "MEMBERS_PER_GUILD" in errors(response)
    assert active(full) == 3


def test_a_member_of_a_full_guild_can_be_changed_but_not_made_active(
    browser: Browser, full: Guild
) -> None:
    first, ash = full.members.filter(active=True)[0], full.members.get(nickname="Ash")
    browser.save("member_change", first.pk, nickname="Amber", active="on")
    browser.save("member_change", ash.pk, nickname="Birch")

    response = browser.post("member_change", ash.pk, data={"nickname": "Birch", "active": "on"})
    ((level, words),) = browser.press("activate", ash)

    assert "at most 3 active members" in errors(response)
    assert level == "warning"
    assert "at most 3 active members. It has room for 0 more, and not for 1" in words
    assert active(full) == 3


def test_members_are_made_active_if_the_guild_has_room(browser: Browser, full: Guild) -> None:
    first = full.members.filter(active=True)[0]
    browser.press("deactivate", first, shown="yes")
    ash = full.members.get(nickname="Ash")

    assert browser.press("activate", ash)[0][0] == "success"
    assert active(full) == 3


@pytest.mark.parametrize("dry_run", [True, False])
def test_an_import_beyond_the_limit_changes_nothing(full: Guild, dry_run: bool) -> None:
    first = full.members.filter(active=True)[0]
    known = ListedMember(line=1, player_id=first.player_id, nickname="Amber")
    lists = {
        "new": [known, ListedMember(line=2, player_id=player_id())],
        "returns": [known, ListedMember(line=2, player_id="300000001")],
    }
    for listed in lists.values():
        with pytest.raises(GuildFullError, match="It has room for 0 more, and not for 1"):
            import_members(full.pk, listed, dry_run=dry_run)
    assert active(full) == 3
    assert not Member.objects.filter(nickname="Amber").exists()

    import_members(full.pk, [known])
    assert Member.objects.filter(nickname="Amber").exists()


def test_a_list_that_does_not_fit_is_not_written_to_its_end(
    full: Guild, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "BATCH", 2)
    listed = [ListedMember(line=n, player_id=player_id()) for n in range(8)]

    with CaptureQueriesContext(connection) as queries, pytest.raises(GuildFullError, match="for 8"):
        import_members(full.pk, listed)

    writes = [one for one in queries if 'INSERT INTO "giftcodes_member"' in one["sql"]]
    assert len(writes) == 1
    assert active(full) == 3


def test_the_page_and_the_command_say_that_the_guild_is_full(
    browser: Browser, full: Guild, tmp_path: Any
) -> None:
    url = reverse("admin:member_import")
    for more in ({}, {"apply": "yes"}):
        data = {"guild": full.pk, "listing": player_id(), **more}
        assert "at most 3 active members" in browser.client.post(url, data).content.decode()

    (tmp_path / "list.txt").write_text(player_id())
    with pytest.raises(CommandError, match="at most 3 active members"):
        call_command("import_members", str(tmp_path / "list.txt"), guild="Wolves")


def test_only_as_many_members_move_as_the_guild_has_room_for(full: Guild) -> None:
    full.members.filter(active=True)[0].delete()
    there = full.members.filter(active=True)[0]
    bears = guild("Bears", members=2)
    member(bears, there.player_id)

    result = move_members(bears.members.values_list("pk", flat=True), guild_id=full.pk)

    assert len(result.moved) == 2  # One of the two is an active member there already.
    ((_member, why),) = result.refused
    assert "at most 3 active members" in why
    assert active(full) == 3


def test_a_guild_that_was_larger_before_the_limit_keeps_its_members(
    browser: Browser, full: Guild, settings: Any
) -> None:
    settings.MEMBERS_PER_GUILD = 1
    first = full.members.filter(active=True)[0]
    browser.save("member_change", first.pk, nickname="Amber", active="on")
    import_members(full.pk, [ListedMember(line=1, player_id=first.player_id, nickname="Birch")])
    assert active(full) == 3


# --- New players in seven days --------------------------------------------------------------------
def listed(*player_ids: str) -> list[ListedMember]:
    return [ListedMember(line=nth, player_id=one) for nth, one in enumerate(player_ids, start=1)]


def test_members_cannot_be_replaced_by_new_ones_again_and_again(
    db: None, browser: Browser, settings: Any
) -> None:
    """Each new player takes requests from the game's limit, while other guilds wait."""
    settings.MEMBERS_PER_GUILD = 3
    wolves = guild("Wolves")
    first = import_members(wolves.pk, listed("300000001", "300000002", "300000003"))
    assert first.import_id
    undo_import(first.import_id, user_id=None)
    assert wolves.members.count() == 0

    with pytest.raises(GuildFullError, match="at most 3 different players may be added"):
        import_members(wolves.pk, listed("300000004"))
    response = browser.post(
        "member_add", data={"guild": wolves.pk, "player_id": "300000004", "active": "on"}
    )
    assert "at most 3 different players may be added" in errors(response)

    # The same players may come back at once, and others when the seven days are over.
    assert len(import_members(wolves.pk, listed("300000001", "300000003")).added) == 2
    Member.history.update(history_date=timezone.now() - ADDING_PERIOD)
    assert len(import_members(wolves.pk, listed("300000004")).added) == 1


# --- Exports --------------------------------------------------------------------------------------
@pytest.fixture
def other_export(browser: Browser, admin_user: Any) -> Any:
    """The lock that another process holds while it writes an export for the same person."""
    parameters = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    with psycopg.connect(**{name: parameters[name] for name in names if name in parameters}) as one:
        one.execute("SELECT pg_advisory_xact_lock(%s, %s)", [exporting._EXPORT_LOCK, admin_user.pk])
        yield one


@pytest.mark.parametrize("action", ["export_csv", "export_xlsx"])
def test_a_second_export_at_the_same_time_is_refused(
    browser: Browser, other_export: Any, action: str
) -> None:
    wolves = guild(members=1)

    ((level, words),) = browser.press(action, wolves.members.get())

    assert level == "error"
    assert "still being written" in words
    assert not LogEntry.objects.exists()

    other_export.rollback()
    data = {"action": action, "_selected_action": wolves.members.get().pk, "index": 0}
    for _ in range(2):
        assert browser.post("member_changelist", data=data).status_code == 200


def test_a_second_export_of_the_coverage_is_refused(browser: Browser, other_export: Any) -> None:
    wolves = guild("Wolves", members=1)
    url = reverse("admin:matrix_export")

    page = browser.client.get(url, {"guild": wolves.pk, "show": "all"}, follow=True)

    assert page.redirect_chain == [(f"{reverse('admin:matrix')}?guild={wolves.pk}&show=all", 302)]
    assert "still being written" in page.content.decode()
    other_export.rollback()
    assert browser.client.get(url, {"guild": wolves.pk})["Content-Type"].startswith("text/csv")


def test_the_export_of_the_coverage_reads_the_members_once(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The export reads with a cursor. With OFFSET, each page would sort all members again."""
    monkeypatch.setattr("giftcodes.admin.redemptions.coverage.ROWS", 2)
    gift_code()
    wolves = guild("Wolves", members=9)
    with CaptureQueriesContext(connection) as queries:
        content = browser.client.get(reverse("admin:matrix_export"), {"guild": wolves.pk}).content

    assert len(content.splitlines()) == 10
    assert not [query["sql"] for query in queries if "OFFSET" in query["sql"]]
    assert not [query["sql"] for query in queries if '"giftcodes_member"."notes"' in query["sql"]]


# --- Sorting --------------------------------------------------------------------------------------
def test_an_officer_sorts_a_list_by_few_columns_and_an_administrator_by_all(
    browser: Browser, groups: None
) -> None:
    wolves = guild("Wolves", members=1)
    address = reverse("admin:giftcodes_member_changelist")
    shown = {}
    for name, client in (
        ("officer", person("officer", OFFICERS, wolves)),
        ("administrator", browser.client),
    ):
        response = client.get(address, {"o": "1.-2.3.4"})
        assert response.status_code == 200
        shown[name] = response.context["cl"].get_ordering_field_columns()
    assert shown["officer"] == {1: "asc", 2: "desc"}
    assert list(shown["administrator"]) == [1, 2, 3, 4]
