"""Two harmless questions to a game: is its service up, and does it accept our signature?

Only the redeem step and this service call the game. This service is needed because a person who
installs Redeemer wants the answers before there is a member to redeem for. It involves no member
redemption, so there is nothing to claim, and no attempt is written.

The first question takes no permit of the rate budget. The game limits requests for each address and
endpoint (docs/reference/protocol.md), and this question has its own endpoint: a permit would cost
the members a request and protect nothing. For the same reason the answer is not recorded in the
budget. The question is sent once, when a person runs the command. The second question goes to the
endpoint where codes are redeemed, so it takes a permit like any request.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from giftcodes.clients.games import (
    Answer,
    GameClient,
    Health,
    HealthReport,
    ProviderConfig,
    client_for,
)
from giftcodes.domain import check_request
from giftcodes.domain.outcomes import Outcome, Scope, meaning
from giftcodes.models import MemberRedemption, PauseKind, RateBudget, database_now
from giftcodes.models.rate_budget import Observation

#: Answers that the game may give without checking the signature.
_WITHOUT_SIGNATURE = frozenset({Outcome.TIMEOUT_RETRY, Outcome.NOT_LOGIN, Outcome.SERVER_BUSY})


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a question.

    Args:
        ok: whether the result is good. None if it is neither good nor bad.
        words: the result, for a person.
        is_down: whether the service is down, so that further questions are useless.
    """

    ok: bool | None
    words: str
    is_down: bool = False


@dataclass(frozen=True, slots=True)
class _Permit:
    until: dt.datetime | None


def check_service(config: ProviderConfig) -> Finding | None:
    """Ask whether the service is up.

    Returns:
        What the answer proves. None if the game has no endpoint for it, or an operator has paused
        the game.
    """
    if RateBudget.objects.filter(pk=config.name, pause_kind=PauseKind.OPERATOR).exists():
        return None
    report = _client(config).check_health()
    return judge_service(config, report) if report else None


def judge_service(config: ProviderConfig, report: HealthReport) -> Finding:
    """What the answer to the first question proves."""
    host, prefix = _host(config), config.name.upper()
    status = f"HTTP {report.http_status}. " if report.http_status else ""
    detail = f"{status}{report.detail}"
    match report.health:
        case Health.UP:
            return Finding(
                True,
                f"{host} is up (it answers in {report.latency_ms} ms). "
                "This proves that the service can be reached, and not that the salt is right.",
            )
        case Health.REFUSED:
            return Finding(
                False,
                f"{host} can be reached, but refuses our signature (“{report.detail}”): "
                f"{prefix}_SALT is wrong, or has changed.",
            )
        case Health.DOWN:
            return Finding(
                False,
                f"{host} is down ({detail}). Check {prefix}_API_URL and the network.",
                is_down=True,
            )
    return Finding(
        None,
        f"{host} does not say whether it is up ({detail}). This proves nothing about the salt.",
    )


def check_game(config: ProviderConfig) -> Finding:
    """Send a request to redeem a code that does not exist, if the rate budget has a permit.

    It counts against the limit like any request, but neither pauses the game nor ends a pause: only
    answers for members do.
    """
    permit = _take_permit(config)
    if isinstance(permit, Finding):
        return permit
    sent_at = database_now()
    answer = _client(config).redeem(
        player_id=check_request.PLAYER_ID, code=check_request.CODE, realm=check_request.REALM
    )
    _update_budget(config, answer, permit=permit, sent_at=sent_at)
    return judge(config, answer)


@transaction.atomic
def _take_permit(config: ProviderConfig) -> _Permit | Finding:
    RateBudget.objects.get_or_create(provider=config.name)
    budget = RateBudget.objects.select_for_update().get(pk=config.name)
    if budget.pause_kind == PauseKind.OPERATOR:
        return Finding(
            False,
            f"{config.title} is not asked: an operator has paused it ({budget.pause_reason}).",
        )
    now = database_now()
    openers = MemberRedemption.objects.in_flight().filter(
        gift_code__provider=config.name, permit_until__isnull=True
    )
    if budget.permits(rate=config.rate, now=now, openers_out=openers.count()) < 1:
        return Finding(False, _not_now(config, budget, now=now))
    until = budget.consume(1, now=now)
    budget.save(update_fields=["used", "others", "reserve", "permits_until", "window_ends_at"])
    return _Permit(until)


def _not_now(config: ProviderConfig, budget: RateBudget, *, now: dt.datetime) -> str:
    when = "in a few seconds"
    if budget.window_ends_at is not None and budget.window_ends_at > now:
        when = f"in {(budget.window_ends_at - now).total_seconds():.0f} s"
    return (
        f"{config.title} is not asked: its request limit is used up at the moment. "
        f"Run this again {when}."
    )


def _update_budget(
    config: ProviderConfig, answer: Answer, *, permit: _Permit, sent_at: dt.datetime
) -> None:
    """Record what the answer shows about the request limit, but nothing about the game's health."""
    observation = Observation(
        outcome=Outcome.THROTTLED if answer.outcome is Outcome.THROTTLED else Outcome.NOT_SENT,
        has_status=answer.http_status is not None,
        report=answer.rate,
        player_id=check_request.PLAYER_ID,
        code_id=0,
        sent_at=sent_at,
        permit_until=permit.until,
        is_probe=False,
    )
    with transaction.atomic():
        budget = RateBudget.objects.select_for_update().get(pk=config.name)
        if budget.apply_response(observation, rate=config.rate, now=database_now()):
            budget.save()


def judge(config: ProviderConfig, answer: Answer) -> Finding:
    """What an answer to the check means, and what to do about it."""
    host, prefix = _host(config), config.name.upper()
    row = meaning(answer.outcome)
    said = f"“{answer.msg or row.words}”"
    match answer.outcome:
        case Outcome.SIGN_ERROR:
            return Finding(
                False,
                f"{host} refuses our signature ({said}): {prefix}_SALT is wrong, or has changed.",
            )
        case Outcome.PARAMS_ERROR:
            return Finding(
                False,
                f"{host} says that our request lacks a field ({said}): the game's protocol has "
                "changed.",
            )
        case Outcome.CAPTCHA | Outcome.FORBIDDEN:
            return Finding(False, f"{host} refuses us. {row.reason}")
        case Outcome.UNREACHABLE:
            return Finding(
                False,
                f"{host} cannot be reached ({answer.detail}). Check {prefix}_API_URL and the "
                "network.",
            )
        case Outcome.THROTTLED:
            return Finding(
                False,
                f"{host} refuses more requests for now (HTTP 429). Does another program on this "
                "address use it? Run this again in a minute.",
            )
    if (
        row.scope in (Scope.MEMBER, Scope.CODE)
        and row.recognised
        and answer.outcome not in _WITHOUT_SIGNATURE
    ):
        return Finding(
            True,
            f"{host} answers in {answer.latency_ms} ms, and accepts our signature ({said}): the "
            "salt is right.",
        )
    status = f"HTTP {answer.http_status}." if answer.http_status else ""
    advice = f"Check {prefix}_API_URL, or run this again later."
    words = filter(None, [f"{host} gives no clear answer ({said}).", status, answer.detail, advice])
    return Finding(False, " ".join(words))


def _client(config: ProviderConfig) -> GameClient:
    return client_for(
        config, total_seconds=settings.HTTP_SECONDS, connect_seconds=settings.HTTP_CONNECT_SECONDS
    )


def _host(config: ProviderConfig) -> str:
    return urlsplit(config.api_url).netloc.rpartition("@")[2]
