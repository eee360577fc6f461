"""An import is undone, and nothing but the import."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from giftcodes.models import Guild, Member, MemberImport
from giftcodes.services.imports import import_members, undo_import
from tests.factories import gift_code, guild, member
from tests.member_lists import read_members
from tests.pipeline.conftest import World

pytestmark = pytest.mark.django_db
NEW, CORRECTED, BACK, SAME = "300000001", "300000002", "300000003", "300000004"
LISTING = (
    "id,name,realm,consented\n"
    f"{NEW},Amber,,\n{CORRECTED},Birch,1050,2026-05-01\n{BACK},,,\n{SAME},Dahlia,,\n"
)


@pytest.fixture
def wolves() -> Guild:
    wolves = guild("Wolves")
    # Rows written in bulk have no versions, like rows from before the first version was stored.
    Member.objects.bulk_create(
        [
            Member(guild=wolves, player_id=CORRECTED, nickname="Beech"),
            Member(guild=wolves, player_id=BACK, active=False),
            Member(guild=wolves, player_id=SAME, nickname="Dahlia"),
        ]
    )
    return wolves


def rows(of: Guild) -> dict[str, tuple[object, ...]]:
    found = of.members.values_list("player_id", "nickname", "realm", "consented_on", "active")
    return {player: tuple(rest) for player, *rest in found}


def imported(into: Guild, listing: str = LISTING) -> int:
    result = import_members(into.pk, read_members(listing.encode()).members)
    assert result.import_id
    return result.import_id


def test_new_members_are_gone_and_the_others_are_as_they_were(wolves: Guild) -> None:
    before = rows(wolves)
    import_id = imported(wolves)
    assert rows(wolves)[CORRECTED] == ("Birch", 1050, date(2026, 5, 1), True)

    result = undo_import(import_id, user_id=None)

    assert rows(wolves) == before
    assert (result.deleted, result.restored, result.retired, result.kept) == (
        [NEW],
        [CORRECTED, BACK],
        [],
        [],
    )


def test_a_dry_run_reports_and_changes_nothing(wolves: Guild) -> None:
    import_id = imported(wolves)
    after = rows(wolves)

    result = undo_import(import_id, user_id=None, dry_run=True)

    assert result.deleted == [NEW]
    assert rows(wolves) == after
    assert undo_import(import_id, user_id=None).obstacle == ""


def test_an_import_is_undone_only_once(wolves: Guild) -> None:
    import_id = imported(wolves)
    undo_import(import_id, user_id=None)
    member(wolves, NEW)

    result = undo_import(import_id, user_id=None)

    assert result.obstacle == "This import was undone already."
    assert NEW in rows(wolves)
    assert MemberImport.objects.get().undone_at


def test_what_was_changed_after_the_import_stays(wolves: Guild) -> None:
    import_id = imported(wolves)
    for player, nickname in ((NEW, "Ash"), (CORRECTED, "Bryony")):
        row = wolves.members.get(player_id=player)
        row.nickname = nickname
        row.save(update_fields=["nickname"])

    result = undo_import(import_id, user_id=None)

    assert result.kept == [(CORRECTED, "nickname")]
    assert (result.deleted, result.retired, result.restored) == ([], [NEW], [CORRECTED, BACK])
    assert rows(wolves)[CORRECTED] == ("Bryony", None, None, True)
    assert rows(wolves)[NEW] == ("Ash", None, None, False), (
        "a person has changed the new member, so the row stays and is inactive"
    )


def test_undoing_an_import_does_not_undo_a_later_one(wolves: Guild) -> None:
    first = imported(wolves)
    second = imported(wolves, f"id,realm\n{CORRECTED},1060\n")

    undo_import(first, user_id=None)
    assert rows(wolves)[CORRECTED] == ("Beech", 1060, None, True)

    undo_import(second, user_id=None)
    assert rows(wolves)[CORRECTED] == ("Beech", 1050, None, True), (
        "the values from before the second import"
    )


def test_a_member_with_redemptions_keeps_the_history(world: World, wolves: Guild) -> None:
    import_id = imported(wolves)
    code = gift_code("FROST")
    world.knows(wolves)
    world.has(code)
    world.redeem(wolves, code)
    world.breathe()

    result = undo_import(import_id, user_id=None)

    assert (result.deleted, result.retired) == ([], [NEW])
    assert not wolves.members.get(player_id=NEW).active


def test_an_import_that_changed_nothing_leaves_nothing_to_undo(wolves: Guild) -> None:
    assert import_members(wolves.pk, read_members(SAME.encode()).members).import_id is None
    assert (
        import_members(wolves.pk, read_members(NEW.encode()).members, dry_run=True).import_id
        is None
    )
    assert not MemberImport.objects.exists()
    assert not Member.history.exclude(history_change_reason="first known").exists()


def _statements_of_an_undo(wolves: Guild, count: int, *, is_dry: bool) -> int:
    """How many statements undo an import with `count` corrected and `count` new members."""
    corrected = [f"{number},New" for number in range(400_000_000, 400_000_000 + count)]
    new = [f"{number},New" for number in range(500_000_000, 500_000_000 + count)]
    import_id = imported(wolves, "\n".join(["id,name", *corrected, *new]))
    with CaptureQueriesContext(connection) as statements:
        result = undo_import(import_id, user_id=None, dry_run=is_dry)
    assert (len(result.deleted), len(result.restored)) == (count, count)
    undo_import(import_id, user_id=None)
    return len(statements)


@pytest.mark.parametrize("is_dry", [True, False])
def test_the_statements_of_an_undo_grow_with_the_batches_and_not_with_the_members(
    monkeypatch: pytest.MonkeyPatch, wolves: Guild, is_dry: bool
) -> None:
    for number in range(100):
        member(wolves, str(400_000_000 + number), nickname="Old")
    few, many = (_statements_of_an_undo(wolves, count, is_dry=is_dry) for count in (10, 100))
    assert many == few

    monkeypatch.setattr("giftcodes.services.imports.BATCH", 50)
    assert few < _statements_of_an_undo(wolves, 100, is_dry=is_dry) <= few + 3 * 10


def test_an_undo_leaves_a_last_version_of_deleted_members(wolves: Guild, admin_user: Any) -> None:
    import_id = imported(wolves)
    gone = wolves.members.get(player_id=NEW)

    undo_import(import_id, user_id=admin_user.pk)

    last = Member.history.filter(id=gone.pk).order_by("history_id").last()
    assert (last.history_type, last.nickname, last.player_id) == ("-", "Amber", NEW)
    assert last.history_change_reason == f"Import {import_id} undone."


def test_a_dry_run_locks_no_member(wolves: Guild) -> None:
    """A dry run reads the lines in parts, so it would lock members in another order than others."""
    lines = read_members(LISTING.encode()).members

    with CaptureQueriesContext(connection) as sent:
        import_members(wolves.pk, lines, dry_run=True)

    locking = [one["sql"] for one in sent.captured_queries if "FOR NO KEY UPDATE" in one["sql"]]
    assert not [sql for sql in locking if 'FROM "giftcodes_member"' in sql]
    assert locking, "the guild is locked"
