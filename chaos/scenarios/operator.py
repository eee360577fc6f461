"""Scenarios in which an operator interferes with a run at random moments, then redeems the rest."""

from __future__ import annotations

from chaos.operator import Operator
from chaos.round import Round
from chaos.scenario import scenario


@scenario(
    "operator-redeem-now",
    "“Redeem now” is pressed forty times during a run, and is refused each time.",
)
def redeem_now(round_: Round) -> None:
    code = round_.new_code()
    with Operator(round_.system) as operator:
        round_.wait_for_progress(0.02)
        for _ in range(40):
            operator.press(
                "redeem", guild=round_.random.choice([*round_.guilds.values()]), code=code
            )
            round_.system.pause(round_.random.uniform(0, 0.2))
        round_.record_fault()
    refused = round_.system.database.value(
        "SELECT count(*) FROM giftcodes_redemptionevent e "
        "JOIN giftcodes_giftcode c ON c.id = e.gift_code_id "
        "WHERE e.kind = 'refused' AND c.code = %s",
        code,
    )
    round_.notes.append(f"{refused} of 40 presses refused")


@scenario("operator-stop", "Runs are stopped, resumed and restarted, and a worker is killed.")
def stop_and_go(round_: Round) -> None:
    code = round_.new_code()
    with Operator(round_.system) as operator:
        round_.wait_for_progress(0.02)
        for _ in range(6):
            guild = round_.random.choice([*round_.guilds.values()])
            what = round_.random.choice(["stop", "stop", "take back", "redeem"])
            operator.press(what, guild=guild, code=code)
            round_.system.pause(round_.random.uniform(0, 1.0))
        round_.kill("redeem-1")
        _redeem_until_settled(round_, operator, code)


@scenario(
    "operator-edits",
    "Members leave and return, a realm is wrong for a while, and the game is paused and resumed.",
)
def edits(round_: Round) -> None:
    code = round_.new_code()
    guild = round_.random.choice([*round_.guilds.values()])
    some = round_.random.sample(round_.players, 20)
    with Operator(round_.system) as operator:
        round_.wait_for_progress(0.1)
        for what in ("wrong realm", "leave", "pause", "right realm", "come back", "resume"):
            operator.press(what, guild=guild, code=code, players=some)
            round_.record_fault()
            round_.system.pause(round_.random.uniform(0.3, 1.5))
        round_.extra_seconds = 20.0
        _redeem_until_settled(round_, operator, code)


@scenario("operator-close", "An operator closes and reopens the code twice during a run.")
def close_and_reopen(round_: Round) -> None:
    code = round_.new_code()
    guild = round_.random.choice([*round_.guilds.values()])
    with Operator(round_.system) as operator:
        for _ in range(2):
            round_.wait_for_random_moment(0.5)
            operator.press("close", guild=guild, code=code)
            round_.record_fault()
            round_.system.pause(round_.random.uniform(0, 2.0))
            operator.press("reopen", guild=guild, code=code)
            round_.record_fault()
        _redeem_until_settled(round_, operator, code)


def _redeem_until_settled(round_: Round, operator: Operator, code: str) -> None:
    """Press “Redeem now” for every guild until all members have the code."""

    def is_done() -> bool:
        return (
            round_.is_settled()
            and round_.system.database.progress([code])["settled"] >= round_.members
        )

    for _ in range(20):
        for guild in round_.guilds.values():
            operator.press("redeem", guild=guild, code=code)
        round_.system.pause(3)
        if is_done():
            break
    round_.system.wait_until(
        round_.is_settled, "everything to settle", seconds=round_.patience_seconds
    )
