"""The checks that every round ends with: the rows against the ledger. Nothing of the code under test is used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chaos import times
from chaos.database import Row
from chaos.round import Stage

SETTLED = ("redeemed", "already_received", "same_type")
OPEN = ("pending", "in_flight", "unconfirmed")
#: Outcomes after which the effect is not known.
UNDECIDED = ("unanswered", "server_error", "unreadable", "unrecognised", "timeout_retry")

Key = tuple[str, str]


@dataclass(slots=True)
class Evidence:
    """Both sides of the books for one round."""

    rows: list[Row]
    attempts: list[Row]
    events: list[Row]
    requests: list[dict[str, Any]]
    grants: list[dict[str, Any]]
    #: How often each code was issued.
    issues: int = 1

    @property
    def unanswered(self) -> list[Row]:
        return [attempt for attempt in self.attempts if not attempt["outcome"]]

    @property
    def repeats(self) -> Counter[Key]:
        """For each player and code: requests beyond the first that the game judged, so that they could have had an
        effect. What it refused before that (429, too frequent, spoiled before) is none."""
        judged = Counter(
            (entry["player"], entry["code"]) for entry in self.requests if _was_judged(entry)
        )
        return Counter(
            {key: number - self.issues for key, number in judged.items() if number > self.issues}
        )

    @property
    def spoiled(self) -> int:
        """Requests that a script of ours spoiled."""
        return sum(entry["fault"] is not None for entry in self.requests)

    @property
    def excuses(self) -> Counter[Key]:
        """For each player and code: our requests whose effect we could not know: no answer, none to be read, or one
        that came when the claim was over."""
        return Counter(
            (attempt["player_id"], attempt["code"])
            for attempt in self.attempts
            if not attempt["outcome"] or attempt["outcome"] in UNDECIDED or attempt["is_late"]
        )


def _was_judged(entry: dict[str, Any]) -> bool:
    return entry["granted"] or entry["msg"] == "RECEIVED" or entry["fault_when"] == "after"


def collect(stage: Stage) -> Evidence:
    """Read both sides."""
    books, codes = stage.system.books, stage.codes
    ledger = stage.system.game.ledger(stage.since)
    of_code = "JOIN giftcodes_giftcode c ON c.id = x.gift_code_id AND c.code = ANY(%s)"
    return Evidence(
        rows=books.ask(
            f"SELECT x.*, c.code FROM giftcodes_memberredemption x {of_code} ORDER BY x.id", codes
        ),
        attempts=books.ask(
            f"SELECT x.*, c.code, coalesce(x.answered_at - x.sent_at > make_interval(secs => %s), false) AS is_late "
            f"FROM giftcodes_attempt x {of_code} ORDER BY x.id",
            times.LEASE_SECONDS,
            codes,
        ),
        events=books.ask(
            f"SELECT x.*, c.code FROM giftcodes_redemptionevent x {of_code} ORDER BY x.id", codes
        ),
        requests=[entry for entry in ledger["requests"] if entry["code"] in codes],
        grants=[grant for grant in ledger["grants"] if grant["code"] in codes],
        issues=stage.issues,
    )


def judge(stage: Stage, evidence: Evidence) -> list[str]:
    """Everything that is wrong, in words; nothing: the round is won."""
    return [
        *stage.complaints,
        *_rows(stage, evidence),
        *_grants(stage, evidence),
        *_runs(evidence),
        *_repeats(stage, evidence),
        *_pace(stage, evidence),
        *_recovery(stage),
    ]


def _rows(stage: Stage, evidence: Evidence) -> Iterator[str]:
    for row in evidence.rows:
        who = f"{row['player_id']} {row['code']}"
        if row["state"] in OPEN:
            yield f"{who} is {row['state']}"
        elif row["state"] not in SETTLED and not row["reason"]:
            yield f"{who} is {row['state']} without a reason"
        elif row["state"] not in SETTLED and row["player_id"] not in stage.excused:
            yield f"{who} is {row['state']}: {row['reason']}"
    if len(evidence.rows) < stage.expected_rows:
        yield f"{len(evidence.rows)} rows instead of {stage.expected_rows}"


def _grants(stage: Stage, evidence: Evidence) -> Iterator[str]:
    grants = Counter((grant["player"], grant["code"], grant["issue"]) for grant in evidence.grants)
    yield from (f"granted {number} times: {key}" for key, number in grants.items() if number > 1)
    granted = {(grant["player"], grant["code"]) for grant in evidence.grants}
    settled = {(row["player_id"], row["code"]) for row in evidence.rows if row["state"] in SETTLED}
    yield from (f"settled, but never granted: {key}" for key in sorted(settled - granted))
    wanted = {
        (player, code)
        for player in stage.players
        if player not in stage.excused
        for code in stage.codes
    }
    yield from (f"never granted: {key}" for key in sorted(wanted - granted))


def _runs(evidence: Evidence) -> Iterator[str]:
    """The journal of each redemption: locked, unlocked, locked, unlocked."""
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


def _repeats(stage: Stage, evidence: Evidence) -> Iterator[str]:
    excuses = evidence.excuses
    for key, number in evidence.repeats.items():
        if number > excuses[key]:
            yield f"asked {number} time(s) too often, with {excuses[key]} answer(s) lost: {key}"
    unexplained = {attempt["id"] for attempt in evidence.unanswered} - stage.under_way
    if unexplained:
        yield f"{len(unexplained)} attempt(s) without an answer that were not under way at a fault: {unexplained}"
    sent = Counter((entry["player"], entry["code"]) for entry in evidence.requests)
    meant = Counter((attempt["player_id"], attempt["code"]) for attempt in evidence.attempts)
    yield from (
        f"{number} requests with {meant[key]} attempts: {key}"
        for key, number in sent.items()
        if number > meant[key]
    )


def _pace(stage: Stage, evidence: Evidence) -> Iterator[str]:
    over = [
        entry for entry in evidence.requests if (entry["window_number"] or 0) > times.RATE_REQUESTS
    ]
    if over and not stage.may_be_throttled:
        most = max(entry["window_number"] for entry in over)
        yield f"{most} requests in a window of {times.RATE_REQUESTS}; {len(over)} were refused with a 429"


def _recovery(stage: Stage) -> Iterator[str]:
    if stage.left_behind_seconds > stage.recovery_seconds:
        yield f"claims were left behind for {stage.left_behind_seconds:.1f} s, more than {stage.recovery_seconds:.0f} s"
