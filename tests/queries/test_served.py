"""Who has which codes, for lists and for codes in several guilds, in a fixed number of queries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from giftcodes.admin.common.served import codes_served
from giftcodes.domain.result_kinds import ResultKind
from giftcodes.domain.served import Ending, Served
from giftcodes.models import (
    Announcement,
    CodeState,
    GiftCode,
    MemberRedemption,
    Redemption,
    RunState,
    database_now,
)
from giftcodes.notifications.run_message import report_of
from giftcodes.queries.coverage import codes_of, members_of
from giftcodes.queries.redemption_progress import without_code
from giftcodes.queries.served import (
    CodeServed,
    recent_results,
    served_by_code,
    served_in,
    with_results,
)
from tests.admin import past
from tests.factories import gift_code, guild, member

pytestmark = pytest.mark.django_db


def redemption(code: GiftCode, *states: str, run: str = RunState.COMPLETE) -> Redemption:
    """A redemption of the code for a new guild, with a member in each of these states."""
    row = Redemption.objects.create(guild=guild(), gift_code=code, state=run, run_number=1)
    for state in states:
        player = member(row.guild)
        MemberRedemption.objects.create(
            redemption=row,
            member=player,
            gift_code=code,
            player_id=player.player_id,
            state=state.removesuffix(" left"),
            cancel_kind="left" if state.endswith(" left") else "",
        )
    return row


def found_of(*codes: GiftCode) -> dict[int, CodeServed]:
    return served_by_code(
        codes,
        redemptions=Redemption.objects.all(),
        member_redemptions=MemberRedemption.objects.all(),
    )


def of_all(*codes: GiftCode) -> dict[int, tuple[Served, ResultKind, int, int]]:
    found = found_of(*codes)
    return {pk: (one.served, one.result.kind, one.guilds, one.running) for pk, one in found.items()}


def test_a_code_sums_up_its_guilds_and_is_running_if_one_of_them_is() -> None:
    frost, snow, new = gift_code(), gift_code(), gift_code()
    redemption(frost, "redeemed", "needs_correction")
    redemption(frost, "not_eligible", "cancelled left")
    redemption(snow, "redeemed")
    redemption(snow, "pending", run=RunState.RUNNING)

    assert of_all(frost, snow, new) == {
        frost.pk: (Served(has=1, not_eligible=1, needs_you=1), ResultKind.NEEDS_YOU, 2, 0),
        snow.pk: (Served(has=1, waiting=1), ResultKind.RUNNING, 2, 1),
        new.pk: (Served(), ResultKind.NOTHING, 0, 0),
    }


def test_a_code_that_is_fanned_out_meanwhile_never_has_guilds_without_their_members() -> None:
    code = gift_code()
    statements = 0

    def meanwhile(execute: Any, *args: Any) -> Any:
        nonlocal statements
        result = execute(*args)
        statements += 1
        if statements == 1:
            redemption(code, "pending", run=RunState.PENDING)
        return result

    with connection.execute_wrapper(meanwhile):
        (found,) = of_all(code).values()
    assert found[0] == Served(waiting=1) or found[2] == 0


def test_members_who_left_do_not_count() -> None:
    row = redemption(gift_code(), "redeemed", "cancelled left", "cancelled")
    assert served_in([row]) == {row.pk: Served(has=1, cannot=1)}
    assert row.shares_of(row.tally()) == Served(has=1, cannot=1)


@pytest.mark.parametrize("change", [{"active": False}, {"opted_out": True}])
def test_members_who_have_left_or_opted_out_do_not_count_even_if_they_have_the_code(
    change: dict[str, bool],
) -> None:
    code = gift_code()
    row = redemption(code, "redeemed", "redeemed", "failed", "not_eligible")
    stays, *others = row.guild.members.order_by("pk")
    row.guild.members.filter(pk__in=[one.pk for one in others]).update(**change)

    assert served_in([row]) == {row.pk: Served(has=1)}
    assert row.shares_of(row.tally()) == Served(has=1)
    assert of_all(code)[code.pk][:2] == (Served(has=1), ResultKind.DONE)
    (coverage,) = codes_of(row.guild, most=5)
    assert (coverage.has, coverage.total) == (1, 1)
    assert list(members_of(row.guild)) == [stays]
    assert list(without_code(row)) == []


@pytest.mark.parametrize(
    ("fields", "ending"),
    [
        ({}, Ending.OPEN),
        ({"state": CodeState.CLOSED, "closed_outcome": "code_not_found"}, Ending.UNKNOWN),
        ({"state": CodeState.PROBING, "closed_outcome": "code_not_found"}, Ending.UNKNOWN),
        ({"state": CodeState.CLOSED, "closed_outcome": "code_expired"}, Ending.EXPIRED),
        ({"state": CodeState.CLOSED, "closed_outcome": "code_used_up"}, Ending.USED_UP),
        ({"state": CodeState.CLOSED}, Ending.CLOSED),
        ({"state": CodeState.DELETED}, Ending.CLOSED),
    ],
)
def test_how_a_code_ended(fields: dict[str, str], ending: Ending) -> None:
    assert gift_code(**fields).ending is ending


def test_a_code_whose_end_had_come_when_it_was_closed_has_expired() -> None:
    now = database_now()
    closed = {"state": CodeState.CLOSED, "closed_at": now}
    by_date = gift_code(**closed, expires_at=now - timedelta(hours=1))
    assert by_date.ending is Ending.EXPIRED
    assert by_date.ended_on == (now - timedelta(hours=1)).date()
    by_hand = gift_code(**closed, expires_at=now + timedelta(hours=1))
    assert by_hand.ending is Ending.CLOSED
    assert by_hand.ended_on is None


def test_the_pages_of_a_code_that_ended_by_its_date_name_the_date() -> None:
    """The list of codes, a redemption, and the message to a channel."""
    now = database_now()
    code = gift_code(state=CodeState.CLOSED, closed_at=now, expires_at=now - timedelta(hours=1))
    row = redemption(code, "needs_correction")
    words = f"It expired on {now - timedelta(hours=1):%Y-%m-%d}."
    assert row.result(served_in([row])[row.pk]).advice == words
    assert found_of(code)[code.pk].result.advice == words
    notice = Announcement(redemption=row, kind=Announcement.Kind.COMPLETE, run_number=1)
    assert report_of(notice).result.advice == words


def test_an_officer_s_counts_cover_only_their_own_guilds(django_user_model: type) -> None:
    officer = django_user_model.objects.create_user("officer", is_staff=True)  # type: ignore[attr-defined]
    code = gift_code()
    own, other = redemption(code, "redeemed"), redemption(code, "failed", "failed")
    Redemption.objects.update(unlocked_at=database_now())
    own.guild.officers.add(officer)

    found = codes_served([code], officer)[code.pk]

    assert (found.served, found.guilds) == (Served(has=1), 1)
    assert other.guild_id != own.guild_id


def test_the_runs_that_ended_last_come_first_and_running_ones_are_left_out() -> None:
    now = database_now()
    early, late = past.redemption(), past.redemption(member_state="needs_correction")
    past.redemption(state=RunState.RUNNING, member_state="pending")
    for row, minutes in ((early, 9), (late, 2)):
        Redemption.objects.filter(pk=row.pk).update(unlocked_at=now - timedelta(minutes=minutes))

    runs = recent_results(Redemption.objects.all(), most=5)

    assert [(run.redemption, run.result.kind) for run in runs] == [
        (late, ResultKind.SERVED_NONE),
        (early, ResultKind.DONE),
    ]


def test_the_cost_does_not_grow_with_codes_or_guilds_or_members() -> None:
    def cost(codes: list[GiftCode]) -> int:
        with CaptureQueriesContext(connection) as queries:
            of_all(*codes)
            with_results(Redemption.objects.select_related("gift_code"))
        return len(queries)

    code = gift_code()
    redemption(code, "redeemed")
    one = cost([code])
    for _ in range(4):
        redemption(code, "redeemed", "failed")
        redemption(gift_code(), "redeemed", "pending")
    assert cost(list(GiftCode.objects.all())) == one == 4
