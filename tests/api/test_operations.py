"""What programs read and do, with the limits of the pages, and nothing of other guilds."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import OperationalError
from django.http import HttpRequest
from django.urls import reverse

from giftcodes.api import door, routes
from giftcodes.api.routes import MOST_ERRORS
from giftcodes.models import (
    CodeProposal,
    EventKind,
    GiftCode,
    Member,
    Redemption,
    RedemptionEvent,
    RunState,
)
from giftcodes.models.officer_rules import NewCodes, set_new_codes
from giftcodes.models.roles import OFFICERS
from giftcodes.services import run_actions
from giftcodes.services.changes import words_of
from giftcodes.services.code_proposals import CODES_OF_OFFICER
from giftcodes.services.corrections import OF_MEMBERS_AT_LEAST
from tests.admin.conftest import TaskQueue
from tests.admin.test_roles import person
from tests.api.conftest import ROOT, STRANGE, Program, World, kind
from tests.factories import gift_code, member

pytestmark = pytest.mark.django_db


# --- Reading --------------------------------------------------------------------------------------
def test_a_program_of_a_guild_reads_the_guild_its_members_codes_and_runs(
    officer: Program, world: World
) -> None:
    wolves = world.wolves
    own = wolves.redemptions.get()
    (row,) = officer.get("guilds").json()["items"]
    assert row == officer.get(f"guilds/{wolves.pk}").json()
    assert (row["name"], row["game"], row["active"]) == ("Wolves", "simulator", True)

    members = officer.get(f"guilds/{wolves.pk}/members").json()
    assert (members["total"], members["pages"]) == (2, 1)
    amber = next(one for one in members["items"] if one["nickname"] == "Amber")
    assert (amber["player_id"], amber["realm"]) == ("200000200", wolves.realm)
    assert amber["codes"]["needs_you"] == 1
    found = officer.get(f"guilds/{wolves.pk}/members?search=mbe").json()["items"]
    assert [one["nickname"] for one in found] == ["Amber"]

    codes = officer.get("codes").json()["items"]
    assert [one["code"] for one in codes] == ["SHARED"]
    assert officer.get(f"codes/{world.shared.pk}").json() == codes[0]

    runs = officer.get("redemptions").json()["items"]
    assert [one["id"] for one in runs] == [own.pk]
    assert runs[0]["progress"] == {
        "has": 1,
        "not_eligible": 0,
        "needs_you": 1,
        "waiting": 0,
        "cannot": 0,
        "total": 2,
    }
    one = officer.get(f"redemptions/{own.pk}").json()
    assert (one["state"], one["code"]["code"], one["seconds_left"]) == ("complete", "SHARED", None)
    missing = officer.get(f"redemptions/{own.pk}/missing").json()["items"]
    assert [(line["share"], "Amber" in line["member"]) for line in missing] == [("needs_you", True)]

    coverage = officer.get(f"guilds/{wolves.pk}/coverage").json()
    shared = str(world.shared.pk)
    assert {line["nickname"]: line["codes"].get(shared) for line in coverage["items"]} == {
        "Amber": "needs_you",
        "": "has",
    }
    assert [(code["code"], code["has"], code["total"]) for code in coverage["codes"]] == [
        ("SHARED", 1, 2)
    ]


def test_filters_and_pages_of_runs(administrator: Program, world: World) -> None:
    assert administrator.get("redemptions").json()["total"] == 3
    of_strangers = administrator.get(f"redemptions?guild_id={world.strangers.pk}").json()["items"]
    assert [one["id"] for one in of_strangers] == [world.foreign.pk]
    assert administrator.get(f"redemptions?code_id={world.shared.pk}").json()["total"] == 2
    assert administrator.get("redemptions?state=running").json()["total"] == 0
    later = administrator.get("redemptions?page=2").json()
    assert (later["items"], later["pages"]) == ([], 1)


def test_nothing_of_another_guild_is_found_and_the_answer_is_the_same_as_for_nothing(
    officer: Program, world: World
) -> None:
    theirs = world.strangers.members.get()
    foreign, none = world.strangers.pk, 10**15
    code = {"code_id": world.shared.pk}
    requests: list[tuple[str, str, Any]] = [
        ("GET", "guilds/{}", None),
        ("GET", "guilds/{}/members", None),
        ("GET", "guilds/{}/coverage", None),
        ("GET", "guilds/{}/progress", None),
        ("POST", "guilds/{}/members", {"members": [{"player_id": "300000300"}]}),
        ("POST", "guilds/{}/redemptions", code),
        ("PATCH", f"guilds/{{}}/members/{theirs.pk}", {"nickname": "x"}),
    ]
    pairs = [
        (method, path.format(foreign), path.format(none), body) for method, path, body in requests
    ]
    run = world.foreign.pk
    pairs += [
        ("GET", f"redemptions/{run}", f"redemptions/{none}", None),
        ("GET", f"redemptions/{run}/missing", f"redemptions/{none}/missing", None),
        ("POST", f"redemptions/{run}/stop", f"redemptions/{none}/stop", {}),
        ("POST", f"redemptions/{run}/resume", f"redemptions/{none}/resume", {}),
        ("GET", f"codes/{GiftCode.objects.get(code='STRANGECODE').pk}", f"codes/{none}", None),
        (
            "PATCH",
            f"guilds/{world.wolves.pk}/members/{theirs.pk}",
            f"guilds/{world.wolves.pk}/members/{none}",
            {"nickname": "x"},
        ),
    ]
    for method, path, other, body in pairs:
        first, second = officer.send(method, path, body), officer.send(method, other, body)
        assert kind(first) == "not-found", path
        assert first.content == second.content, path
    lists = ("guilds", "codes", "redemptions", "codes?game=kingshot")
    answers = [officer.get(path) for path in (*lists, f"redemptions?guild_id={foreign}")]
    for answer in answers:
        assert answer.status_code == 200
        assert not [word for word in STRANGE if word in answer.content.decode()]
    assert Member.objects.get(pk=theirs.pk).nickname == "Nobody-of-yours"


# --- Members --------------------------------------------------------------------------------------
def test_members_are_added_corrected_and_left_out(
    officer: Program, world: World, task_queue: TaskQueue
) -> None:
    member(world.wolves, "300000301", opted_out=True)
    body = {
        "members": [
            {"player_id": "300000300", "nickname": "Cedar", "realm": 77},
            {"player_id": "200000200", "nickname": "Ambra"},
            {"player_id": "300000301"},
        ]
    }
    answer = officer.post(f"guilds/{world.wolves.pk}/members", body)

    assert answer.json() == {
        "added": ["300000300"],
        "changed": ["200000200"],
        "reactivated": [],
        "opted_out": ["300000301"],
        "already_there": 1,
    }
    assert Member.objects.get(player_id="300000300").realm == 77
    version = Member.history.filter(player_id="300000300").get()
    assert version.history_user == User.objects.get(username="otto")
    assert "API token" in version.history_change_reason
    assert task_queue.arguments("catch_up") == [[[world.wolves.pk]]]
    assert "API token" in words_of(LogEntry.objects.get())


@pytest.mark.parametrize(
    "members",
    [
        [{"player_id": "12x"}],
        [{"player_id": "300000300"}, {"player_id": "300000300"}],
        [{"player_id": "300000300", "nickname": "x" * 81}],
        [{"player_id": "300000300", "name": "x"}],
        [],
    ],
)
def test_a_list_with_one_bad_member_changes_nothing(
    officer: Program, world: World, members: list[Any]
) -> None:
    before = world.wolves.members.count()
    answer = officer.post(f"guilds/{world.wolves.pk}/members", {"members": members})
    assert kind(answer) == "unusable"
    assert world.wolves.members.count() == before


def test_a_full_guild_takes_no_more(officer: Program, world: World, settings: Any) -> None:
    settings.MEMBERS_PER_GUILD = 2
    body = {"members": [{"player_id": "300000300"}]}
    assert kind(officer.post(f"guilds/{world.wolves.pk}/members", body)) == "not-possible"


def test_a_run_that_the_database_did_not_start_may_be_tried_again(
    officer: Program, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deadlock(**_arguments: Any) -> None:
        raise OperationalError("deadlock detected")

    monkeypatch.setattr(run_actions, "start", deadlock)
    code = gift_code("FROST9")

    refused = officer.post(f"guilds/{world.wolves.pk}/redemptions", {"code_id": code.pk})

    assert refused.status_code == 503
    assert "Retry-After" in refused.headers
    assert refused.json()["detail"].endswith("did not start a run. Try again.")


def test_a_member_is_corrected_deactivated_and_activated(
    officer: Program, world: World, task_queue: TaskQueue
) -> None:
    amber = world.wolves.members.get(nickname="Amber")
    path = f"guilds/{world.wolves.pk}/members/{amber.pk}"

    changed = officer.patch(path, {"nickname": "Ambra", "realm": 77}).json()
    assert (changed["nickname"], changed["realm"], changed["active"]) == ("Ambra", 77, True)
    assert officer.patch(path, {"realm": None}).json()["realm"] == world.wolves.realm
    assert officer.patch(path, {"active": False}).json()["active"] is False
    assert officer.patch(path, {"active": True}).json()["active"] is True
    versions = amber.history.order_by("-pk")[:4]
    assert {version.history_user.username for version in versions} == {"otto"}
    assert all("API token" in version.history_change_reason for version in versions)

    enqueued = len(task_queue.arguments("catch_up"))
    assert enqueued == 4
    assert officer.patch(path, {}).status_code == 200
    assert len(task_queue.arguments("catch_up")) == enqueued
    assert kind(officer.patch(path, {"nickname": "a\u0007b" * 40})) == "unusable"


def test_corrections_over_the_api_count_with_those_of_the_pages(
    officer: Program, world: World
) -> None:
    rows = [{"player_id": str(400_000_000 + n), "realm": 5} for n in range(OF_MEMBERS_AT_LEAST)]
    path = f"guilds/{world.wolves.pk}/members"
    assert len(officer.post(path, {"members": rows}).json()["added"]) == OF_MEMBERS_AT_LEAST
    most = 3 * (OF_MEMBERS_AT_LEAST + 2)
    for number in range(6, 6 + most // OF_MEMBERS_AT_LEAST):
        again = [{**row, "realm": number} for row in rows]
        assert officer.post(path, {"members": again}).status_code == 200
    refused = officer.post(path, {"members": [{**row, "realm": 99} for row in rows]})

    assert kind(refused) == "limit"
    assert int(refused.headers["Retry-After"]) > 0


# --- Codes ----------------------------------------------------------------------------------------
def test_a_new_code_is_added_as_on_the_page(
    officer: Program, world: World, task_queue: TaskQueue
) -> None:
    answer = officer.post("codes", {"game": "simulator", "code": "FRESH1", "rewards": "Gems"})

    assert answer.status_code == 201
    body = answer.json()
    assert (body["result"], body["code"]["code"]) == ("added", "FRESH1")
    # Officers set no rewards and no end, which would hold for all guilds.
    assert body["code"]["rewards"] == ""
    code = GiftCode.objects.get(code="FRESH1")
    assert code.history.first().history_user == User.objects.get(username="otto")
    assert task_queue.arguments("fan_out") == [[code.pk, "admin", None]]
    known = officer.post("codes", {"game": "simulator", "code": "FRESH1"})
    assert (known.status_code, known.json()["result"]) == (200, "known")


def test_an_officer_of_another_guild_reads_neither_the_token_nor_its_maker(
    officer: Program, world: World
) -> None:
    officer.post("codes", {"game": "simulator", "code": "FRESH1"})
    code = GiftCode.objects.get(code="FRESH1")
    other = person("sten", OFFICERS, world.strangers)
    for page in ("history", "change"):
        shown = other.get(reverse(f"admin:giftcodes_giftcode_{page}", args=[code.pk]))
        assert shown.status_code == 200
        assert "FRESH1" in shown.content.decode()
        assert not re.search(r"\botto\b", shown.content.decode())
    assert officer.row.name not in str(list(code.history.values()))
    assert officer.row.name not in words_of(LogEntry.objects.get())


def test_codes_over_the_api_count_with_those_of_the_officer(officer: Program, world: World) -> None:
    for number in range(CODES_OF_OFFICER):
        body = {"game": "simulator", "code": f"NEW{number}"}
        assert officer.post("codes", body).status_code == 201
    proposed = officer.post("codes", {"game": "simulator", "code": "ONEMORE"})

    assert (proposed.status_code, proposed.json()["result"]) == (202, "proposed")
    assert proposed.json()["code"] is None
    assert CodeProposal.objects.get().proposed_by == User.objects.get(username="otto")


def test_the_rule_for_officers_holds(officer: Program, administrator: Program) -> None:
    set_new_codes(NewCodes.PROPOSE)
    assert officer.post("codes", {"game": "simulator", "code": "ASK1"}).status_code == 202
    assert administrator.post("codes", {"game": "simulator", "code": "DO1"}).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {"game": "kingshot", "code": "X1"},
        {"game": "nothing", "code": "X1"},
        {"game": "simulator", "code": "has space"},
        {"game": "simulator", "code": ""},
        {"game": "simulator", "code": "X1", "expires_at": "2020-01-01T00:00:00Z"},
        {"game": "simulator", "code": "X1", "expires_at": "2099-01-01T00:00:00"},
        {"game": "simulator", "code": "X1", "unknown": 1},
    ],
)
def test_a_code_that_cannot_be_added_is_unusable(officer: Program, body: dict[str, Any]) -> None:
    number = GiftCode.objects.count()
    assert kind(officer.post("codes", body)) == "unusable"
    assert GiftCode.objects.count() == number


# --- Runs -----------------------------------------------------------------------------------------
def test_a_run_is_started_refused_with_its_progress_stopped_and_resumed(
    officer: Program, world: World, task_queue: TaskQueue
) -> None:
    code = gift_code("FROST")
    path, body = f"guilds/{world.wolves.pk}/redemptions", {"code_id": code.pk}

    started = officer.post(path, body)
    assert started.status_code == 202, started.content
    run = started.json()["redemption"]
    assert (run["state"], run["run_number"], run["progress"]["total"]) == ("running", 1, 2)
    assert task_queue.arguments("dispatch") == [["simulator"]]
    locked = RedemptionEvent.objects.get(redemption=run["id"], kind=EventKind.LOCKED)
    assert (locked.user, locked.trigger) == (User.objects.get(username="otto"), "admin")
    assert "API token" in locked.detail

    refused = officer.post(path, body)
    assert kind(refused) == "run-under-way"
    assert refused.json()["redemption"]["id"] == run["id"]
    assert refused.json()["redemption"]["progress"]["waiting"] == 2
    assert "running already" in refused.json()["detail"]
    assert [one["id"] for one in officer.get(f"guilds/{world.wolves.pk}/progress").json()["items"]]

    stop = f"redemptions/{run['id']}/stop"
    assert kind(officer.post(stop, {"run_number": 7})) == "not-possible"
    stopped = officer.post(stop, {"run_number": 1})
    assert (stopped.status_code, stopped.json()["redemption"]["state"]) == (202, "stopped")
    assert kind(officer.post(stop)) == "not-possible"
    resumed = officer.post(f"redemptions/{run['id']}/resume")
    assert (resumed.status_code, resumed.json()["redemption"]["run_number"]) == (202, 2)
    assert Redemption.objects.get(pk=run["id"]).state == RunState.RUNNING


def test_a_start_that_is_not_possible_says_why(officer: Program, world: World) -> None:
    path = f"guilds/{world.wolves.pk}/redemptions"
    closed = gift_code("OVER", state="closed")
    refused = officer.post(path, {"code_id": closed.pk})
    assert kind(refused) == "not-possible"
    assert "OVER" in refused.json()["detail"]
    other = GiftCode.objects.get(code="STRANGECODE")
    assert kind(officer.post(path, {"code_id": other.pk})) == "not-found"


# --- Errors ---------------------------------------------------------------------------------------
def test_each_error_is_a_problem(officer: Program, world: World) -> None:
    assert kind(officer.get("nothing")) == "not-found"
    assert kind(officer.get("")) == "not-found"
    assert kind(officer.get("guilds/abc")) == "unusable"
    assert kind(officer.get("guilds/99999999999999999999999")) == "unusable"
    assert kind(officer.get("guilds?page=0")) == "unusable"
    assert kind(officer.get("codes?game=%00")) == "unusable"
    assert kind(officer.send("DELETE", "guilds")) == "method"
    assert kind(officer.send("POST", "codes", b"{not json")) == "bad-request"
    assert kind(officer.send("POST", "codes", b"\xff\xfe")) == "bad-request"
    wrong = officer.post("codes", {"code": 5})
    assert kind(wrong) == "unusable"
    assert wrong.json()["errors"]


def test_an_answer_names_some_of_very_many_faults(officer: Program, world: World) -> None:
    """The answer to a key is stored, so it must not be much longer than what was sent."""
    many = {f"{number}": 1 for number in range(3_000)}
    wrong = officer.post(f"guilds/{world.wolves.pk}/members", {"members": [], **many})

    assert kind(wrong) == "unusable"
    assert len(wrong.json()["errors"]) == MOST_ERRORS


def test_a_fault_is_a_problem_without_a_word_of_the_fault(
    officer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_request: HttpRequest) -> None:
        raise KeyError("a secret")

    monkeypatch.setattr(door, "_call", broken)
    answer = officer.get("guilds")
    assert kind(answer) == "failed"
    assert "secret" not in answer.content.decode()


def test_the_description_needs_no_token_and_names_each_address(client: Any) -> None:
    found = client.get("/api/v1/openapi.json").json()
    assert found["openapi"].startswith("3.")
    assert "/api/v1/guilds/{guild_id}/redemptions" in found["paths"]
    assert found["security"] == [{"token": []}]


def test_the_description_is_written_once(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = client.get(f"{ROOT}openapi.json")
    monkeypatch.setattr(routes, "openapi", lambda: pytest.fail("It was written again."))

    assert client.get(f"{ROOT}openapi.json").content == first.content
