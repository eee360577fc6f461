"""The codes of a player: each once, with what a person can do about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from giftcodes.domain.served import Share
from giftcodes.domain.transitions import State
from giftcodes.models import Attempt, Guild, Member, MemberRedemption, Redemption
from giftcodes.queries.player_codes import (
    Player,
    memberships_of,
    places_of_mates,
    player_of,
    refused_places,
    served_by_member,
)
from tests.factories import answered, astray, gift_code, guild, member, member_redemption

pytestmark = pytest.mark.django_db


def player(of: Member) -> Player:
    memberships = memberships_of(of, Member.objects.all())
    return player_of(memberships, MemberRedemption.objects.all())


def shares(of: Member) -> dict[str, Share]:
    return {str(one.code): one.share for one in player(of).codes}


@pytest.fixture
def wolves() -> Guild:
    return guild("Wolves", automatic=False)


@pytest.fixture
def bears() -> Guild:
    return guild("Bears", automatic=False)


def test_a_code_of_two_guilds_is_listed_once_with_the_row_that_proves_it(
    wolves: Guild, bears: Guild
) -> None:
    ann, twin = member(wolves, "555"), member(bears, "555")
    code = gift_code("FROST")
    proof = member_redemption(ann, code, "redeemed")
    member_redemption(twin, code, "already_received", covered_by=proof)
    for one in (ann, twin):
        (found,) = player(one).codes
        assert found.row == proof
        assert found.state is State.REDEEMED


@pytest.mark.parametrize(
    ("here", "there", "counts"),
    [
        ("needs_correction", "redeemed", "redeemed"),
        ("failed", "pending", "pending"),
        ("not_eligible", "needs_correction", "needs_correction"),
        ("cancelled", "not_eligible", "not_eligible"),
        ("in_flight", "cancelled", "in_flight"),
    ],
)
def test_of_the_states_in_two_guilds_the_best_one_counts(
    wolves: Guild, bears: Guild, here: str, there: str, counts: str
) -> None:
    ann, twin, code = member(wolves, "555"), member(bears, "555"), gift_code()
    member_redemption(ann, code, here), member_redemption(twin, code, there)
    assert [one.state for one in player(ann).codes] == [counts]


def test_the_row_of_a_guild_that_the_player_left_counts_only_if_the_player_has_the_code(
    wolves: Guild, bears: Guild
) -> None:
    old, new = member(wolves, "555", active=False), member(bears, "555")
    frost, snow = gift_code("FROST"), gift_code("SNOW")
    member_redemption(old, frost, "needs_correction", asked_realm=wolves.realm)
    member_redemption(new, frost, "not_eligible")
    member_redemption(old, snow, "redeemed"), member_redemption(new, snow, "pending")
    assert shares(new) == {"FROST": Share.NOT_ELIGIBLE, "SNOW": Share.HAS}


def test_nothing_can_be_done_about_a_closed_code_or_after_leaving(wolves: Guild) -> None:
    ended = gift_code("ENDED", state="closed")
    ann = astray(wolves, ended, gift_code("OPEN"))
    assert shares(ann) == {"OPEN": Share.NEEDS_YOU, "ENDED": Share.CANNOT}
    assert player(ann).waiting_for == {ann.pk: 1}
    Member.objects.update(active=False)
    ann.refresh_from_db()
    assert set(shares(ann).values()) == {Share.CANNOT}
    assert player(ann).waiting_for == {}


def test_after_a_correction_the_codes_wait_for_the_game_and_not_for_a_person(
    wolves: Guild,
) -> None:
    ann = astray(wolves, gift_code("FROST"))
    ann.realm = 1043
    ann.save()
    assert shares(ann) == {"FROST": Share.WAITING}
    assert player(ann).waiting_for == {}


def test_a_code_that_will_be_tried_for_the_player_is_listed_unless_its_run_was_stopped() -> None:
    wolves = guild(automatic=True)
    ann = member(wolves)
    gift_code("SOON"), gift_code("OLD", state="closed")
    Redemption.objects.create(guild=wolves, gift_code=gift_code("NO"), state="stopped")
    assert shares(ann) == {"SOON": Share.WAITING}
    Member.objects.update(opted_out=True)
    ann.refresh_from_db()
    assert shares(ann) == {}


def test_deleted_codes_are_left_out_and_the_newest_come_first(wolves: Guild) -> None:
    ann = member(wolves)
    for name, state in (("A", "active"), ("B", "closed"), ("GONE", "deleted"), ("C", "active")):
        member_redemption(ann, gift_code(name, state=state), "redeemed")
    assert list(shares(ann)) == ["C", "B", "A"]


def test_only_the_newest_codes_are_read(wolves: Guild, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("giftcodes.queries.player_codes.MOST_CODES", 2)
    ann = member(wolves)
    for name in "ABC":
        member_redemption(ann, gift_code(name), "redeemed")
    found = player(ann)
    assert [str(one.code) for one in found.codes] == ["C", "B"]
    assert found.has_more


def test_failed_and_stopped_rows_of_open_codes_can_be_tried_again(wolves: Guild) -> None:
    ann = member(wolves)
    member_redemption(ann, gift_code("FAILED"), "failed")
    member_redemption(ann, gift_code("STOPPED"), "cancelled", cancel_kind="stopped")
    member_redemption(ann, gift_code("LEFT"), "cancelled", cancel_kind="left")
    member_redemption(ann, gift_code("HAS"), "redeemed")
    member_redemption(ann, gift_code("ENDED", state="closed"), "failed")
    again = {str(one.code) for one in player(ann).codes if one.can_be_tried_again}
    assert again == {"FAILED", "STOPPED"}


def test_the_cost_does_not_grow_with_guilds_and_codes(wolves: Guild, bears: Guild) -> None:
    def cost(of: Member) -> int:
        with CaptureQueriesContext(connection) as queries:
            player(of)
        return len(queries)

    ann = member(wolves, "555")
    member_redemption(ann, gift_code(), "redeemed")
    few = cost(ann)
    twin = member(bears, "555")
    for _ in range(5):
        code = gift_code()
        member_redemption(ann, code, "redeemed"), member_redemption(twin, code, "failed")
    assert cost(ann) == few <= 3


def test_the_realms_of_guild_mates_are_offered_and_the_most_frequent_comes_first(
    wolves: Guild,
) -> None:
    ann = astray(wolves)
    for realm in (1050, 1043, 1050, wolves.realm, None):
        member(wolves, realm=realm)
    member(guild(), realm=1099)
    member(wolves, realm=1060, active=False)
    member(wolves, realm=1070, refused_realm=1070, refused_at=ann.refused_at)
    assert places_of_mates(ann) == [(1050, 2)]  # One member in 1043 is too few.
    member(wolves, realm=1043)
    assert places_of_mates(ann) == [(1043, 2), (1050, 2)]


def test_a_realm_in_which_the_game_did_not_find_the_member_is_not_offered(wolves: Guild) -> None:
    ann = astray(wolves, gift_code())
    for realm in (1043, 1043, 1050, 1050):
        member(wolves, realm=realm)
    row = ann.member_redemptions.get()
    refusal = answered(row, realm=1043, outcome="wrong_realm")
    assert places_of_mates(ann) == [(1050, 2)]
    assert refused_places([ann]) == {ann.pk: {wolves.realm, 1043}}
    # The player may have moved since the game last knew the member.
    Attempt.objects.update(sent_at=refusal.sent_at - timedelta(days=2))
    assert places_of_mates(ann) == [(1043, 2), (1050, 2)]
    answered(row, realm=1050, outcome="already_received", token=2)
    assert places_of_mates(ann) == [(1043, 2), (1050, 2)]


def test_a_list_counts_the_codes_of_each_membership_separately(wolves: Guild, bears: Guild) -> None:
    ann = astray(wolves, gift_code(), gift_code(state="closed"))
    member_redemption(ann, gift_code(), "redeemed")
    twin = member(bears, ann.player_id)
    found: dict[int, Any] = served_by_member([ann.pk, twin.pk])
    assert (found[ann.pk].has, found[ann.pk].needs_you, found[ann.pk].cannot) == (1, 1, 1)
    assert twin.pk not in found
