"""The checks at the end of every round. They compare our database with the game's ledger.

They do not use any of the code under test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chaos import times
from chaos.database import Row
from chaos.round import Round

SETTLED = ("redeemed", "already_received", "same_type")
OPEN = ("pending", "in_flight", "unconfirmed")
#: Outcomes that do not show whether the code was granted.
UNDECIDED = ("unanswered", "server_error", "unreadable", "unrecognised", "timeout_retry")

Key = tuple[str, str]


@dataclass(slots=True)
class Evidence:
    """The rows of our database and of the game's ledger for one round."""

    rows: list[Row]
    attempts: list[Row]
    events: list[Row]
    requests: list[dict[str, Any]]
    grants: list[dict[str, Any]]
    #: The number of issues of each code.
    issues: int = 1

    @property
    def unanswered(self) -> list[Row]:
        return [attempt for attempt in self.attempts if not attempt["outcome"]]

    @property
    def repeats(self) -> Counter[Key]:
        """For each player and code, how many repeated requests could have had an effect.

        Requests that the game refused without judging them (because of a 429, TOO FREQUENT or a
        scripted fault) are not counted.
        """
        judged = Counter(
            (entry["player"], entry["code"]) for entry in self.requests if _was_judged(entry)
        )
        return Counter(
            {key: number - self.issues for key, number in judged.items() if number > self.issues}
        )

    @property
    def scripted_faults(self) -> int:
        """The number of requests that got a fault scripted by a scenario."""
        return sum(entry["fault"] is not None for entry in self.requests)

    @property
    def allowed_repeats(self) -> Counter[Key]:
        """For each player and code, the number of our requests whose effect we could not know.

        These requests got no answer, no readable answer, or an answer after the lease had expired.
        """
        return Counter(
            (attempt["player_id"], attempt["code"])
            for attempt in self.attempts
            if not attempt["outcome"] or attempt["outcome"] in UNDECIDED or attempt["is_late"]
        )


def _was_judged(entry: dict[str, Any]) -> bool:
    return entry["granted"] or entry["msg"] == "RECEIVED" or entry["fault_when"] == "after"


def collect(round_: Round) -> Evidence:
    """Read the round's rows from the database and from the game's ledger."""
    database, codes = round_.system.database, round_.codes
    ledger = round_.system.game.ledger(round_.since)
    of_code = "JOIN giftcodes_giftcode c ON c.id = x.gift_code_id AND c.code = ANY(%s)"
    return Evidence(
        rows=database.execute(
            f"SELECT x.*, c.code FROM giftcodes_memberredemption x {of_code} ORDER BY x.id", codes
        ),
        attempts=database.execute(
            "SELECT x.*, c.code, "
            "coalesce(x.answered_at - x.sent_at > make_interval(secs => %s), false) AS is_late "
            f"FROM giftcodes_attempt x {of_code} ORDER BY x.id",
            times.LEASE_SECONDS,
            codes,
        ),
        events=database.execute(
            f"SELECT x.*, c.code FROM giftcodes_redemptionevent x {of_code} ORDER BY x.id", codes
        ),
        requests=[entry for entry in ledger["requests"] if entry["code"] in codes],
        grants=[grant for grant in ledger["grants"] if grant["code"] in codes],
        issues=round_.issues,
    )


def judge(round_: Round, evidence: Evidence) -> list[str]:
    """Return a line for everything that is wrong. The round has passed if the list is empty."""
    return [
        *round_.problems,
        *_rows(round_, evidence),
        *_grants(round_, evidence),
        *_runs(evidence),
        *_repeats(round_, evidence),
        *_pace(round_, evidence),
        *_recovery(round_),
    ]


def _rows(round_: Round, evidence: Evidence) -> Iterator[str]:
    for row in evidence.rows:
        who = f"{row['player_id']} {row['code']}"
        if row["state"] in OPEN:
            yield f"{who} is still {row['state']}"
        elif row["state"] not in SETTLED and not row["reason"]:
            yield f"{who} is {row['state']} without a reason"
        elif row["state"] not in SETTLED and row["player_id"] not in round_.exempt:
            yield f"{who} is {row['state']}: {row['reason']}"
    if len(evidence.rows) < round_.expected_rows:
        yield f"{len(evidence.rows)} member redemptions instead of {round_.expected_rows}"


def _grants(round_: Round, evidence: Evidence) -> Iterator[str]:
    grants = Counter((grant["player"], grant["code"], grant["issue"]) for grant in evidence.grants)
    yield from (f"granted {number} times: {key}" for key, number in grants.items() if number > 1)
    granted = {(grant["player"], grant["code"]) for grant in evidence.grants}
    settled = {(row["player_id"], row["code"]) for row in evidence.rows if row["state"] in SETTLED}
    yield from (f"settled, but never granted: {key}" for key in sorted(settled - granted))
    wanted = {
        (player, code)
        for player in round_.players
        if player not in round_.exempt
        for code in round_.codes
    }
    yield from (f"never granted: {key}" for key in sorted(wanted - granted))


def _runs(evidence: Evidence) -> Iterator[str]:
    """Check that the events of each redemption alternate: locked, unlocked, locked, unlocked."""
    running: dict[int, bool] = {}
    for event in evidence.events:
        if event["kind"] in ("locked", "unlocked"):
            starts = event["kind"] == "locked"
            if running.get(event["redemption_id"], False) is starts:
                yield f"redemption {event['redemption_id']} was {event['kind']} twice in a row"
            running[event["redemption_id"]] = starts
    yield from (
        f"redemption {pk} was never unlocked" for pk, is_running in running.items() if is_running
    )


def _repeats(round_: Round, evidence: Evidence) -> Iterator[str]:
    allowed_repeats = evidence.allowed_repeats
    for key, number in evidence.repeats.items():
        if number > allowed_repeats[key]:
            lost = f"only {allowed_repeats[key]} answer(s) were lost"
            yield f"{number} request(s) were repeated, but {lost}: {key}"
    unexplained = {attempt["id"] for attempt in evidence.unanswered} - round_.in_flight
    if unexplained:
        yield (
            f"{len(unexplained)} attempt(s) have no answer, but were not in flight at a fault: "
            f"{unexplained}"
        )
    sent = Counter((entry["player"], entry["code"]) for entry in evidence.requests)
    recorded = Counter((attempt["player_id"], attempt["code"]) for attempt in evidence.attempts)
    yield from (
        f"the game got {number} requests, but only {recorded[key]} have an attempt: {key}"
        for key, number in sent.items()
        if number > recorded[key]
    )


def _pace(round_: Round, evidence: Evidence) -> Iterator[str]:
    over = [
        entry for entry in evidence.requests if (entry["window_number"] or 0) > times.RATE_REQUESTS
    ]
    if over and not round_.may_be_throttled:
        most = max(entry["window_number"] for entry in over)
        yield (
            f"{most} requests in a window that allows {times.RATE_REQUESTS}; "
            f"{len(over)} were refused with a 429"
        )


def _recovery(round_: Round) -> Iterator[str]:
    if round_.expired_claims_seconds > round_.recovery_seconds:
        yield (
            f"expired claims were still seen {round_.expired_claims_seconds:.1f} s after the last "
            f"fault; the limit is {round_.recovery_seconds:.0f} s"
        )
