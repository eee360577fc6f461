"""`audit`: its output, its exit status, and its second check."""

from __future__ import annotations

import json
from typing import Any

import pytest

from giftcodes.audit import INVARIANTS, examine
from giftcodes.models import MemberRedemption, Redemption
from tests.commands.conftest import World, run
from tests.factories import gift_code, guild


def _done(world: World) -> Redemption:
    wolves, code = guild(members=5), gift_code()
    world.knows(wolves)
    world.has(code)
    world.redeem(wolves, code)
    for _ in range(3):
        world.breathe()
    return Redemption.objects.get()


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How many seconds the audit would have waited, each time. It does not really wait."""
    slept: list[float] = []
    monkeypatch.setattr(examine.time, "sleep", slept.append)
    return slept


def test_a_whole_run_agrees_with_the_ledger(world: World) -> None:
    _done(world)

    said = run("audit", "--ledger", world.game.url)

    assert (said.status, said.err) == (0, ""), said.out
    assert (
        "✓ Every member redemption that was settled by its own request has an attempt that proves "
        "its state. (5 settled member redemptions, 0 broken)" in said.lines
    )
    assert "Ledger: 5 requests, 5 grants, 0 repeats." in said.lines
    assert said.lines[-1] == f"✓ All {len(INVARIANTS) + 6} invariants hold."


@pytest.mark.django_db
def test_an_empty_database_is_clean() -> None:
    said = run("audit")

    assert (said.status, said.err) == (0, "")


def test_a_broken_invariant_is_shown_with_its_rows_and_the_exit_status_is_1(world: World) -> None:
    row = _done(world).member_redemptions.order_by("pk")[0]
    MemberRedemption.objects.filter(pk=row.pk).update(settled_at=None)

    said = run("audit")

    assert said.status == 1
    at = said.lines.index(
        "✗ A member redemption has a settlement time if, and only if, it is settled; only a "
        "settled one may be covered. "
        "(5 member redemptions, 1 broken)"
    )
    assert said.lines[at + 1] == (
        f"    Member redemption {row.pk} (player {row.player_id}) is redeemed: settled –, "
        "covered by –."
    )
    assert said.err == f"1 of {len(INVARIANTS)} invariants are broken: settled_rows_say_when.\n"


def test_rows_that_are_not_shown_are_counted(world: World) -> None:
    _done(world)
    MemberRedemption.objects.update(settled_at=None)
    guild(members=7)
    for of in (guild(members=7),):
        world.begin(of, gift_code())
    MemberRedemption.objects.update(cancel_kind="left")

    said = run("audit", "--at-once")

    assert "    … and 7 more." in said.lines


def test_programs_get_stable_keys(world: World) -> None:
    _done(world)
    MemberRedemption.objects.filter(pk=MemberRedemption.objects.order_by("pk")[0].pk).update(
        settled_at=None
    )

    said = run("audit", "--json", "--ledger", world.game.url, "--repeats-allowed", 2)
    found: dict[str, Any] = json.loads(said.out)

    assert said.status == 1
    assert set(found) == {"at", "holds", "invariants", "ledger"}
    assert found["holds"] is False
    assert set(found["invariants"][0]) == {
        "name",
        "section",
        "sentence",
        "of",
        "checked",
        "broken",
        "examples",
        "holds",
    }
    (broken,) = [row for row in found["invariants"] if not row["holds"]]
    assert (broken["name"], broken["checked"], broken["broken"]) == ("settled_rows_say_when", 5, 1)
    assert broken["examples"][0]["state"] == "redeemed"
    assert found["ledger"]["repeats_allowed"] == 2


def test_an_invariant_that_holds_at_the_second_check_is_not_broken(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    redemption = world.begin(guild(members=1), gift_code())
    world.claim(redemption)
    world.pass_time(60)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        world.sweep()

    monkeypatch.setattr(examine.time, "sleep", sleep)

    said = run("audit")

    assert (said.status, slept) == (0, [20.0])
    assert said.err == "An invariant does not hold yet. Checking again in 20 s.\n"


def test_an_invariant_that_does_not_hold_at_the_second_check_is_broken(
    world: World, sleeps: list[float]
) -> None:
    world.claim(world.begin(guild(members=1), gift_code()))
    world.pass_time(60)

    assert run("audit").status == 1
    assert sleeps == [20.0]


def test_with_at_once_there_is_only_one_check(world: World, sleeps: list[float]) -> None:
    world.claim(world.begin(guild(members=1), gift_code()))
    world.pass_time(60)

    assert run("audit", "--at-once").status == 1
    assert sleeps == []


def test_an_invariant_that_time_cannot_mend_is_not_checked_again(
    world: World, sleeps: list[float]
) -> None:
    _done(world)
    MemberRedemption.objects.update(settled_at=None)

    assert run("audit").status == 1
    assert sleeps == []


@pytest.mark.django_db
def test_an_unreachable_ledger_is_reported_and_the_exit_status_is_1() -> None:
    said = run("audit", "--ledger", "http://127.0.0.1:9")

    assert said.status == 1
    assert said.err.startswith("The ledger cannot be read from http://127.0.0.1:9/_sim/ledger: ")
    assert said.out == ""


@pytest.mark.django_db(transaction=True)
def test_the_audit_sees_one_moment_and_writes_nothing() -> None:
    from django.db import connection

    with examine._one_moment(), connection.cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        isolation = cursor.fetchone()
        cursor.execute("SHOW transaction_read_only")
        assert (isolation, cursor.fetchone()) == (("repeatable read",), ("on",))
