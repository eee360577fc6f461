"""`Idempotency-Key`: the same request is done once, and its answer is given again."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import Group, User
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from giftcodes.api import door
from giftcodes.api.problems import wait
from giftcodes.models import ApiAnswer, ApiToken, EventKind, GiftCode, RedemptionEvent
from giftcodes.models.roles import OFFICERS, VIEWERS
from giftcodes.services import api_answers, old_rows
from giftcodes.services.players import erase_in_guild
from tests.api.conftest import Program, World, account, kind, token_of
from tests.factories import gift_code

pytestmark = pytest.mark.django_db
KEY = {"Idempotency-Key": "a-key"}


def age(**by: float) -> None:
    """Let the answers be older."""
    ApiAnswer.objects.update(begun_at=timezone.now() - dt.timedelta(**by))


def test_the_same_key_and_body_give_the_same_answer_and_act_once(
    officer: Program, world: World
) -> None:
    path, body = f"guilds/{world.wolves.pk}/redemptions", {"code_id": gift_code().pk}

    first, second = officer.post(path, body, **KEY), officer.post(path, body, **KEY)

    assert (first.status_code, second.status_code) == (202, 202)
    assert second.content == first.content
    assert second.headers["Content-Type"] == first.headers["Content-Type"]
    assert second.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert RedemptionEvent.objects.filter(kind=EventKind.LOCKED).count() == 1
    assert not RedemptionEvent.objects.filter(kind=EventKind.REFUSED).exists()


def test_a_refusal_is_given_again_too(officer: Program, world: World) -> None:
    path, body = f"guilds/{world.wolves.pk}/redemptions", {"code_id": gift_code().pk}
    officer.post(path, body)
    answers = [officer.post(path, body, **KEY) for _ in range(2)]

    assert [kind(answer) for answer in answers] == ["run-under-way"] * 2
    assert answers[0].content == answers[1].content


def test_another_body_or_address_with_the_same_key_is_refused(
    officer: Program, world: World
) -> None:
    officer.post("codes", {"game": "simulator", "code": "ONE"}, **KEY)

    assert kind(officer.post("codes", {"game": "simulator", "code": "TWO"}, **KEY)) == "key-reused"
    other = f"guilds/{world.wolves.pk}/redemptions"
    assert kind(officer.post(other, {"game": "simulator", "code": "ONE"}, **KEY)) == "key-reused"
    assert not GiftCode.objects.filter(code="TWO").exists()


def test_a_key_belongs_to_its_token(officer: Program, stranger: Program) -> None:
    body = {"game": "simulator", "code": "ONE"}
    assert officer.post("codes", body, **KEY).status_code == 201
    assert stranger.post("codes", body, **KEY).json()["result"] == "known"


def test_while_the_first_request_is_answered_a_second_one_waits(
    officer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"game": "simulator", "code": "ONE"}
    officer.post("codes", body, **KEY)
    ApiAnswer.objects.update(status=None)

    waits = officer.post("codes", body, **KEY)
    assert kind(waits) == "key-under-way"
    assert waits.headers["Retry-After"] == "1"
    # Its process has died.
    age(minutes=3)
    assert officer.post("codes", body, **KEY).json()["result"] == "known"


def test_an_answer_that_says_try_again_is_not_kept(
    officer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"game": "simulator", "code": "ONE"}
    for fault in (wait(1, "Later."), KeyError("x")):

        def fail(_path: str, _routes: str, fault: Exception = fault) -> None:
            raise fault

        with monkeypatch.context() as patch:
            patch.setattr(door, "resolve", fail)
            assert officer.post("codes", body, **KEY).status_code in (429, 500)
        assert not ApiAnswer.objects.exists()
    assert officer.post("codes", body, **KEY).status_code == 201


def test_a_bad_key_is_refused(officer: Program) -> None:
    for key in ("has space", "x" * 201, "é"):
        answer = officer.post("codes", {}, **{"Idempotency-Key": key})
        assert kind(answer) == "bad-request", key


def test_answers_are_given_for_a_day_and_pruned_daily(officer: Program) -> None:
    body = {"game": "simulator", "code": "ONE"}
    officer.post("codes", body, **KEY)
    age(hours=23)
    old_rows.delete_old_rows()
    assert "Idempotency-Replayed" in officer.post("codes", body, **KEY).headers

    age(hours=25)
    assert "Idempotency-Replayed" not in officer.post("codes", body, **KEY).headers
    age(hours=25)
    old_rows.delete_old_rows()
    assert not ApiAnswer.objects.exists()


def test_the_number_of_kept_answers_of_a_guild_is_limited(
    officer: Program, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_answers, "MOST_KEPT", 1)
    body = {"game": "simulator", "code": "ONE"}
    officer.post("codes", body, **KEY)
    refused = officer.post("codes", body, **{"Idempotency-Key": "other"})
    assert kind(refused) == "limit"
    assert officer.post("codes", body, **KEY).status_code == 201
    assert officer.post("codes", body).status_code == 200
    second = Program(token_of(account("olga", OFFICERS, world.wolves), world.wolves))
    refused = second.post("codes", body, **KEY)
    assert kind(refused) == "limit", "another token gives the guild no more"


def test_an_answer_is_not_given_again_when_the_rights_of_the_maker_have_changed(
    officer: Program, world: World
) -> None:
    path = f"guilds/{world.wolves.pk}/members"
    body = {"members": [{"player_id": "300000300"}]}
    assert officer.post(path, body, **KEY).status_code == 200
    user = User.objects.get(username="otto")

    user.groups.set([Group.objects.get(name=VIEWERS)])
    assert kind(officer.post(path, body, **KEY)) == "forbidden"

    user.groups.set([Group.objects.get(name=OFFICERS)])
    again = officer.post(path, body, **KEY)
    assert again.status_code == 200, "a refusal ends with its reason"
    assert again.headers["Idempotency-Replayed"] == "true"


def test_an_answer_does_not_repeat_a_very_long_name(officer: Program) -> None:
    answer = officer.post("codes", {"x" * 60_000: 1}, **KEY)

    assert kind(answer) == "unusable"
    assert len(answer.content) < 2_000


def test_an_erased_player_is_in_no_kept_answer(officer: Program, world: World) -> None:
    path = f"guilds/{world.wolves.pk}/members"
    officer.post(path, {"members": [{"player_id": "300000300"}]}, **KEY)
    assert ApiAnswer.objects.filter(body__contains="300000300").exists()

    erase_in_guild(world.wolves.members.get(player_id="300000300"))

    assert not ApiAnswer.objects.exists()


def test_an_answer_that_is_under_way_during_an_erasure_is_not_kept(
    officer: Program, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"guilds/{world.wolves.pk}/members"
    call = door._call

    def erased_meanwhile(request: HttpRequest) -> HttpResponse:
        response = call(request)
        erase_in_guild(world.wolves.members.get(player_id="300000300"))
        return response

    monkeypatch.setattr(door, "_call", erased_meanwhile)
    answer = officer.post(path, {"members": [{"player_id": "300000300"}]}, **KEY)

    assert answer.json()["added"] == ["300000300"]
    assert not ApiAnswer.objects.exists()


def test_old_tokens_that_do_not_work_any_more_are_deleted(officer: Program) -> None:
    for days, left in ((29, 1), (31, 0)):
        ApiToken.objects.update(revoked_at=timezone.now() - dt.timedelta(days=days))
        old_rows.delete_old_rows()
        assert ApiToken.objects.count() == left
