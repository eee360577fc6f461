"""`check_provider`: two harmless questions to a game, within its pace, and a clear result."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from giftcodes.clients.games import Answer, Rate, RateReport
from giftcodes.domain import findings
from giftcodes.domain.findings import Finding, FindingKind
from giftcodes.domain.outcomes import Outcome
from giftcodes.models import Alarm, Feed, PauseKind, RateBudget, database_now
from giftcodes.models.stored_setting import forget_stored_values, store
from giftcodes.queries.connections import NAMES
from giftcodes.services import feeds
from giftcodes.services.provider_requests import judge
from tests.commands.conftest import World, run


def configure(settings: Any, **changes: Any) -> None:
    changed = replace(settings.PROVIDERS["simulator"], **changes)
    settings.PROVIDERS = {**settings.PROVIDERS, "simulator": changed}


def test_a_game_that_works_passes(world: World) -> None:
    world.game.publish("FROST")

    said = run("check_provider", "simulator")

    assert said.status == 0, said
    assert said.lines[0] == "Simulator (simulator)"
    assert said.lines[1] == "✓ Salt: SIMULATOR_SALT is set."
    assert said.lines[2].startswith("✓ Service: 127.0.0.1:")
    assert said.lines[2].endswith(
        "proves that the service can be reached, but not that the salt is right."
    )
    assert said.lines[3].startswith("✓ Game: 127.0.0.1:")
    assert said.lines[3].endswith("accepts our signature (“USER INFO ERROR”): the salt is right.")
    assert said.lines[4] == "✓ Feed: 1 code(s) listed."


def test_the_first_question_is_signed_with_the_time_only_and_is_no_redeem_request(
    world: World,
) -> None:
    run("check_provider", "simulator")

    ledger = world.game.ledger()
    assert [(call["fields"], call["status"]) for call in ledger["config"]] == [
        (["sign", "time"], 200)
    ]
    assert len(ledger["requests"]) == 1


def test_the_game_accepts_the_signature_of_the_first_question(world: World) -> None:
    world.game.merge({"options": {"config_checks_sign": True}})

    said = run("check_provider", "simulator")

    assert "✓ Service" in said.out


def test_a_refused_signature_of_the_first_question_is_reported_and_the_second_is_asked(
    world: World, settings: Any
) -> None:
    configure(settings, salt="a-wrong-salt")
    world.game.merge({"options": {"config_checks_sign": True}})

    said = run("check_provider", "simulator")

    assert said.status == 1
    assert (
        "can be reached, but refuses our signature (“Sign Error”): SIMULATOR_SALT is wrong"
        in said.out
    )
    assert len(world.requests) == 1


def test_no_code_is_tried_if_the_service_is_down(world: World) -> None:
    world.game.merge({"options": {"config_status": 503}})

    said = run("check_provider", "simulator")

    assert said.status == 1
    assert "is down (HTTP 503. The server reports an error.)" in said.out
    assert "– Game: no code was tried, because the service is down." in said.out
    assert world.requests == []


@pytest.mark.parametrize("status", [404, 429])
def test_an_unclear_answer_to_the_first_question_leaves_the_verdict_to_the_second(
    world: World, status: int
) -> None:
    world.game.merge({"options": {"config_status": status}})

    said = run("check_provider", "simulator")

    assert said.status == 0, said
    assert "– Service: 127.0.0.1:" in said.out
    assert f"does not say whether it is up (HTTP {status}." in said.out
    assert "✓ Game" in said.out


def test_the_first_question_takes_no_permit(world: World, settings: Any) -> None:
    configure(settings, rate=Rate(30, 60))
    ends_at = database_now() + timedelta(seconds=20)
    RateBudget.objects.create(
        provider="simulator", used=30, window_ends_at=ends_at, permits_until=ends_at
    )

    run("check_provider", "simulator")

    assert len(world.game.ledger()["config"]) == 1
    assert RateBudget.objects.get().used == 30


def test_during_an_operators_pause_even_the_first_question_is_not_asked(world: World) -> None:
    RateBudget.objects.create(
        provider="simulator", pause_kind=PauseKind.OPERATOR, pause_reason="Maintenance."
    )

    run("check_provider", "simulator")

    assert world.game.ledger()["config"] == []


def test_the_redeem_request_is_for_no_real_player_and_is_sent_once(world: World) -> None:
    run("check_provider", "simulator")

    assert [(request["player"], request["code"]) for request in world.requests] == [
        ("1", "REDEEMERCHECK")
    ]
    assert world.grants == []


def test_a_wrong_salt_is_reported_and_pauses_nothing(world: World, settings: Any) -> None:
    configure(settings, salt="a-wrong-salt")

    said = run("check_provider", "simulator")

    assert said.status == 1
    assert "✗ Game: 127.0.0.1:" in said.out
    assert "SIMULATOR_SALT is wrong, or has changed." in said.out
    assert not RateBudget.objects.get().pause_kind
    assert not Alarm.objects.exists()


def test_no_secret_is_ever_shown(world: World, settings: Any) -> None:
    configure(settings, salt="the-secret-salt", feed_key="the-secret-key")
    world.spoil("msg", msg="the-secret-salt")

    said = run("check_provider", "simulator")

    assert "the-secret" not in said.out + said.err


def test_without_a_salt_nothing_is_sent_to_the_game(world: World, settings: Any) -> None:
    configure(settings, salt="")

    said = run("check_provider", "simulator")

    assert said.status == 1
    assert "✗ Salt: SIMULATOR_SALT is not set" in said.out
    assert world.requests == []


def test_an_unreachable_game_is_reported(world: World) -> None:
    world.game.stop()

    said = run("check_provider", "simulator")

    assert said.status == 1
    assert "✗ Service: 127.0.0.1:" in said.out
    assert "Check SIMULATOR_API_URL" in said.out
    assert "– Game: no code was tried" in said.out
    assert "✗ Feed: The feed could not be reached" in said.out


def test_a_feed_that_refuses_the_key_is_reported(world: World) -> None:
    world.game.merge({"feed_faults": [{"fault": "status", "status": 403}]})

    said = run("check_provider", "simulator")

    assert said.status == 1
    assert "Check SIMULATOR_FEED_KEY" in said.out


def test_a_game_without_a_feed_is_fine(world: World, settings: Any) -> None:
    configure(settings, feed_url="")

    said = run("check_provider", "simulator")

    assert said.status == 0
    assert "– Feed: SIMULATOR_FEED_URL is not set: codes are added by hand." in said.out


@pytest.mark.usefixtures("still_clock")
def test_the_check_takes_a_permit_and_opens_the_window(world: World, settings: Any) -> None:
    configure(settings, rate=Rate(30, 60))
    world.game.merge({"rate": "30/60"})

    run("check_provider", "simulator")

    budget = RateBudget.objects.get()
    assert budget.used == 1
    assert budget.window_ends_at is not None
    assert timedelta(seconds=55) < budget.window_ends_at - database_now() <= timedelta(seconds=61)


def test_the_permit_is_spent_although_nobody_answers(world: World, settings: Any) -> None:
    configure(settings, rate=Rate(30, 60))
    world.spoil("drop")
    ends_at = database_now() + timedelta(seconds=20)
    RateBudget.objects.create(
        provider="simulator", used=5, window_ends_at=ends_at, permits_until=ends_at
    )

    run("check_provider", "simulator")

    assert RateBudget.objects.get().used == 6


def test_a_used_up_window_is_respected(world: World, settings: Any) -> None:
    configure(settings, rate=Rate(30, 60))
    ends_at = database_now() + timedelta(seconds=20)
    RateBudget.objects.create(
        provider="simulator", used=30, window_ends_at=ends_at, permits_until=ends_at
    )

    said = run("check_provider", "simulator")

    assert said.status == 1
    assert "its request limit is used up at the moment. Run this again in" in said.out
    assert world.requests == []
    assert RateBudget.objects.get().used == 30


def test_an_operators_pause_is_respected(world: World) -> None:
    RateBudget.objects.create(
        provider="simulator", pause_kind=PauseKind.OPERATOR, pause_reason="Maintenance."
    )

    said = run("check_provider", "simulator")

    assert said.status == 1
    assert "paused until it is resumed in the admin: Maintenance." in said.out
    assert world.requests == []


def test_a_game_that_was_paused_automatically_can_be_checked_and_stays_paused(world: World) -> None:
    until = database_now() + timedelta(seconds=50)
    RateBudget.objects.create(
        provider="simulator",
        pause_kind=PauseKind.SIGNATURE,
        pause_reason="Sign Error.",
        paused_until=until,
    )

    said = run("check_provider", "simulator")

    assert said.status == 1
    assert "✓ Game" in said.out
    assert "✗ Pause: Sign Error. Paused. In " in said.out
    assert " s one request tests the game." in said.out
    assert RateBudget.objects.get().pause_kind == PauseKind.SIGNATURE


def test_a_429_closes_the_window_for_everybody(world: World, settings: Any) -> None:
    configure(settings, rate=Rate(30, 60))
    world.spoil("status", status=429)

    said = run("check_provider", "simulator")

    assert "HTTP 429" in said.out
    budget = RateBudget.objects.get()
    assert budget.permits(rate=Rate(30, 60), now=database_now(), openers_out=0) == 0


@pytest.mark.usefixtures("still_clock")
def test_the_pause_between_two_requests_to_the_feed_is_kept_before_and_after_the_check(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(feeds.time, "sleep", slept.append)
    Feed.objects.create(provider="simulator", polled_at=database_now(), next_poll_at=database_now())

    run("check_provider", "simulator")

    assert len(slept) == 1
    assert 2 < slept[0] <= 3
    assert Feed.objects.get().next_poll_at > database_now() + timedelta(seconds=1)


@pytest.mark.django_db
def test_an_unknown_name_is_answered_with_the_known_names(settings: Any) -> None:
    known = ", ".join(sorted(settings.PROVIDERS))
    said = run("check_provider", "chess")

    assert (said.status, said.err) == (1, f"There is no game “chess”. There are: {known}.\n")


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_words(outcome: Outcome, settings: Any) -> None:
    answer = Answer(
        outcome=outcome,
        http_status=200,
        err_code="",
        msg="",
        latency_ms=1,
        body="",
        rate=RateReport(),
        detail="",
    )

    finding = judge(settings.PROVIDERS["simulator"], answer)

    accepted = {
        Outcome.SUCCESS,
        Outcome.RECEIVED,
        Outcome.SAME_TYPE,
        Outcome.CODE_NOT_FOUND,
        Outcome.CODE_EXPIRED,
        Outcome.CLAIM_LIMIT,
        Outcome.WRONG_REALM,
        Outcome.NO_SUCH_PLAYER,
        Outcome.LEVEL_TOO_LOW,
        Outcome.SPEND_TOO_LOW,
        Outcome.VIP_TOO_LOW,
        Outcome.LEVEL_OR_SPEND_TOO_LOW,
        Outcome.ACCOUNT_TOO_YOUNG,
        Outcome.TOO_FREQUENT,
    }
    assert finding.ok is (outcome in accepted)
    assert finding.words.startswith("127.0.0.1:9 ")


def test_the_command_uses_the_settings_that_were_entered_in_the_browser(
    world: World, settings: Any
) -> None:
    settings.GAME_PRIVATE_HOSTS = ["127.0.0.1"]
    here = settings.PROVIDERS["simulator"]
    configure(settings, salt="", api_url="", feed_url="", from_environment=frozenset())
    store(
        {"SIMULATOR_SALT": here.salt, "SIMULATOR_API_URL": here.api_url, "SIMULATOR_ON": "1"},
        user_id=None,
    )
    forget_stored_values()

    said = run("check_provider", "simulator")

    assert said.status == 0, said
    assert "✓ Game: 127.0.0.1:" in said.out
    store({"SIMULATOR_ON": "0"}, user_id=None)
    forget_stored_values()
    assert "✗ Salt: The game is switched off." in run("check_provider", "simulator").out


@pytest.mark.parametrize("kind", FindingKind)
def test_every_finding_has_a_sentence_for_pages_too(kind: FindingKind) -> None:
    sentence = str(findings._FINDINGS[kind][1])
    finding = Finding.of(kind, **dict.fromkeys(re.findall(r"%\((\w+)\)s", sentence), "VALUE"))

    assert Finding.from_json(finding.to_json()) == finding
    assert "%(" not in finding.words
    for_people = finding.words_with(NAMES)
    assert for_people[0] == for_people[0].upper() or not finding.words[0].isupper()
