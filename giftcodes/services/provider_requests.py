"""Two harmless questions to a game: is its service up, and does it accept our signature?

Only the redeem step and this module call the game. This module is needed because a person who
installs Redeemer wants the answers before there is a member to redeem for. It involves no member
redemption, so there is nothing to claim, and no attempt is written.

The first question takes no permit of the rate budget. The game limits requests for each address and
endpoint (docs/reference/protocol.md), and this question has its own endpoint: a permit would cost
the members a request and protect nothing. For the same reason the answer is not recorded in the
budget. The question is sent once, when a person asks for the check. The second question goes to the
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
from giftcodes.domain.findings import Finding, FindingKind
from giftcodes.domain.outcomes import Outcome, Scope, meaning
from giftcodes.domain.sentences import reason_of
from giftcodes.models import MemberRedemption, PauseKind, RateBudget, database_now
from giftcodes.models.rate_budget import Observation

#: Answers that the game may give without checking the signature.
_WITHOUT_SIGNATURE = frozenset({Outcome.TIMEOUT_RETRY, Outcome.NOT_LOGIN, Outcome.SERVER_BUSY})

#: The finding for each answer that judges neither a player nor a code.
_REFUSALS = {
    Outcome.SIGN_ERROR: FindingKind.SIGNATURE_REFUSED,
    Outcome.PARAMS_ERROR: FindingKind.FIELD_MISSING,
    Outcome.CAPTCHA: FindingKind.GAME_REFUSES,
    Outcome.FORBIDDEN: FindingKind.GAME_REFUSES,
    Outcome.UNREACHABLE: FindingKind.UNREACHABLE,
    Outcome.THROTTLED: FindingKind.THROTTLED,
}


@dataclass(frozen=True, slots=True)
class _Permit:
    until: dt.datetime | None


def check_service(config: ProviderConfig) -> Finding | None:
    """Ask whether the service is up.

    Returns:
        What the answer proves. None if the game has no endpoint for this question, or if an
        operator has paused the game.
    """
    if RateBudget.objects.filter(pk=config.name, pause_kind=PauseKind.OPERATOR).exists():
        return None
    report = _client(config).check_health()
    return judge_service(config, report) if report else None


def judge_service(config: ProviderConfig, report: HealthReport) -> Finding:
    """What the answer to the first question proves."""
    host = _host(config)
    status = f"HTTP {report.http_status}. " if report.http_status else ""
    names = {"salt": config.setting("salt"), "api_url": config.setting("api_url")}
    match report.health:
        case Health.UP:
            return Finding.of(FindingKind.SERVICE_UP, host=host, ms=report.latency_ms)
        case Health.REFUSED:
            return Finding.of(FindingKind.SERVICE_REFUSES, host=host, detail=report.detail, **names)
        case Health.DOWN:
            kind = FindingKind.SERVICE_DOWN
        case Health.UNCLEAR:
            kind = FindingKind.SERVICE_UNCLEAR
    return Finding.of(kind, host=host, detail=f"{status}{report.detail}", **names)


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
        return Finding.of(
            FindingKind.OPERATOR_PAUSE, title=config.title, reason=budget.pause_reason
        )
    now = database_now()
    openers = MemberRedemption.objects.in_flight().filter(
        gift_code__provider=config.name, permit_until__isnull=True
    )
    if budget.permits(rate=config.rate, now=now, openers_out=openers.count()) < 1:
        return _not_now(config, budget, now=now)
    until = budget.consume(1, now=now)
    budget.save(update_fields=["used", "others", "reserve", "permits_until", "window_ends_at"])
    return _Permit(until)


def _not_now(config: ProviderConfig, budget: RateBudget, *, now: dt.datetime) -> Finding:
    if budget.window_ends_at is None or budget.window_ends_at <= now:
        return Finding.of(FindingKind.LIMIT_USED_UP, title=config.title)
    seconds = (budget.window_ends_at - now).total_seconds()
    return Finding.of(FindingKind.LIMIT_USED_UP_FOR, title=config.title, seconds=f"{seconds:.0f}")


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
    row = meaning(answer.outcome)
    names = {
        "host": _host(config),
        "said": f"“{answer.msg or row.words}”",
        "salt": config.setting("salt"),
        "api_url": config.setting("api_url"),
    }
    if kind := _REFUSALS.get(answer.outcome):
        return Finding.of(kind, reason=reason_of(answer.outcome), detail=answer.detail, **names)
    if (
        row.scope in (Scope.MEMBER, Scope.CODE)
        and row.recognised
        and answer.outcome not in _WITHOUT_SIGNATURE
    ):
        return Finding.of(FindingKind.SIGNATURE_ACCEPTED, ms=answer.latency_ms, **names)
    status = f"HTTP {answer.http_status}" if answer.http_status else ""
    detail = ". ".join(filter(None, [names["said"], status, answer.detail.rstrip(".")]))
    return Finding.of(FindingKind.UNCLEAR, detail=detail, **names)


def _client(config: ProviderConfig) -> GameClient:
    return client_for(
        config, total_seconds=settings.HTTP_SECONDS, connect_seconds=settings.HTTP_CONNECT_SECONDS
    )


def _host(config: ProviderConfig) -> str:
    return urlsplit(config.api_url).netloc.rpartition("@")[2]
