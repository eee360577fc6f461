"""An operator interferes while it runs, at random moments; in the end everything is asked for again, and is there."""

from __future__ import annotations

from chaos.operator import Operator
from chaos.round import Stage
from chaos.scenario import scenario


@scenario(
    "operator-redeem-now",
    "Redeem now is pressed forty times while it runs: each time it is refused.",
)
def redeem_now(stage: Stage) -> None:
    code = stage.begin()
    with Operator(stage.system) as operator:
        stage.wait_for_share(0.02)
        for _ in range(40):
            operator.press("redeem", guild=stage.random.choice([*stage.guilds.values()]), code=code)
            stage.system.pause(stage.random.uniform(0, 0.2))
        stage.note_fault()
    refused = stage.system.books.value(
        "SELECT count(*) FROM giftcodes_redemptionevent e JOIN giftcodes_giftcode c ON c.id = e.gift_code_id "
        "WHERE e.kind = 'refused' AND c.code = %s",
        code,
    )
    stage.notes.append(f"{refused} of 40 presses refused")


@scenario(
    "operator-stop", "Runs are stopped, taken back and started again, with a worker killed between."
)
def stop_and_go(stage: Stage) -> None:
    code = stage.begin()
    with Operator(stage.system) as operator:
        stage.wait_for_share(0.02)
        for _ in range(6):
            guild = stage.random.choice([*stage.guilds.values()])
            what = stage.random.choice(["stop", "stop", "take back", "redeem"])
            operator.press(what, guild=guild, code=code)
            stage.system.pause(stage.random.uniform(0, 1.0))
        stage.kill("redeem-1")
        _go_on_until_settled(stage, operator, code)


@scenario(
    "operator-edits",
    "Members leave and come back, a realm is wrong for a while, the game is paused and resumed.",
)
def edits(stage: Stage) -> None:
    code = stage.begin()
    guild = stage.random.choice([*stage.guilds.values()])
    some = stage.random.sample(stage.players, 20)
    with Operator(stage.system) as operator:
        stage.wait_for_share(0.1)
        for what in ("wrong realm", "leave", "pause", "right realm", "come back", "resume"):
            operator.press(what, guild=guild, code=code, players=some)
            stage.note_fault()
            stage.system.pause(stage.random.uniform(0.3, 1.5))
        stage.extra_seconds = 20.0
        _go_on_until_settled(stage, operator, code)


@scenario("operator-close", "The code is closed by an operator in mid-run, and reopened, twice.")
def close_and_reopen(stage: Stage) -> None:
    code = stage.begin()
    guild = stage.random.choice([*stage.guilds.values()])
    with Operator(stage.system) as operator:
        for _ in range(2):
            stage.wait_for_random_moment(0.5)
            operator.press("close", guild=guild, code=code)
            stage.note_fault()
            stage.system.pause(stage.random.uniform(0, 2.0))
            operator.press("reopen", guild=guild, code=code)
            stage.note_fault()
        _go_on_until_settled(stage, operator, code)


def _go_on_until_settled(stage: Stage, operator: Operator, code: str) -> None:
    """Press Redeem now for every guild, as an operator who wants to see it done, until everybody has the code."""

    def is_done() -> bool:
        return (
            stage.is_settled() and stage.system.books.progress([code])["settled"] >= stage.members
        )

    for _ in range(20):
        for guild in stage.guilds.values():
            operator.press("redeem", guild=guild, code=code)
        stage.system.pause(3)
        if is_done():
            break
    stage.system.wait(stage.is_settled, "everything to settle", seconds=stage.patience_seconds)
