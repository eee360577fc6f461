"""Tokens of the API: which work, how long, with which rights, and how often."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import password_changed
from django.test import Client
from django.utils import timezone

from giftcodes.domain.tokens import hide_tokens
from giftcodes.domain.transitions import State
from giftcodes.models import ApiToken, MemberRedemption, Redemption, RunState, TokenScope
from giftcodes.models.member_redemption import ASKED_AT_MOST
from giftcodes.models.roles import OFFICERS, VIEWERS
from giftcodes.services import api_tokens
from giftcodes.services.api_tokens import MOST_TOKENS, TokenRefused, make_token, revoke
from tests.api.conftest import ROOT, Program, World, account, kind, token_of
from tests.factories import answered

pytestmark = pytest.mark.django_db
Make = Callable[[str], Program]


def test_a_token_is_stored_only_as_a_hash_and_hidden_in_logs(officer: Program) -> None:
    stored = str(list(ApiToken.objects.values()))
    assert officer.token not in stored
    assert officer.token.startswith("rk-")
    assert hide_tokens(f"Bearer {officer.token}") == "Bearer rk-…"


def test_without_a_token_or_with_a_cookie_nothing_is_answered(
    world: World, admin_client: Client
) -> None:
    for client in (Client(), admin_client):
        answer = client.get(f"{ROOT}guilds")
        assert kind(answer) == "token"
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert kind(Client().get(f"{ROOT}guilds", headers={"Authorization": "Basic eA=="})) == "token"


def test_a_read_token_changes_nothing(world: World, program: Make) -> None:
    user = account("otto", OFFICERS, world.wolves)
    reading = program(token_of(user, world.wolves, TokenScope.READ))
    before = world.wolves.members.count()

    answer = reading.post(f"guilds/{world.wolves.pk}/members", {"members": [{"player_id": "5"}]})

    assert kind(answer) == "forbidden"
    assert world.wolves.members.count() == before
    assert reading.get("guilds").status_code == 200


def test_a_viewer_reads_all_guilds_and_changes_none(viewer: Program, world: World) -> None:
    names = {one["name"] for one in viewer.get("guilds").json()["items"]}
    assert names >= {"Wolves", "Strangers", "Aliens"}

    start = viewer.post(f"guilds/{world.wolves.pk}/redemptions", {"code_id": world.shared.pk})
    assert kind(start) == "forbidden"


def test_a_token_of_a_guild_acts_as_an_officer_even_if_an_administrator_made_it(
    world: World, program: Make, admin_user: User
) -> None:
    one = program(token_of(admin_user, world.wolves))

    assert [row["name"] for row in one.get("guilds").json()["items"]] == ["Wolves"]
    assert kind(one.get(f"guilds/{world.strangers.pk}")) == "not-found"
    assert kind(one.get(f"redemptions/{world.foreign.pk}")) == "not-found"


@pytest.mark.parametrize("how", ["start", "resume"])
def test_a_token_of_a_guild_has_the_game_asked_no_more_than_an_officer_may(
    world: World, admin_user: User, program: Make, how: str
) -> None:
    row = MemberRedemption.objects.get(member__nickname="Amber")
    for token in range(ASKED_AT_MOST[State.FAILED] + 1):
        answered(row, realm=1042, outcome="", token=token)
    run = row.redemption
    path = f"guilds/{world.wolves.pk}/redemptions"
    if how == "resume":
        Redemption.objects.filter(pk=run.pk).update(state=RunState.STOPPED)
        path = f"redemptions/{run.pk}/resume"

    for of, state in ((world.wolves, State.FAILED), (None, State.PENDING)):
        program(token_of(admin_user, of)).post(path, {"code_id": world.shared.pk})
        row.refresh_from_db()
        assert row.state == state


def test_an_expired_token_ends_and_a_new_one_works(world: World, program: Make) -> None:
    user = account("otto", OFFICERS, world.wolves)
    ends = timezone.now() + dt.timedelta(hours=1)
    one = program(make_token(user, world.wolves, name="CI", scope=TokenScope.READ, ends_at=ends))
    assert one.get("guilds").status_code == 200

    ApiToken.objects.update(ends_at=timezone.now() - dt.timedelta(seconds=1))

    assert kind(one.get("guilds")) == "token"
    assert "ended" in one.get("guilds").json()["detail"]


def test_a_revoked_token_ends_at_once(officer: Program, world: World) -> None:
    assert revoke(ApiToken.objects.filter(guild=world.strangers), officer.row.pk) is None
    assert officer.get("guilds").status_code == 200

    assert revoke(ApiToken.objects.filter(guild=world.wolves), officer.row.pk) is not None

    assert kind(officer.get("guilds")) == "token"
    assert revoke(ApiToken.objects.filter(guild=world.wolves), officer.row.pk) is None


@pytest.mark.parametrize("end", ["deactivated", "no staff", "no officer"])
def test_a_token_dies_with_the_rights_of_its_maker(
    officer: Program, world: World, end: str
) -> None:
    user = User.objects.get(username="otto")
    if end == "no officer":
        world.wolves.officers.remove(user)
    else:
        User.objects.filter(pk=user.pk).update(
            **{"is_active": False} if end == "deactivated" else {"is_staff": False}
        )

    assert kind(officer.get("guilds")) == "token"
    assert "may not act for the guild" in officer.get("guilds").json()["detail"]


def test_a_token_for_all_guilds_dies_if_its_maker_becomes_an_officer(
    administrator: Program, admin_user: User, world: World
) -> None:
    assert administrator.get("guilds").status_code == 200
    User.objects.filter(pk=admin_user.pk).update(is_superuser=False)
    admin_user.groups.add(Group.objects.get(name=OFFICERS))
    world.wolves.officers.add(admin_user)

    assert kind(administrator.get("guilds")) == "token"


def test_a_token_gives_no_more_than_its_maker_may_do_at_this_moment(
    officer: Program, world: World
) -> None:
    user = User.objects.get(username="otto")
    user.groups.set([Group.objects.get(name=VIEWERS)])

    assert officer.get("guilds").status_code == 200
    start = officer.post(f"guilds/{world.wolves.pk}/redemptions", {"code_id": world.shared.pk})
    assert kind(start) == "forbidden"


def test_a_new_password_ends_the_tokens(officer: Program) -> None:
    password_changed("a-very-long-new-password-7", User.objects.get(username="otto"))

    assert kind(officer.get("guilds")) == "token"


def test_wrong_tokens_are_slowed_down_as_wrong_logins(officer: Program, program: Make) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        assert kind(program("rk-wrong").get("guilds")) == "token"

    locked = program("rk-wrong").get("guilds")
    assert kind(locked) == "limit"
    assert 0 < int(locked.headers["Retry-After"]) <= settings.AXES_COOLOFF_TIME.total_seconds()
    # A guess must not be told from a right token while the address waits.
    assert kind(officer.get("guilds")) == "limit"


def test_a_missing_an_expired_and_a_revoked_token_do_not_lock_an_address(
    officer: Program, world: World, program: Make
) -> None:
    user = User.objects.get(username="otto")
    other = program(token_of(user, world.wolves))
    revoke(ApiToken.objects.all(), officer.row.pk)
    for _ in range(settings.AXES_FAILURE_LIMIT + 1):
        assert kind(officer.get("guilds")) == "token"
        assert kind(Client().get(f"{ROOT}guilds")) == "token"

    assert other.get("guilds").status_code == 200


def test_requests_and_changes_of_a_guild_are_limited(
    officer: Program, stranger: Program, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_tokens, "REQUESTS_IN_MINUTE", 3)
    monkeypatch.setattr(api_tokens, "CHANGES_IN_MINUTE", 1)
    member = world.wolves.members.all()[0]
    path = f"guilds/{world.wolves.pk}/members/{member.pk}"
    assert officer.patch(path, {}).status_code == 200
    too_many = officer.patch(path, {})
    assert kind(too_many) == "limit"
    assert 0 < int(too_many.headers["Retry-After"]) <= 60

    reader = Program(
        token_of(account("rita", OFFICERS, world.wolves), world.wolves, TokenScope.READ)
    )
    assert kind(reader.patch(path, {})) == "forbidden"

    answers = [officer.get("guilds").status_code for _ in range(3)]
    assert answers == [200, 200, 429], "what is not allowed is counted, too"
    second = Program(token_of(account("olga", OFFICERS, world.wolves), world.wolves))
    assert kind(second.get("guilds")) == "limit", "another token gives the guild no more"
    assert stranger.get("guilds").status_code == 200


def test_a_read_token_does_not_use_up_the_changes_of_its_guild(
    officer: Program, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_tokens, "CHANGES_IN_MINUTE", 1)
    rita = account("rita", OFFICERS, world.wolves)
    reader = Program(token_of(rita, world.wolves, TokenScope.READ))
    for _ in range(3):
        assert kind(reader.post("codes")) == "forbidden"

    assert officer.post("codes", {"game": "simulator", "code": "ONE"}).status_code == 201


def test_the_number_of_tokens_of_a_guild_is_limited(world: World) -> None:
    user = account("otto", OFFICERS, world.wolves)
    for _ in range(MOST_TOKENS):
        token_of(user, world.wolves)

    with pytest.raises(TokenRefused, match="Revoke one"):
        token_of(user, world.wolves)
    assert token_of(account("sten", OFFICERS, world.strangers), world.strangers)


def test_the_last_use_is_noted_at_most_once_a_minute(officer: Program) -> None:
    assert officer.row.last_used_at is None
    officer.get("guilds")
    first = officer.row.last_used_at
    assert first is not None
    officer.get("guilds")
    assert officer.row.last_used_at == first
    ApiToken.objects.update(last_used_at=first - dt.timedelta(minutes=2))
    officer.get("guilds")
    assert officer.row.last_used_at != first - dt.timedelta(minutes=2)
