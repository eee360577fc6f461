"""The message about a run."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from giftcodes.clients.channels import Message, Severity
from giftcodes.domain.outcomes import MEANINGS
from giftcodes.domain.sentences import reason_of
from giftcodes.domain.served import Ending
from giftcodes.domain.transitions import State
from giftcodes.models import Announcement
from giftcodes.notifications.run_message import RunReport, compose, report_of
from tests.factories import gift_code, guild, member, member_redemption

HALF = {
    State.REDEEMED: 3,
    State.SAME_TYPE: 1,
    State.ALREADY_RECEIVED: 1,
    State.PENDING: 4,
    State.IN_FLIGHT: 1,
}


def test_a_run_in_progress_shows_how_far_it_is() -> None:
    post = compose(RunReport("Wolves", "FROST", HALF, estimate="about 20 s left"))

    assert post.title == "🎁 Auto-Redeem Started: FROST for Wolves"
    assert post.text.splitlines() == [
        "▰▰▰▰▰▰▰▰▱▱▱▱▱▱▱▱▱▱▱▱ 40 % (4 of 10 have it)",
        "5 are waiting, 1 cannot have it.",
        "About 20 s left.",
    ]
    assert dict(post.facts) == {
        "Members": "10",
        "Success": "3",
        "Already": "1",
        "Same group": "1",
    }
    assert post.severity is Severity.RUNNING


@pytest.mark.django_db
def test_the_end_does_not_name_members_who_have_left_or_opted_out() -> None:
    wolves, code = guild("Wolves"), gift_code("FROST")
    for nickname, fields in (
        ("Amber", {}),
        ("Birch", {"active": False}),
        ("Cedar", {"opted_out": True}),
    ):
        one = member(wolves, nickname=nickname, **fields)
        row = member_redemption(one, code, "failed")
    end = Announcement(redemption=row.redemption, kind=Announcement.Kind.COMPLETE, run_number=1)

    report = report_of(end)

    assert report.served.needs_you == 1
    assert [name.partition(" ")[0] for name, _reason in report.in_trouble] == ["Amber"]


def test_the_end_says_who_needs_you_and_what_to_do_and_gives_each_reason_once() -> None:
    tally = {State.REDEEMED: 3, State.NEEDS_CORRECTION: 12}
    troubles = tuple((f"Nick{number}", "The realm is wrong.") for number in range(10))
    post = compose(
        RunReport(
            "Wolves", "FROST", tally, is_over=True, in_trouble=troubles, estimate="never shown"
        )
    )

    assert post.title == "⚠️ Done, 12 need you: FROST for Wolves"
    assert "20 % (3 of 15 have it)" in post.text
    assert "After a correction, every code is tried again at once." in post.text
    assert "Nick0, Nick1, Nick2" in post.text
    assert post.text.count("The realm is wrong.") == 1
    assert post.text.endswith("… and 2 more.")
    assert post.severity is Severity.ATTENTION
    assert "never shown" not in post.text


def over(tally: dict[State, int], **more: Any) -> Message:
    return compose(RunReport("Wolves", "FROST", tally, is_over=True, **more))


@pytest.mark.parametrize(
    ("tally", "more", "title", "severity"),
    [
        ({State.REDEEMED: 2}, {}, "✅ Done, everyone has it", Severity.GOOD),
        ({State.REDEEMED: 1, State.NOT_ELIGIBLE: 1}, {}, "☑️ Done", Severity.NEUTRAL),
        ({State.NOT_ELIGIBLE: 2}, {}, "⚠️ Nobody got it", Severity.ATTENTION),
        ({State.NEEDS_CORRECTION: 2}, {}, "❌ Nobody got it", Severity.ALARM),
        (
            {State.CANCELLED: 2},
            {"ending": Ending.UNKNOWN},
            "❌ The code does not exist",
            Severity.ALARM,
        ),
        (
            {State.CANCELLED: 2},
            {"ending": Ending.EXPIRED},
            "⌛ The code has expired",
            Severity.ALARM,
        ),
        ({}, {}, "☑️ Nothing to do", Severity.NEUTRAL),
    ],
)
def test_title_and_colour_say_what_came_of_the_run(
    tally: dict[State, int], more: dict[str, Any], title: str, severity: Severity
) -> None:
    post = over(tally, **more)
    assert post.title == f"{title}: FROST for Wolves"
    assert post.severity is severity


def test_the_end_of_a_code_that_has_expired_asks_for_nothing() -> None:
    tally = {State.REDEEMED: 3, State.NEEDS_CORRECTION: 2, State.NOT_ELIGIBLE: 1}
    post = over(tally, ending=Ending.EXPIRED)
    assert "3 cannot have it" in post.text
    assert "you" not in f"{post.title} {post.text}"
    assert dict(post.facts) == {
        "Members": "6",
        "Success": "3",
        "Already": "0",
        "Not received": "3",
    }


def test_the_end_of_a_code_by_its_own_date_names_the_date() -> None:
    post = over({State.CANCELLED: 2}, ending=Ending.EXPIRED, ended_on=dt.date(2026, 11, 27))
    assert post.text.endswith("It expired on 2026-11-27.")


def test_a_run_without_members_shows_no_percentage() -> None:
    assert over({}).text == "The guild has no members to redeem for."


def test_the_message_of_a_run_that_a_person_stopped_says_so() -> None:
    post = over({State.CANCELLED: 2}, is_stopped=True)
    assert post.title.startswith("⏹️ Stopped")
    assert dict(post.facts)["Cancelled"] == "2"
    assert "To continue the run, press “Resume” on its page." in post.text


def test_the_reward_and_the_end_of_the_code_are_told_if_they_are_known() -> None:
    post = over({State.REDEEMED: 1}, rewards="1,000 gems\n2 keys", expires="2026-12-01 10:00 UTC")
    facts = dict(post.facts)
    assert (facts["Reward"], facts["Expires"]) == ("1,000 gems 2 keys", "2026-12-01 10:00 UTC")


def test_no_known_reason_is_cut() -> None:
    for reason in map(reason_of, MEANINGS):
        text = over({State.FAILED: 1}, in_trouble=(("Amber", reason),)).text
        assert reason in text


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

    assert post.title == "❌ Nobody got it: FROST for Wolves"
    assert post.text.splitlines()[-2:] == [
        "Amber (1): The realm is wrong.",
        f"\u2068אבג (2)\u2069, \u2068{'א' * 59}…\u2069: No.",
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
