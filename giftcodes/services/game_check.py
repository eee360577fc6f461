"""Two harmless questions to a game: is its service up, and does it accept our signature?

The first takes no permit of the budget. The game's limit is for each address and endpoint
(docs/reference/protocol.md), and the
first question goes to an endpoint of its own: a permit would take a request from the members and protect nothing. For
the same reason the budget does not hear the answer. The question is sent once, when a person runs the command.
The second goes to the endpoint where codes are redeemed, so it takes a permit like any request.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from giftcodes.clients.games import Answer, Checkup, Health, ProviderConfig, client_for
from giftcodes.domain.outcomes import Outcome, Scope, meaning
from giftcodes.models import MemberRedemption, PauseKind, RateBudget, database_now
from giftcodes.models.rate_budget import Observation

#: Nobody has this ID, and no code is called so: whatever the game checks first, it grants nothing.
PLAYER_ID = "1"
CODE = "REDEEMERCHECK"
REALM = 1

#: What the game says before it has looked at the signature, or without doing so.
_SAYS_NOTHING = frozenset({Outcome.TIMEOUT_RETRY, Outcome.NOT_LOGIN, Outcome.SERVER_BUSY})


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out, in words. `ok` None: neither good nor bad."""

    ok: bool | None
    words: str
    #: There is no use in asking the game anything more.
    is_down: bool = False


@dataclass(frozen=True, slots=True)
class _Permit:
    until: dt.datetime | None


def check_service(config: ProviderConfig) -> Finding | None:
    """Ask whether the service is up, and say what the answer proves. None: there is no such question, or a pause."""
    if RateBudget.objects.filter(pk=config.name, pause_kind=PauseKind.OPERATOR).exists():
        return None
    client = client_for(
        config, total_seconds=settings.HTTP_SECONDS, connect_seconds=settings.HTTP_CONNECT_SECONDS
    )
    checkup = client.check_health()
    return judge_service(config, checkup) if checkup else None


def judge_service(config: ProviderConfig, checkup: Checkup) -> Finding:
    """What the answer to the first question proves, and what it does not."""
    host, prefix = _host(config), config.name.upper()
    status = f"HTTP {checkup.http_status}. " if checkup.http_status else ""
    detail = f"{status}{checkup.detail}"
    match checkup.health:
        case Health.UP:
            return Finding(
                True,
                f"{host} is up (it answers in {checkup.latency_ms} ms). "
                "This proves that the service can be reached, and not that the salt is right.",
            )
        case Health.REFUSED:
            return Finding(
                False,
                f"{host} can be reached, but refuses our signature (“{checkup.detail}”): "
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
    """Ask the game once, with a permit from the budget; or say why it was not asked.

    The check counts against the pace like any request, but neither pauses the game nor ends a pause: that is for the
    answers of members.
    """
    permit = _take_permit(config)
    if isinstance(permit, Finding):
        return permit
    sent_at = database_now()
    client = client_for(
        config, total_seconds=settings.HTTP_SECONDS, connect_seconds=settings.HTTP_CONNECT_SECONDS
    )
    answer = client.redeem(player_id=PLAYER_ID, code=CODE, realm=REALM)
    _hear(config, answer, permit=permit, sent_at=sent_at)
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
    when = "in some seconds"
    if budget.window_ends_at is not None and budget.window_ends_at > now:
        when = f"in {(budget.window_ends_at - now).total_seconds():.0f} s"
    return f"{config.title} is not asked: its request limit is used up just now. Run this again {when}."


def _hear(config: ProviderConfig, answer: Answer, *, permit: _Permit, sent_at: dt.datetime) -> None:
    """Tell the budget what it needs to know of its window, and nothing about the game's health."""
    heard = Observation(
        outcome=Outcome.THROTTLED if answer.outcome is Outcome.THROTTLED else Outcome.NOT_SENT,
        has_status=answer.http_status is not None,
        report=answer.rate,
        player_id=PLAYER_ID,
        code_id=0,
        sent_at=sent_at,
        permit_until=permit.until,
        is_probe=False,
    )
    with transaction.atomic():
        budget = RateBudget.objects.select_for_update().get(pk=config.name)
        if budget.apply_response(heard, rate=config.rate, now=database_now()):
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
                f"{host} misses a field in our request ({said}): the game's protocol has changed.",
            )
        case Outcome.CAPTCHA | Outcome.FORBIDDEN:
            return Finding(False, f"{host} refuses us. {row.reason}")
        case Outcome.UNREACHABLE:
            return Finding(
                False,
                f"{host} is out of reach ({answer.detail}). Check {prefix}_API_URL and the network.",
            )
        case Outcome.THROTTLED:
            return Finding(
                False,
                f"{host} refuses more requests for now (HTTP 429). Does another program on this address use it? "
                "Run this again in a minute.",
            )
    if (
        row.scope in (Scope.MEMBER, Scope.CODE)
        and row.recognised
        and answer.outcome not in _SAYS_NOTHING
    ):
        return Finding(
            True,
            f"{host} answers in {answer.latency_ms} ms, and accepts our signature ({said}): the salt is right.",
        )
    status = f"HTTP {answer.http_status}." if answer.http_status else ""
    advice = f"Check {prefix}_API_URL, or run this again later."
    words = filter(None, [f"{host} gives no clear answer ({said}).", status, answer.detail, advice])
    return Finding(False, " ".join(words))


def _host(config: ProviderConfig) -> str:
    return urlsplit(config.api_url).netloc.rpartition("@")[2]
