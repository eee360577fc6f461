"""Programs with tokens, and two guilds: Wolves are the officer's, Strangers are not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from giftcodes.models import ApiToken, GiftCode, Guild, MemberRedemption, Redemption, TokenScope
from giftcodes.models.roles import OFFICERS, VIEWERS
from giftcodes.services.api_tokens import make_token
from tests.admin.conftest import TaskQueue, task_queue
from tests.admin.test_roles import groups, person
from tests.factories import gift_code, guild, member, member_redemption

__all__ = ["groups", "task_queue"]

ROOT = "/api/v1/"
#: Names and player IDs that no program of Wolves may ever read.
STRANGE = ("Strangers", "Nobody-of-yours", "777000111", "777000112", "STRANGECODE", "Aliens")


class Program:
    """A program that sends requests with a token."""

    def __init__(self, token: str, committing: Callable[..., Any] | None = None) -> None:
        self.token = token
        self._client = Client(raise_request_exception=False)
        self._committing = committing

    @property
    def row(self) -> ApiToken:
        from giftcodes.domain.tokens import token_hash

        return ApiToken.objects.get(token_hash=token_hash(self.token))

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request. Tasks are enqueued at its end, as after a commit."""
        headers = {"Authorization": f"Bearer {self.token}", **headers}
        data = body if isinstance(body, bytes | str) else json.dumps(body)
        sent: Any = lambda: self._client.generic(  # noqa: E731
            method, ROOT + path, "" if body is None else data, "application/json", headers=headers
        )
        if self._committing is None:
            return sent()
        with self._committing(execute=True):
            return sent()

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("POST", path, body or {}, **headers)

    def patch(self, path: str, body: Any) -> Any:
        return self.send("PATCH", path, body)


@dataclass(frozen=True, slots=True)
class World:
    """Two guilds of one game that share a code, and a guild of another game."""

    wolves: Guild
    strangers: Guild
    aliens: Guild
    shared: GiftCode
    foreign: Redemption


@pytest.fixture
def world(groups: None, task_queue: TaskQueue) -> World:
    wolves, strangers = guild("Wolves"), guild("Strangers")
    aliens = guild("Aliens", provider="kingshot")
    shared, other = gift_code("SHARED"), gift_code("STRANGECODE", provider="kingshot")
    theirs = member(strangers, "777000111", nickname="Nobody-of-yours")
    proof = member_redemption(theirs, shared, "redeemed")
    member_redemption(member(aliens, "777000112", nickname="Nobody-of-yours"), other, "failed")
    amber = member(wolves, "200000200", nickname="Amber")
    row = member_redemption(amber, shared, "failed", reason="Why.")
    twin = member(wolves, "555000555")
    covered = member_redemption(twin, shared, "pending")
    assert row.redemption == covered.redemption
    MemberRedemption.objects.filter(pk=covered.pk).update(
        state="already_received", covered_by=proof
    )
    return World(wolves, strangers, aliens, shared, proof.redemption)


def account(name: str, group: str, *guilds: Guild) -> User:
    """A new user of a group."""
    person(name, group, *guilds)
    return User.objects.get(username=name)


def token_of(user: User, of: Guild | None, scope: TokenScope = TokenScope.ACT) -> str:
    return make_token(user, of, name=f"of {user}", scope=scope, ends_at=None)


@pytest.fixture
def program(django_capture_on_commit_callbacks: Any) -> Callable[[str], Program]:
    """A program with this token."""
    return lambda token: Program(token, django_capture_on_commit_callbacks)


@pytest.fixture
def officer(world: World, program: Callable[[str], Program]) -> Program:
    return program(token_of(account("otto", OFFICERS, world.wolves), world.wolves))


@pytest.fixture
def viewer(world: World, program: Callable[[str], Program]) -> Program:
    """A token for all guilds, whose maker may only look."""
    return program(token_of(account("vera", VIEWERS), None))


@pytest.fixture
def administrator(world: World, program: Callable[[str], Program], admin_user: User) -> Program:
    return program(token_of(admin_user, None))


@pytest.fixture
def stranger(world: World, program: Callable[[str], Program]) -> Program:
    """A token of another guild."""
    return program(token_of(account("sten", OFFICERS, world.strangers), world.strangers))


def kind(response: Any) -> str:
    """The kind of a problem, such as `not-found`. The answer must have all parts of a problem."""
    assert response.headers["Content-Type"] == "application/problem+json", response.content
    body = response.json()
    assert body["status"] == response.status_code
    assert body["title"]
    assert body["detail"]
    return str(body["type"].rpartition(":")[2])
