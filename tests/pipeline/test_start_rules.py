"""May a run start? The rule for one redemption, and the same rule as a query for many of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from django.utils import timezone

from giftcodes.models import CodeState, GiftCode, Redemption, RunState, Trigger
from giftcodes.models.start_rules import ObstacleKind, code_obstacle, start_obstacle, startable
from tests.factories import gift_code, guild

pytestmark = pytest.mark.django_db


def redemption(*, active: bool = True, code: str = "active", **fields: Any) -> Redemption:
    return Redemption.objects.create(
        guild=guild(active=active), gift_code=gift_code(state=code), **fields
    )


STOPPING = {"state": RunState.RUNNING, "stop_requested_at": timezone.now()}


@pytest.mark.parametrize(
    ("fields", "trigger", "expected"),
    [
        ({}, Trigger.POLL, None),
        ({"state": RunState.RUNNING}, Trigger.SWEEP, None),
        ({"active": False}, Trigger.ADMIN, ObstacleKind.GUILD_INACTIVE),
        ({"code": CodeState.PROBING}, Trigger.ADMIN, ObstacleKind.CODE_PROBED),
        ({"code": CodeState.CLOSED}, Trigger.ADMIN, ObstacleKind.CODE_CLOSED),
        ({"code": CodeState.DELETED}, Trigger.ADMIN, ObstacleKind.CODE_CLOSED),
        ({"state": RunState.STOPPED}, Trigger.SWEEP, ObstacleKind.STOPPED),
        ({"state": RunState.STOPPED}, Trigger.COMMAND, None),
        (STOPPING, Trigger.CATCH_UP, ObstacleKind.STOPPING),
    ],
)
def test_an_obstacle_is_found(
    fields: dict[str, Any], trigger: Trigger, expected: ObstacleKind | None
) -> None:
    found = start_obstacle(redemption(**fields), trigger)

    assert (found and found.kind) == expected


def test_a_code_of_another_game_is_an_obstacle() -> None:
    row = Redemption.objects.create(guild=guild(), gift_code=gift_code(provider="kingshot"))

    found = start_obstacle(row, Trigger.ADMIN)

    assert found is not None
    assert found.kind is ObstacleKind.OTHER_GAME
    assert not Redemption.objects.filter(startable()).exists()


def test_a_game_that_is_off_or_unknown_is_an_obstacle(settings: Any) -> None:
    row = redemption()
    config = settings.PROVIDERS["simulator"]
    settings.PROVIDERS = {"simulator": replace(config, salt="")}
    off = start_obstacle(row, Trigger.ADMIN)
    assert not Redemption.objects.filter(startable()).exists()
    settings.PROVIDERS = {"simulator": replace(config, is_enabled=False)}
    switched_off = start_obstacle(row, Trigger.ADMIN)
    settings.PROVIDERS = {}
    unknown = start_obstacle(row, Trigger.ADMIN)

    assert off is not None
    assert off.words == (
        f"{config.title} is not connected. An administrator connects it under “Connect a game”, "
        "or sets SIMULATOR_SALT."
    )
    assert switched_off is not None
    assert switched_off.words.endswith("or sets SIMULATOR_ON.")
    assert unknown is not None
    assert unknown.kind is ObstacleKind.GAME_UNKNOWN
    assert not Redemption.objects.filter(startable()).exists()


def test_the_query_for_many_redemptions_agrees_with_the_rule_for_one() -> None:
    runs: list[dict[str, Any]] = [{"state": state} for state in RunState]
    for active, code, run in product([True, False], CodeState, [*runs, STOPPING]):
        redemption(active=active, code=code, **run)

    allowed = {
        row.pk
        for row in Redemption.objects.select_related("guild", "gift_code")
        if start_obstacle(row, Trigger.SWEEP) is None
    }

    assert set(Redemption.objects.filter(startable()).values_list("pk", flat=True)) == allowed
    assert len(allowed) == 3


def test_the_sentence_for_a_closed_code_says_why_and_what_to_do() -> None:
    code = GiftCode(code="FROST", state=CodeState.CLOSED, reason="It has ended.")

    found = code_obstacle(code)

    assert str(found) == "Code FROST is closed. It has ended. An administrator can reopen it."
