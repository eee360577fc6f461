"""Invariant 6: the requests that the game saw agree with our attempts.

A request does not contain the ID of its attempt. So the audit counts the requests and the attempts
for each player, code and realm, and compares the counts. This does not depend on any clock. An
attempt that got an HTTP status must match a request that ended with that status. The remaining
requests must match attempts that may have been sent but got no answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.db import connection

from giftcodes.audit.invariant import EXAMPLES, Finding, Section
from giftcodes.audit.ledger import Entry, Ledger
from giftcodes.domain import check_request
from giftcodes.models import Attempt, OptOut
from giftcodes.models.games import games
from giftcodes.models.guild import ERASED
from giftcodes.models.opted_out import player_hashes
from giftcodes.sql import statement


def compare(ledger: Ledger, *, repeats_allowed: int) -> list[Finding]:
    """Compare the ledger with the attempts, within the caller's transaction."""
    providers = _providers(ledger.url)
    erased = _erased({entry["player"] for entry in ledger.requests if entry["player"]}, providers)
    asked = [
        entry
        for entry in ledger.requests
        if (entry["player"], entry["code"]) != (check_request.PLAYER_ID, check_request.CODE)
        and entry["player"] not in erased
    ]
    differences = _differences(asked, ledger, providers)
    answered = Attempt.objects.filter(
        http_status__isnull=False, gift_code__provider__in=providers
    ).count()
    return [
        _granted_once(ledger),
        _requests_have_attempts(asked, differences),
        _answers_have_requests(answered, differences),
        _repeats(ledger, repeats_allowed),
        _windows(ledger),
        _honesty(ledger),
    ]


def _erased(players: set[str], providers: list[str]) -> set[str]:
    """Return which of these players were erased: no attempt has their ID, but they opted out."""
    unknown = players - set(
        Attempt.objects.filter(player_id__in=players).values_list("player_id", flat=True)
    )
    hashes = {
        found: player
        for player in unknown
        for provider in providers
        for found in player_hashes(provider, player)
    }
    return {
        hashes[found] for found in OptOut.objects.filter(pk__in=hashes).values_list("pk", flat=True)
    }


def _providers(url: str) -> list[str]:
    """Return the games that use this simulator.

    If no game uses its address, there may be a proxy in between. Then all games that are on are
    returned.
    """
    address = urlsplit(url).netloc
    on = [config for config in games().values() if config.is_on]
    asking = [config.name for config in on if urlsplit(config.api_url).netloc == address]
    return asking or [config.name for config in on]


def _differences(
    asked: Iterable[Entry], ledger: Ledger, providers: list[str]
) -> list[dict[str, Any]]:
    counted = Counter(
        (
            entry["player"] or "",
            (entry["code"] or "").casefold(),
            entry["realm"] or "",
            entry["status"] or 0,
        )
        for entry in asked
    )
    players, codes, realms, statuses = (
        (list(column) for column in zip(*counted, strict=True)) if counted else [[]] * 4
    )
    parameters: dict[str, Any] = {
        "players": players,
        "codes": codes,
        "realms": realms,
        "statuses": statuses,
        "numbers": list(counted.values()),
        "asked_at": ledger.asked_at,
        "providers": providers,
        "erased": ERASED,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("ledger", "compare"), parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _granted_once(ledger: Ledger) -> Finding:
    counted = Counter((grant["player"], grant["code"], grant["issue"]) for grant in ledger.grants)
    doubled = [
        {"player": player, "code": code, "issue": issue, "grants": number}
        for (player, code, issue), number in counted.items()
        if number > 1
    ]
    return _finding(
        "granted_once",
        "No player was granted the same issue of a code twice.",
        of="grants",
        checked=len(ledger.grants),
        broken=doubled,
        words="Player {player} was granted issue {issue} of {code} {grants} times.",
    )


def _requests_have_attempts(asked: list[Entry], differences: list[dict[str, Any]]) -> Finding:
    return _finding(
        "requests_have_attempts",
        "Every request in the ledger has exactly one attempt.",
        of="requests in the ledger",
        checked=len(asked),
        broken=[row for row in differences if row["too_many_requests"]],
        words=(
            "Player {player}, code {code}, realm {realm}: {requests} request(s), and {attempts} "
            "attempt(s) for them."
        ),
    )


def _answers_have_requests(answers: int, differences: list[dict[str, Any]]) -> Finding:
    return _finding(
        "answers_have_requests",
        "Every attempt with an HTTP status has a request in the ledger with that status.",
        of="answered attempts",
        checked=answers,
        broken=[row for row in differences if not row["too_many_requests"]],
        words=(
            "Player {player}, code {code}, realm {realm}: {unmatched} answer(s) of {attempts} "
            "attempt(s) are not among the {requests} request(s) in the ledger."
        ),
    )


def _repeats(ledger: Ledger, allowed: int) -> Finding:
    return _finding(
        "repeats_are_allowed",
        "After a grant, no more requests are repeated than allowed "
        f"(repeats: {len(ledger.repeats)}, allowed: {allowed}).",
        of="requests in the ledger",
        checked=len(ledger.requests),
        broken=ledger.repeats,
        words="Request {n} asked again for player {player} and code {code}.",
        forgiven=allowed,
    )


def _windows(ledger: Ledger) -> Finding:
    allowed = "any number" if ledger.limit is None else ledger.limit
    return _finding(
        "windows_are_kept",
        f"No window has more requests than the game allows (now: {allowed}).",
        of="requests in the ledger",
        checked=len(ledger.requests),
        broken=ledger.excesses,
        words=(
            "Request {n} (player {player}, code {code}) was number {window_number} of its window."
        ),
    )


def _honesty(ledger: Ledger) -> Finding:
    return _finding(
        "client_is_honest",
        "Every request that the game saw is one that an honest client sends.",
        of="requests in the ledger",
        checked=len(ledger.requests),
        broken=ledger.violations,
        words="The game noted: {kind}.",
    )


def _finding(
    name: str,
    sentence: str,
    *,
    of: str,
    checked: int,
    broken: list[dict[str, Any]],
    words: str,
    forgiven: int = 0,
) -> Finding:
    examples = [{**facts, "words": words.format(**facts)} for facts in broken[:EXAMPLES]]
    number = max(0, len(broken) - forgiven)
    return Finding(name, Section.LEDGER, sentence, of, checked, number, examples if number else [])
