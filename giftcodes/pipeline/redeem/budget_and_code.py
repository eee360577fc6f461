"""Apply an answer to the game's budget and to the code. Most answers lock neither row."""

from __future__ import annotations

from dataclasses import replace

from django.db import transaction

from giftcodes.clients.games.base import Answer
from giftcodes.domain import log_lines
from giftcodes.domain.outcomes import (
    ABOUT_THE_CODE,
    JUDGES_CODE,
    ODD_ANSWERS,
    ODD_WORDS,
    PROVING,
    Outcome,
    meaning,
)
from giftcodes.domain.sentences import english
from giftcodes.models import (
    Alarm,
    CodeAnswer,
    CodeChange,
    EventKind,
    GiftCode,
    PauseKind,
    RateBudget,
    RedemptionEvent,
    Trigger,
    database_now,
)
from giftcodes.models.games import game
from giftcodes.models.rate_budget import Observation
from giftcodes.pipeline.redeem.intent import Intent
from giftcodes.pipeline.redeem.snapshot import Snapshot
from giftcodes.sql import fetch, statement


def concerns_budget(intent: Intent, answer: Answer, known: Snapshot) -> bool:
    """Whether the answer would change the game's budget."""
    seen, rate = _observation(intent, answer), game(intent.provider).rate
    return known.budget.would_change(seen, rate=rate, now=known.now)


def concerns_code(outcome: Outcome, known: Snapshot) -> bool:
    """Whether the answer may change the code. Few answers do."""
    if outcome in PROVING:
        return not known.code_is_proven or known.code_is_odd
    if outcome in ABOUT_THE_CODE | ODD_ANSWERS or outcome is Outcome.CLAIM_LIMIT:
        return True
    return (known.code_is_odd or known.code_is_probed) and outcome in JUDGES_CODE


def update_budget(intent: Intent, answer: Answer, known: Snapshot) -> bool:
    """Update the game's budget if the answer would change it. Returns whether it would."""
    if not concerns_budget(intent, answer, known):
        return False
    config, seen = game(intent.provider), _observation(intent, answer)
    with transaction.atomic(durable=True):
        budget = RateBudget.objects.select_for_update().get(pk=intent.provider)
        was = budget.pause_kind
        if budget.apply_response(seen, rate=config.rate, now=database_now()):
            budget.save()
        _update_alarm(budget, title=config.title, was=was)
    return True


def _observation(intent: Intent, answer: Answer) -> Observation:
    return Observation(
        outcome=answer.outcome,
        has_status=answer.http_status is not None,
        report=answer.rate,
        player_id=intent.player_id,
        code_id=intent.gift_code_id,
        sent_at=intent.sent_at,
        permit_until=intent.permit_until,
        is_probe=intent.is_probe,
    )


def _update_alarm(budget: RateBudget, *, title: str, was: str) -> None:
    if budget.pause_kind and budget.pause_kind != PauseKind.OPERATOR and budget.pause_kind != was:
        Alarm.objects.raise_pause(budget.provider, budget.pause_kind, budget.pause_reason)
        log_lines.warning(
            f"⏸️ {title} is paused: {english(budget.pause_reason)} It is probed automatically.",
            provider=budget.provider,
        )
    elif was and not budget.pause_kind and Alarm.objects.clear_pause(budget.provider):
        log_lines.info(f"▶️ {title} answers again; redeeming goes on.", provider=budget.provider)


def update_code(intent: Intent, answer: Answer, known: Snapshot) -> tuple[CodeChange, Snapshot]:
    """Update the code under its lock, if the answer may change it.

    Returns:
        What changed, and the snapshot with the state that the code has now.
    """
    if not concerns_code(answer.outcome, known):
        return CodeChange.NOTHING, known
    code = GiftCode.objects.select_for_update(no_key=True).get(pk=intent.gift_code_id)
    was = code.code
    is_limit = answer.outcome is Outcome.CLAIM_LIMIT
    change = code.apply_response(
        CodeAnswer(
            outcome=answer.outcome,
            words=_words(answer),
            spelling=intent.published,
            player_id=intent.player_id,
            guild_id=intent.guild_id,
            now=database_now(),
            claim_limits=_claim_limits(intent) if is_limit else (0, 0),
            game_answered_at=known.budget.last_answer_at,
        )
    )
    if code.code != was and change in (
        CodeChange.RESPELLED,
        CodeChange.PROVEN,
        CodeChange.REOPENED,
    ):
        RedemptionEvent.objects.create(
            gift_code=code,
            kind=EventKind.RESPELLED,
            trigger=Trigger.PROBE,
            detail=f"{was} → {code.code}",
        )
    return change, replace(known, code_is_open=code.is_open, code_is_held=code.is_held)


def _words(answer: Answer) -> str:
    """An answer in a few words: the game's own words if these are odd, or else the outcome's."""
    if answer.outcome in ODD_WORDS:
        number = f" (err_code {answer.err_code})" if answer.err_code else ""
        return f"“{answer.msg}”{number}"
    status = f" (HTTP {answer.http_status})" if answer.http_status else ""
    return f"{meaning(answer.outcome).words}{status}"


def _claim_limits(intent: Intent) -> tuple[int, int]:
    """How many players and how many guilds have met a claim limit since the code's last grant."""
    ((players, guilds),) = fetch(
        statement("redeem", "claim_limits"),
        code=intent.gift_code_id,
        this=intent.id,
        proving=sorted(outcome.value for outcome in PROVING),
    )
    return players, guilds
