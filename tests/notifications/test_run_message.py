"""The message about a run."""

from __future__ import annotations

from giftcodes.clients.channels import Severity
from giftcodes.domain.transitions import State
from giftcodes.notifications.run_message import RunReport, compose

HALF = {
    State.REDEEMED: 3,
    State.SAME_TYPE: 1,
    State.ALREADY_RECEIVED: 1,
    State.PENDING: 4,
    State.IN_FLIGHT: 1,
}


def test_a_run_in_progress_shows_how_far_it_is() -> None:
    post = compose(RunReport("Wolves", "FROST", HALF, estimate="about 14:20"))

    assert post.title == "🎁 Auto-Redeem Started: FROST for Wolves"
    assert post.text == "▰▰▰▰▰▰▰▰▰▰▱▱▱▱▱▱▱▱▱▱ 50 % (5 of 10)"
    assert dict(post.facts) == {
        "Members": "10",
        "Success": "3",
        "Already": "2",
        "Not eligible": "0",
        "Needs correction": "0",
        "Failed": "0",
        "Done": "about 14:20",
    }


def test_in_the_end_it_says_what_needs_a_person() -> None:
    tally = {State.REDEEMED: 3, State.NEEDS_CORRECTION: 12}
    troubles = tuple((f"Nick{number}", "The realm is wrong.") for number in range(10))
    post = compose(
        RunReport(
            "Wolves", "FROST", tally, is_over=True, in_trouble=troubles, estimate="never shown"
        )
    )

    assert post.title == "✅ Auto-Redeem Complete: FROST for Wolves"
    assert "Nick0: The realm is wrong." in post.text
    assert post.text.endswith("… and 2 more.")
    assert post.severity is Severity.ATTENTION
    assert "Done" not in dict(post.facts)


def test_a_run_without_members_is_complete() -> None:
    assert "100 % (0 of 0)" in compose(RunReport("Wolves", "FROST", {}, is_over=True)).text


def test_a_run_that_a_person_stopped_says_so() -> None:
    report = RunReport("Wolves", "FROST", {State.CANCELLED: 2}, is_over=True, is_stopped=True)
    assert compose(report).title.startswith("⏹️ Auto-Redeem Stopped")
    assert dict(compose(report).facts)["Cancelled"] == "2"


def test_no_name_hides_or_reorders_what_is_announced() -> None:
    names = (
        ("\u202eAmber\u200b (1)", "The realm is wrong."),
        ("\u2068אבג\u2069 (2)", "No."),
        ("א" * 100, "No."),
    )
    report = RunReport(
        "\u202eWol\u2066ves", "FR\u00adOST", {State.FAILED: 3}, is_over=True, in_trouble=names
    )

    post = compose(report)

    assert post.title == "✅ Auto-Redeem Complete: FROST for Wolves"
    assert post.text.splitlines()[-3:] == [
        "Amber (1): The realm is wrong.",
        "\u2068אבג (2)\u2069: No.",
        f"\u2068{'א' * 59}…\u2069: No.",
    ]
    assert (
        compose(RunReport("אבג", "FROST", {})).title
        == "🎁 Auto-Redeem Started: FROST for \u2068אבג\u2069"
    )


def test_a_long_reason_and_a_long_name_end_with_a_whole_word() -> None:
    reason = "The game does not know this player in realm 1042. " * 10
    trouble = ("Captain of the second company of Wolves " * 3, reason)
    text = compose(
        RunReport("Wolves", "FROST", {State.FAILED: 1}, is_over=True, in_trouble=(trouble,))
    ).text

    name, said = text.splitlines()[-1].split(": ", 1)
    assert name.endswith("…")
    assert said.endswith("…")
    assert set(said.removesuffix("…").split()) <= set(reason.split())
    assert set(name.removesuffix("…").split()) <= set(trouble[0].split())
