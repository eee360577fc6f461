"""`make guards` removes each guard from a copy of the project, and checks that its test then fails.

If a test or scenario still passes, its guard protects nothing or is not tested, and the exit status
is 1. `GUARD=name[,name]` chooses guards by a part of their names; the exit status is 2 if a name
fits no guard. docs/reference/faults-and-guards.md lists them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from chaos.reporting import print_line
from redeemer.localserver.home import REPOSITORY

_NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", "var", "__pycache__", ".*_cache", "staticfiles", "site"
)
_PATIENCE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Guard:
    """A piece of code that protects an invariant, and the test that must fail without it.

    Args:
        name: the name of the guard.
        cuts: the changes that remove the guard. Each is a file, the guard's text in that file, and
            the text that replaces it.
        watched_by: the node id of the test, or `chaos:` and the name of a scenario.
    """

    name: str
    cuts: tuple[tuple[str, str, str], ...]
    watched_by: str


_START, _REDEEM, _DISPATCH = (
    "giftcodes/pipeline/start_or_refuse.py",
    "giftcodes/pipeline/redeem/__init__.py",
    "giftcodes/pipeline/dispatch.py",
)
_RECORDING = "giftcodes/pipeline/redeem/recording.py"
_START_SQL, _REDEEM_SQL, _DISPATCH_SQL, _MEMBERS_SQL = (
    "giftcodes/sql/start_or_refuse.sql",
    "giftcodes/sql/redeem.sql",
    "giftcodes/sql/dispatch.sql",
    "giftcodes/sql/members.sql",
)
_SWEEP, _FINISH = "giftcodes/pipeline/sweep.py", "giftcodes/pipeline/finish.py"
_MIGRATION = "giftcodes/migrations/0001_initial.py"
_HOLDING = (
    "('state__in', ['already_received', 'in_flight', 'redeemed', 'same_type', 'unconfirmed'])"
)

GUARDS = (
    Guard(
        "row lock in start",
        (
            (_START_SQL, "    FOR NO KEY UPDATE SKIP LOCKED\n", ""),
            (
                _START,
                "Redemption.objects.for_update()",
                "Redemption.objects",
            ),
        ),
        "tests/lock/test_start.py::test_of_many_callers_at_the_same_moment_one_runs_and_all_others_are_refused_and_journalled",
    ),
    Guard(
        "start refuses a running redemption",
        ((_START_SQL, "AND (state <> 'running' OR %(is_housekeeping)s)\n", "\n"),),
        "tests/lock/test_start.py::test_during_a_run_every_further_caller_is_refused_and_journalled",
    ),
    Guard(
        "record requires the current token",
        ((_REDEEM_SQL, "WHERE id = %(row)s AND token = %(token)s AND", "WHERE id = %(row)s AND"),),
        "tests/pipeline/test_recovery.py::test_the_answer_of_a_late_worker_does_not_change_the_row",
    ),
    Guard(
        "record requires the current token (the whole system)",
        ((_REDEEM_SQL, "WHERE id = %(row)s AND token = %(token)s AND", "WHERE id = %(row)s AND"),),
        "chaos:zombie-record",
    ),
    Guard(
        "an answer is recorded in one statement only if the code is unchanged",
        ((_REDEEM_SQL, " AND c.xmin = %(code_version)s::xid", " AND %(code_version)s <> ''"),),
        "tests/pipeline/test_one_statement.py::test_a_grant_ends_a_doubt_that_came_up_after_its_intent",
    ),
    Guard(
        "an answer is recorded in one statement only if the budget is unchanged",
        (
            (
                _REDEEM_SQL,
                "(to_jsonb(b) - 'used')::text = %(budget_version)s",
                "%(budget_version)s <> ''",
            ),
        ),
        "tests/pipeline/test_one_statement.py::test_an_answer_ends_unclear_answers_that_came_after_its_intent",
    ),
    Guard(
        "lease check before the Attempt",
        (
            (
                _REDEEM_SQL,
                "      AND m.lease_until > clock_timestamp() + make_interval(secs => %(needed)s)\n",
                "",
            ),
        ),
        "tests/pipeline/test_recovery.py::test_a_claim_that_is_too_old_is_given_back_without_a_request",
    ),
    Guard(
        "a worker checks before the request that its lease lasts long enough",
        ((_REDEEM, "NOT_SENT if is_late else ask(intent)", "ask(intent)"),),
        "tests/pipeline/test_recovery.py::test_a_worker_held_up_between_its_intent_and_the_request_does_not_send",
    ),
    Guard(
        "a worker checks before the request that its lease lasts long enough (the whole system)",
        ((_REDEEM, "NOT_SENT if is_late else ask(intent)", "ask(intent)"),),
        "chaos:zombie-after-intent",
    ),
    Guard(
        "the check counts what is left of the lease, not the whole lease",
        (
            (
                _REDEEM,
                "intent.lease_seconds - settings.HTTP_SECONDS",
                "settings.LEASE_SECONDS - settings.HTTP_SECONDS",
            ),
        ),
        "tests/pipeline/test_recovery.py::test_a_worker_held_up_between_its_intent_and_the_request_does_not_send",
    ),
    Guard(
        "a late SUCCESS covers an unconfirmed duplicate",
        (
            (
                "giftcodes/models/member_redemption.py",
                'execute(statement("members", "cover_unconfirmed"), **evidence, reason=covered)',
                "pass",
            ),
        ),
        "tests/pipeline/test_recovery.py::test_an_unconfirmed_duplicate_is_covered_if_a_late_answer_has_shown_the_grant",
    ),
    Guard(
        "partial unique index",
        ((_MIGRATION, _HOLDING, "('state__in', ['nothing'])"),),
        "tests/lock/test_dispatch.py::test_the_database_itself_refuses_a_second_request_for_a_player_and_a_code",
    ),
    Guard(
        "one dispatcher at a time",
        (
            (
                _DISPATCH,
                "RateBudget.objects.select_for_update().get_or_create(provider",
                "RateBudget.objects.get_or_create(provider",
            ),
        ),
        "tests/lock/test_dispatch.py::test_a_second_dispatcher_waits_and_gives_no_permit_twice",
    ),
    Guard(
        "finish under the row lock",
        (
            (
                _FINISH,
                "Redemption.objects.for_update()",
                "Redemption.objects",
            ),
        ),
        "tests/lock/test_start.py::test_a_member_who_comes_late_is_not_lost_while_the_run_is_being_finished",
    ),
    Guard(
        "sweep of expired leases",
        (
            (
                _SWEEP,
                '    isolation.call("expired leases", recover_expired_leases, isolation)\n',
                "",
            ),
        ),
        "tests/pipeline/test_recovery.py::test_a_lost_message_costs_a_lease_and_nothing_else",
    ),
    Guard(
        "sweep of expired leases (the whole system)",
        (
            (
                _SWEEP,
                '    isolation.call("expired leases", recover_expired_leases, isolation)\n',
                "",
            ),
        ),
        "chaos:die-before-publish",
    ),
    Guard(
        "probation of unproven codes",
        (
            (
                _DISPATCH_SQL,
                "    WHERE NOT (on_probation AND (nth_of_code > 1 "
                "OR code_id IN (SELECT gift_code_id FROM in_flight)))\n",
                "",
            ),
        ),
        "tests/pipeline/test_codes.py::test_until_a_code_is_proven_one_request_is_out_at_a_time",
    ),
    Guard(
        "window anchor: one permit until the first answer",
        (
            (
                "giftcodes/models/rate_budget.py",
                "return 0 if openers_out else 1",
                "return max(0, limit - self.used)",
            ),
        ),
        "tests/pipeline/test_budget.py::test_only_one_permit_is_given_until_the_window_is_anchored",
    ),
    Guard(
        "window anchor: the window ends after the answer",
        (
            (
                "giftcodes/models/rate_budget.py",
                "self.window_ends_at = now + dt.timedelta(seconds=length + MARGIN_SECONDS)",
                "self.window_ends_at = seen.sent_at + dt.timedelta(seconds=length)",
            ),
        ),
        "tests/pipeline/test_budget.py::test_a_window_is_anchored_at_the_answer_and_then_used_whole",
    ),
    Guard(
        "the sweep settles the row of a SUCCESS",
        ((_SWEEP, '    isolation.call("evidence", settle_by_evidence, isolation)\n', ""),),
        "tests/pipeline/test_recovery.py::test_the_sweep_settles_a_row_whose_success_nobody_recorded",
    ),
    Guard(
        "a late SUCCESS settles its row",
        (
            (
                _RECORDING,
                "settled = _settle_by_evidence(intent.row_id) "
                "if outcome is Outcome.SUCCESS else []",
                "settled: list[int] = []",
            ),
        ),
        "tests/pipeline/test_recovery.py::test_a_late_success_settles_its_row_all_the_same",
    ),
    Guard(
        "an unanswered request counts as unconfirmed, not as unsent",
        ((_SWEEP, "if attempt is None or attempt.outcome == Outcome.NOT_SENT:", "if True:"),),
        "tests/pipeline/test_recovery.py::test_a_worker_that_died_after_its_intent_leaves_an_unconfirmed_row",
    ),
    Guard(
        "a code with unclear answers is held back",
        (
            (
                "giftcodes/models/code_answers.py",
                "            self.held_until = answer.now + dt.timedelta(seconds=seconds)\n",
                "",
            ),
        ),
        "tests/pipeline/test_odd_codes.py::test_an_odd_code_waits_longer_each_time",
    ),
    Guard(
        "unknown answers about one code alone do not pause the game",
        (
            (
                "giftcodes/models/rate_budget.py",
                "is_the_games = seen.outcome not in ODD_WORDS "
                "or len(self.unknown_codes) >= UNKNOWN_CODES",
                "is_the_games = True",
            ),
        ),
        "tests/pipeline/test_odd_codes.py::test_one_odd_code_alone_does_not_pause_the_game",
    ),
    Guard(
        "USED closes a code only if it is the answer for players of several guilds",
        (
            (
                "giftcodes/models/code_answers.py",
                "return players >= CLAIM_LIMIT_PLAYERS and guilds >= CLAIM_LIMIT_GUILDS",
                "return players >= CLAIM_LIMIT_PLAYERS",
            ),
        ),
        "tests/pipeline/test_claim_limits.py::test_claim_limits_of_a_whole_guild_do_not_close_the_code",
    ),
    Guard(
        "a new code causes no request for a member whom the game does not know",
        (
            (
                _MEMBERS_SQL,
                "CASE WHEN is_refused THEN 'needs_correction' ELSE 'pending' END",
                "'pending'",
            ),
        ),
        "tests/pipeline/test_wrong_members.py::test_the_row_of_a_new_code_says_that_the_member_waits_for_correction",
    ),
    Guard(
        "waiting rows of a member whom the game does not know are parked",
        (
            (
                "giftcodes/models/member_answers.py",
                "return Followed(parked=_park(asked))",
                "return Followed()",
            ),
        ),
        "tests/pipeline/test_wrong_members.py::test_a_new_member_with_a_wrong_realm_costs_one_request_and_not_one_for_each_code",
    ),
)


def main() -> int:
    """Test the guards that `GUARD` names, or all guards. Returns the exit status."""
    names = [name for name in os.environ.get("GUARD", "").split(",") if name]
    if unknown := [name for name in names if all(name not in guard.name for guard in GUARDS)]:
        listed = "\n".join(f"  {guard.name}" for guard in GUARDS)
        print_line(f"There is no guard {', '.join(unknown)}. There are:\n{listed}")
        return 2
    chosen = [guard for guard in GUARDS if not names or any(name in guard.name for name in names)]
    print_line(f"{len(chosen)} guard(s), at most {_PATIENCE_SECONDS} s each, usually 10 s.")
    untested = [guard for guard in chosen if not _goes_red(guard)]
    print_line(f"{len(chosen) - len(untested)} of {len(chosen)} guard(s) are tested.")
    return 1 if untested else 0


def _goes_red(guard: Guard) -> bool:
    """Return whether the guard's test fails without the guard, and print the result."""
    started_at = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="redeemer-guard-") as folder:
        copy = Path(folder) / "project"
        shutil.copytree(REPOSITORY, copy, ignore=_NOT_COPIED)
        copy.parent.chmod(0o755)
        (copy / ".venv").symlink_to(REPOSITORY / ".venv")
        for name, text, without in guard.cuts:
            _cut(copy / name, text, without)
        failure = _first_failure(guard.watched_by, copy)
    print_line(
        f"{'red' if failure else 'GREEN':<6} {guard.name}: {guard.watched_by} "
        f"[{time.monotonic() - started_at:.0f} s]"
    )
    print_line(f"       {failure[:160]}")
    return bool(failure)


