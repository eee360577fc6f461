"""A worker that is stopped, not dead: its claim is taken from it, and then it wakes up and goes on."""

from __future__ import annotations

from chaos import times
from chaos.round import Stage
from chaos.scenario import scenario

_ZOMBIE = "redeem-2"
#: Until its claims are taken from it: a lease, two sweeps, and a little.
_SLEEP_SECONDS = times.LEASE_SECONDS + 2 * times.SWEEP_SECONDS + 0.5


def _fall_asleep(stage: Stage, point: str) -> None:
    """Let the worker stop itself at a point, and note what it had under way."""
    stage.system.relaunch(_ZOMBIE, REDEEMER_FAULT=f"{point}:stop:#{stage.random.randint(3, 20)}")
    stage.begin()
    process = stage.system.processes[_ZOMBIE]
    while not process.is_frozen:
        stage.system.wait(
            lambda: process.is_frozen or stage.is_settled(), "the zombie to fall asleep", seconds=60
        )
        if not process.is_frozen:
            stage.begin()
    stage.note_fault()
    process.extra = {}


def _wake_up(stage: Stage) -> None:
    stage.system.thaw(_ZOMBIE)
    stage.note_fault()


@scenario(
    "zombie-before-send",
    "A worker is stopped before its request leaves, and sends it when its claim is over.",
)
def zombie_before_send(stage: Stage) -> None:
    _fall_asleep(stage, "before-send")
    stage.system.pause(_SLEEP_SECONDS + stage.random.uniform(0, times.UNCONFIRMED_SECONDS))
    _wake_up(stage)


@scenario(
    "zombie-after-intent",
    "A worker is stopped before it looks at its own deadline: it must not send any more.",
)
def zombie_after_intent(stage: Stage) -> None:
    _fall_asleep(stage, "after-intent")
    stage.system.pause(_SLEEP_SECONDS)
    _wake_up(stage)
    stage.system.wait(
        lambda: _count_not_sent(stage) > 0 or stage.is_settled(),
        "the zombie to give up",
        seconds=20,
    )
    if not _count_not_sent(stage):
        stage.complaints.append("the zombie sent its request although its deadline was over")


@scenario(
    "zombie-record",
    "A worker with an answer in hand wakes up while another asks for the same member again.",
)
def zombie_record(stage: Stage) -> None:
    _fall_asleep(stage, "before-record")
    stage.system.pause(times.HTTP_SECONDS + 0.5)
    asleep = stage.system.books.ask(
        "SELECT member_redemption_id AS id, player_id, token FROM giftcodes_attempt WHERE outcome = '' "
        "AND sent_at < clock_timestamp() - make_interval(secs => %s)",
        times.HTTP_SECONDS + 0.3,
    )
    for row in asleep:
        stage.system.game.spoil("delay", player=row["player_id"], seconds=1.0)
    tokens = {row["id"]: row["token"] for row in asleep}

    def asked_again() -> dict[int, int]:
        rows = stage.system.books.ask(
            "SELECT m.id, m.token FROM giftcodes_memberredemption m JOIN giftcodes_attempt a "
            "ON a.member_redemption_id = m.id AND a.token = m.token AND a.outcome = '' "
            "WHERE m.id = ANY(%s) AND m.state = 'in_flight'",
            list(tokens),
        )
        return {row["id"]: row["token"] for row in rows if row["token"] > tokens[row["id"]]}

    stage.system.wait(
        lambda: bool(asked_again()), "the member to be asked again", seconds=stage.patience_seconds
    )
    fresh = asked_again()
    _wake_up(stage)
    stage.system.pause(0.5)
    _complain_of_stale_writes(stage, fresh)


def _complain_of_stale_writes(stage: Stage, fresh: dict[int, int]) -> None:
    """While the fresh claim's answer is not recorded, nobody may have written to its row."""
    written = stage.system.books.ask(
        "SELECT m.id, m.state FROM giftcodes_memberredemption m JOIN giftcodes_attempt a "
        "ON a.member_redemption_id = m.id AND a.token = ANY(%s) AND a.outcome = '' AND a.token = m.token "
        "WHERE m.id = ANY(%s) AND m.state <> 'in_flight'",
        list(fresh.values()),
        list(fresh),
    )
    stage.complaints += [f"a stale worker made row {row['id']} {row['state']}" for row in written]
    stage.notes.append(f"{len(fresh)} row(s) asked for again when the zombie woke up")
    if "A late answer came after its claim was over." not in stage.system.log(_ZOMBIE):
        stage.complaints.append("the zombie's answer was not refused")


def _count_not_sent(stage: Stage) -> int:
    found: int = stage.system.books.value(
        "SELECT count(*) FROM giftcodes_attempt a JOIN giftcodes_giftcode c ON c.id = a.gift_code_id "
        "WHERE a.outcome = 'not_sent' AND c.code = ANY(%s)",
        stage.codes,
    )
    return found
