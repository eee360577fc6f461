"""Requests made from the description of the API: no fault, and nothing of another guild.

Schemathesis is the client here: it generates right and wrong requests from the description, and
checks each answer against it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import schemathesis
from django.core import signals
from django.core.handlers.wsgi import WSGIHandler
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from giftcodes.api.routes import openapi
from giftcodes.models import ApiToken, Clock, Guild, Member, Redemption
from giftcodes.services import api_tokens
from tests.api.conftest import STRANGE, Program, World

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
#: For each operation and each of right and wrong requests.
_EXAMPLES = 12
_SETTINGS = settings(
    max_examples=_EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class Visitor:
    """A program that sends generated requests to each operation, and keeps the answers."""

    def __init__(self, program: Program, rows: list[dict[str, int]]) -> None:
        """Take the program, and ids of rows, which take turns with generated ids."""
        self.answers: list[str] = []
        self.statuses: set[tuple[str, int]] = set()
        self._program = program
        self._rows = rows
        self._turn = count()

    def visit(self) -> None:
        """Send requests to each operation."""
        schema = schemathesis.openapi.from_dict(json.loads(json.dumps(openapi())))
        schema.app = WSGIHandler()
        for found in schema.get_all_operations():
            operation = found.ok()
            for mode in schemathesis.GenerationMode:
                try:
                    strategy = operation.as_strategy(generation_mode=mode)
                except ValueError:
                    continue
                _SETTINGS(given(case=strategy)(self._send))()

    def _send(self, case: Any) -> None:
        choices: list[dict[str, int]] = [{}, *self._rows]
        ids = choices[next(self._turn) % len(choices)]
        case.path_parameters.update(
            {name: value for name, value in ids.items() if name in case.path_parameters}
        )
        if isinstance(case.body, dict) and "code_id" in case.body and "code_id" in ids:
            case.body["code_id"] = ids["code_id"]
        headers = {"Authorization": f"Bearer {self._program.token}"}
        response = case.call_and_validate(headers=headers, checks=_CHECKS)
        self.answers.append(response.text)
        self.statuses.add((case.operation.label, response.status_code))


def rows_of(guild: Guild, code_id: int) -> dict[str, int]:
    """The ids of a guild's rows, by the names in the addresses."""
    return {
        "guild_id": guild.pk,
        "member_id": guild.members.all()[0].pk,
        "code_id": code_id,
        "redemption_id": guild.redemptions.all()[0].pk,
    }


def state_of(guild: Guild) -> list[Any]:
    """What a stranger must not change."""
    return [
        list(rows.order_by("pk").values())
        for rows in (
            Guild.objects.filter(pk=guild.pk),
            Member.objects.filter(guild=guild),
            Redemption.objects.filter(guild=guild),
        )
    ]


@pytest.fixture
def _no_limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take all requests, over the connection that has the test's transaction."""
    monkeypatch.setattr(api_tokens, "REQUESTS_IN_MINUTE", 10**6)
    monkeypatch.setattr(api_tokens, "CHANGES_IN_MINUTE", 10**6)
    closing = (signals.request_started, signals.request_finished)
    for signal in closing:
        signal.disconnect(close_old_connections)
    yield
    for signal in closing:
        signal.connect(close_old_connections)


@pytest.mark.usefixtures("_no_limits")
@pytest.mark.parametrize("name", ["officer", "viewer", "administrator", "stranger"])
def test_no_generated_request_makes_a_fault_or_shows_or_changes_another_guild(
    world: World, request: pytest.FixtureRequest, name: str
) -> None:
    program: Program = request.getfixturevalue(name)
    guilds = (world.wolves, world.strangers)
    is_for_one = name in ("officer", "stranger")
    foreign = guilds if name == "viewer" else [guilds[name == "officer"]] if is_for_one else []
    before = [state_of(one) for one in foreign]
    visitor = Visitor(program, [rows_of(one, world.shared.pk) for one in guilds])

    visitor.visit()

    # The requests got somewhere.
    assert len(visitor.answers) > 150
    assert ("GET /api/v1/guilds/{guild_id}/coverage", 200) in visitor.statuses
    posted = {status for label, status in visitor.statuses if label.startswith("POST")}
    assert bool(posted & {200, 201, 202}) is (name != "viewer")
    assert [state_of(one) for one in foreign] == before
    if is_for_one:
        strange = ("Amber", "200000200", "Wolves") if name == "stranger" else STRANGE
        everything = "\n".join(visitor.answers)
        assert [word for word in strange if word in everything] == []
        assert ("Nobody-of-yours" if name == "stranger" else "Amber") in everything


@pytest.mark.usefixtures("_no_limits")
@pytest.mark.parametrize("end", ["ends_at", "revoked_at"])
def test_a_token_that_has_ended_gets_no_answer_of_any_operation(
    world: World, officer: Program, end: str
) -> None:
    ApiToken.objects.update(**{end: Clock()})
    visitor = Visitor(officer, [rows_of(world.wolves, world.shared.pk)])

    visitor.visit()

    assert {status for _label, status in visitor.statuses} == {401}