def _cut(path: Path, text: str, without: str) -> None:
    """Replace the guard's text, which must occur exactly once.

    Raises:
        SystemExit: the text does not occur exactly once.
    """
    whole = path.read_text(encoding="utf-8")
    if whole.count(text) != 1:
        raise SystemExit(f"{path.name} contains the guard {whole.count(text)} times: {text!r}")
    path.write_text(whole.replace(text, without), encoding="utf-8")


def _first_failure(test: str, copy: Path) -> str:
    """Return the first failure of a test or scenario in the copy. It is empty if there is none.

    Raises:
        SystemExit: the test could not run.
    """
    scenario = test.removeprefix("chaos:")
    environment = {**os.environ, "TMPDIR": str(copy.parent)}
    command = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test]
    mark = "E  "
    if scenario != test:
        environment |= {"SCENARIO": scenario, "ROUNDS": "1", "SEED": "1"}
        command, mark = ["-m", "chaos"], "      "
    result = subprocess.run(
        [sys.executable, *command],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
    )
    failures = [
        line.removeprefix(mark).strip()
        for line in result.stdout.splitlines()
        if line.startswith(mark)
    ]
    if result.returncode == 0:
        return ""
    if result.returncode != 1 or not failures:
        raise SystemExit(f"{test} could not run:\n{result.stdout}{result.stderr}")
    return failures[0]


if __name__ == "__main__":
    sys.exit(main())
