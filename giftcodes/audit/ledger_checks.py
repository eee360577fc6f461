"""Invariant 6: what the game saw, beside what we have written down.

A request bears no number of ours, so that requests and attempts are compared by how many there are for a player, a code
and a realm. No clock is needed for that. An answer with an HTTP status needs a request that ended with that status; the
requests that are left need attempts that may have been sent and never heard of an answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from giftcodes.audit.invariant import EXAMPLES, Finding, Section
from giftcodes.audit.ledger import Entry, Ledger
from giftcodes.models import Attempt, OptOut
from giftcodes.models.guild import ERASED
from giftcodes.models.privacy import player_hash

#: `check_provider` asks for these (giftcodes/services/game_check.py), and writes no attempt.
CHECK_PLAYER, CHECK_CODE = "1", "REDEEMERCHECK"

# NOT_SENT and UNREACHABLE are attempts of which nothing arrived. An answer younger than the question for the ledger may
# be missing there. A request without a status is still under way, or its end was lost: it may be anybody's.
_COMPARE = """
WITH requests AS MATERIALIZED (
    SELECT player_id, folded, realm, nullif(status, 0) AS status, number
    FROM unnest(%(players)s::text[], %(codes)s::text[], %(realms)s::text[], %(statuses)s::int[], %(numbers)s::int[])
        AS request (player_id, folded, realm, status, number)
), attempts AS MATERIALIZED (
    SELECT a.player_id, c.folded, a.realm::text AS realm, a.http_status AS status, count(*) AS number,
           count(*) FILTER (WHERE a.answered_at < %(asked_at)s) AS answered
    FROM giftcodes_attempt a
    JOIN giftcodes_giftcode c ON c.id = a.gift_code_id
    WHERE c.provider = ANY(%(providers)s) AND a.outcome NOT IN ('not_sent', 'unreachable')
      AND NOT starts_with(a.player_id, %(erased)s)
    GROUP BY 1, 2, 3, 4
), sides AS (
    SELECT player_id, folded, realm, status, number AS requests, 0 AS attempts, 0 AS answered FROM requests
    UNION ALL
    SELECT player_id, folded, realm, status, 0, number, CASE WHEN status IS NULL THEN 0 ELSE answered END FROM attempts
), by_status AS (
    SELECT player_id, folded, realm, status, sum(requests) AS requests, sum(attempts) AS attempts,
           sum(answered) AS answered
    FROM sides
    GROUP BY 1, 2, 3, 4
), compared AS (
    SELECT player_id AS player, folded AS code, realm, sum(requests) AS requests, sum(attempts) AS attempts,
           coalesce(sum(requests) FILTER (WHERE status IS NULL), 0) AS open_requests,
           coalesce(sum(greatest(0, answered - requests)) FILTER (WHERE status IS NOT NULL), 0) AS unmatched
    FROM by_status
    GROUP BY 1, 2, 3
)
SELECT player, code, realm, requests::int, attempts::int, unmatched::int, requests > attempts AS too_many_requests
FROM compared
WHERE requests > attempts OR unmatched > open_requests
ORDER BY player, code, realm
"""


def compare(ledger: Ledger, *, repeats_allowed: int) -> list[Finding]:
    """Compare the ledger with the attempts, within the caller's transaction."""
    providers = _providers(ledger.url)
    erased = _erased({entry["player"] for entry in ledger.requests if entry["player"]}, providers)
    asked = [
        entry
        for entry in ledger.requests
        if (entry["player"], entry["code"]) != (CHECK_PLAYER, CHECK_CODE)
        and entry["player"] not in erased
    ]
    differences = _differences(asked, ledger, providers)
    return [
        _granted_once(ledger),
        _requests_have_attempts(asked, differences),
        _answers_have_requests(_answers(providers), differences),
        _repeats(ledger, repeats_allowed),
        _windows(ledger),
        _honesty(ledger),
    ]


def _erased(players: set[str], providers: list[str]) -> set[str]:
    """Those of these players who were erased: nothing here has their ID, but that they opted out is known."""
    unknown = players - set(
        Attempt.objects.filter(player_id__in=players).values_list("player_id", flat=True)
    )
    hashes = {player_hash(provider, player): player for player in unknown for provider in providers}
    return {
        hashes[found] for found in OptOut.objects.filter(pk__in=hashes).values_list("pk", flat=True)
    }


def _providers(url: str) -> list[str]:
    """The games that ask this simulator; where none has its address (a proxy is between), all that are on."""
    address = urlsplit(url).netloc
    on = [config for config in settings.PROVIDERS.values() if config.is_on]
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
        cursor.execute(_COMPARE, parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _answers(providers: list[str]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*)
            FROM giftcodes_attempt a
            JOIN giftcodes_giftcode c ON c.id = a.gift_code_id
            WHERE a.http_status IS NOT NULL AND c.provider = ANY(%(providers)s)
            """,
            {"providers": providers},
        )
        number: int = cursor.fetchone()[0]
    return number


def _granted_once(ledger: Ledger) -> Finding:
    counted = Counter((grant["player"], grant["code"], grant["issue"]) for grant in ledger.grants)
    doubled = [
        {"player": player, "code": code, "issue": issue, "grants": number}
        for (player, code, issue), number in counted.items()
        if number > 1
    ]
    return _finding(
        "granted_once",
        "Each player and code issue was granted once.",
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
        words="Player {player}, code {code}, realm {realm}: {requests} request(s), and {attempts} attempt(s) for them.",
    )


def _answers_have_requests(answers: int, differences: list[dict[str, Any]]) -> Finding:
    return _finding(
        "answers_have_requests",
        "Every attempt with an HTTP status has a request in the ledger that ended with it.",
        of="answered attempts",
        checked=answers,
        broken=[row for row in differences if not row["too_many_requests"]],
        words=(
            "Player {player}, code {code}, realm {realm}: {unmatched} answer(s) of {attempts} attempt(s) are not among "
            "the {requests} request(s) in the ledger."
        ),
    )


def _repeats(ledger: Ledger, allowed: int) -> Finding:
    return _finding(
        "repeats_are_allowed",
        f"No player was asked for again after the grant (repeats: {len(ledger.repeats)}, allowed: {allowed}).",
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
        words="Request {n} (player {player}, code {code}) was number {window_number} of its window.",
    )


def _honesty(ledger: Ledger) -> Finding:
    return _finding(
        "client_is_honest",
        "The game saw nothing that no honest client does.",
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
