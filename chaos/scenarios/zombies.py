"""Scenarios with a zombie: a frozen worker that continues after the sweep recovered its claim."""

from __future__ import annotations

from chaos import times
from chaos.round import Round
from chaos.scenario import scenario

_ZOMBIE = "redeem-2"
#: The time until the worker's claims have been recovered: a lease, two sweeps, and a margin.
_SLEEP_SECONDS = times.LEASE_SECONDS + 2 * times.SWEEP_SECONDS + 0.5


def _fall_asleep(round_: Round, point: str) -> None:
    """Let the worker freeze itself at a failpoint, and record its requests in flight."""
    round_.system.restart(_ZOMBIE, REDEEMER_FAULT=f"{point}:stop:#{round_.random.randint(3, 20)}")
    round_.new_code()
    process = round_.system.processes[_ZOMBIE]
    while not process.is_frozen:
        round_.system.wait_until(
            lambda: process.is_frozen or round_.is_settled(),
            "the zombie to fall asleep",
            seconds=60,
        )
        if not process.is_frozen:
            round_.new_code()
    round_.record_fault()
    process.extra = {}


def _wake_up(round_: Round) -> None:
    round_.system.thaw(_ZOMBIE)
    round_.record_fault()


@scenario(
    "zombie-before-send",
    "A worker is frozen before it sends its request, and sends it after its lease has expired.",
)
def zombie_before_send(round_: Round) -> None:
    # When the zombie sends its request, the other worker may have used all permits of the window.
    round_.may_be_throttled = True
    _fall_asleep(round_, "before-send")
    round_.system.pause(_SLEEP_SECONDS + round_.random.uniform(0, times.UNCONFIRMED_SECONDS))
    _wake_up(round_)


@scenario(
    "zombie-after-intent",
    "A worker is frozen before it checks its lease: it must not send its request.",
)
def zombie_after_intent(round_: Round) -> None:
    _fall_asleep(round_, "after-intent")
    round_.system.pause(_SLEEP_SECONDS)
    _wake_up(round_)
    round_.system.wait_until(
        lambda: _count_not_sent(round_) > 0 or round_.is_settled(),
        "the zombie to give up",
        seconds=20,
    )
    if not _count_not_sent(round_):
        round_.problems.append("the zombie sent its request although its lease was nearly over")


@scenario(
    "zombie-record",
    "A worker that has an answer wakes up while another worker repeats the request.",
)
def zombie_record(round_: Round) -> None:
    _fall_asleep(round_, "before-record")
    round_.system.pause(times.HTTP_SECONDS + 0.5)
    asleep = round_.system.database.execute(
        "SELECT member_redemption_id AS id, player_id, token FROM giftcodes_attempt "
        "WHERE outcome = '' AND sent_at < clock_timestamp() - make_interval(secs => %s)",
        times.HTTP_SECONDS + 0.3,
    )
    for row in asleep:
        round_.system.game.script_fault("delay", player=row["player_id"], seconds=1.0)
    tokens = {row["id"]: row["token"] for row in asleep}

    def asked_again() -> dict[int, int]:
        rows = round_.system.database.execute(
            "SELECT m.id, m.token FROM giftcodes_memberredemption m JOIN giftcodes_attempt a "
            "ON a.member_redemption_id = m.id AND a.token = m.token AND a.outcome = '' "
            "WHERE m.id = ANY(%s) AND m.state = 'in_flight'",
            list(tokens),
        )
        return {row["id"]: row["token"] for row in rows if row["token"] > tokens[row["id"]]}

    round_.system.wait_until(
        lambda: bool(asked_again()), "the request to be repeated", seconds=round_.patience_seconds
    )
    fresh = asked_again()
    _wake_up(round_)
    round_.system.pause(0.5)
    _find_stale_writes(round_, fresh)


def _find_stale_writes(round_: Round, fresh: dict[int, int]) -> None:
    """Report rows that changed although the repeated request has no recorded answer yet."""
    written = round_.system.database.execute(
        "SELECT m.id, m.state FROM giftcodes_memberredemption m JOIN giftcodes_attempt a "
        "ON a.member_redemption_id = m.id AND a.token = ANY(%s) AND a.outcome = '' "
        "AND a.token = m.token "
        "WHERE m.id = ANY(%s) AND m.state <> 'in_flight'",
        list(fresh.values()),
        list(fresh),
    )
    round_.problems += [f"a late worker made row {row['id']} {row['state']}" for row in written]
    round_.notes.append(f"{len(fresh)} request(s) were being repeated when the zombie woke up")
    if "A late answer came after its claim was over." not in round_.system.log(_ZOMBIE):
        round_.problems.append("the zombie's answer was not refused")


def _count_not_sent(round_: Round) -> int:
    found: int = round_.system.database.value(
        "SELECT count(*) FROM giftcodes_attempt a "
        "JOIN giftcodes_giftcode c ON c.id = a.gift_code_id "
        "WHERE a.outcome = 'not_sent' AND c.code = ANY(%s)",
        round_.codes,
    )
    return found
