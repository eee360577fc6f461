"""Lists as people paste them: each line of the review is as expected."""

from __future__ import annotations

import pytest

from giftcodes.domain.text import visible
from giftcodes.roster import Review, ReviewedLine, Verdict, limits, member_list, review_of
from giftcodes.roster.chat import MOST_CHARACTERS
from tests.roster.pasted import LISTS

MARKS = {Verdict.GOOD: "+", Verdict.UNSURE: "?", Verdict.REPEATED: "=", Verdict.SKIPPED: "-"}


def marked(line: ReviewedLine) -> str:
    return " ".join(
        f"{MARKS[line.verdict]} {line.player_id} | {line.nickname} | {line.realm}".split()
    )


def reasons(review: Review) -> list[str]:
    return [line.reason for line in review.lines]


@pytest.mark.parametrize(("text", "expected"), LISTS.values(), ids=LISTS)
def test_the_review_is_as_expected(text: str, expected: str) -> None:
    review = review_of(text)

    wanted = [" ".join(line.split()) for line in expected.strip().splitlines()]
    assert [marked(line) for line in review.lines] == wanted


@pytest.mark.parametrize(("text", "expected"), LISTS.values(), ids=LISTS)
def test_only_good_lines_are_taken_and_every_other_line_has_a_reason(
    text: str, expected: str
) -> None:
    review = review_of(text)
    listed = member_list(review)

    assert len(listed.members) == expected.count("+")
    for line in review.lines:
        assert (line.verdict is Verdict.GOOD) == (not line.reason)
        assert (line.verdict is Verdict.UNSURE) == bool(line.field)
        assert " ".join(line.original.split()) in " ".join(visible(text).split())


def test_there_are_at_least_thirty_lists() -> None:
    assert len(LISTS) >= 30


@pytest.mark.parametrize(
    ("line", "reason", "field"),
    [
        ("Amber 41OOOO1O1", "is “41OOOO1O1” the player ID 410000101?", "player_id"),
        ("Amber 41 00 00 101", "It is written in parts.", "player_id"),
        ("Amber 0170 1234567", "a player ID or a phone number?", "player_id"),
        ("Amber 123 456", "a player ID or an amount?", "player_id"),
        ("1 410 000 101", "or a line number?", "player_id"),
        ("Amber 1234567890123", "has 13 digits; player IDs have 6 to 12", "player_id"),
        ("Amber 410000101 Birch", "Is “Amber” the name, or “Birch”?", "nickname"),
        ("Amber 410000101 1043", "Is 1043 the number of the state or kingdom?", "realm"),
        ("Amber 410000101 K1043 K1044", "Two numbers may be the state", "realm"),
        ("a b c d e f 410000101", "Is this the name? It is long.", "nickname"),
        ("x" * 81 + " 410000101", "81 characters; 80 are allowed", "nickname"),
    ],
)
def test_an_unsure_line_says_why_and_which_value_is_meant(
    line: str, reason: str, field: str
) -> None:
    (read,) = review_of(line).lines

    assert read.verdict is Verdict.UNSURE
    assert reason in read.reason
    assert read.field == field


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Good morning!", "There is no player ID in this line."),
        ("Power 850", "There is no player ID in this line."),
        ("We are 47 of 100", "No number in this line is a player ID"),
        ("Call +49 170 1234567", "The number in this line is a phone number."),
        ("x" * (MOST_CHARACTERS + 1), "longer than 1000 characters"),
    ],
)
def test_a_line_without_a_player_says_why(line: str, reason: str) -> None:
    (read,) = review_of(line).lines

    assert read.verdict is Verdict.SKIPPED
    assert reason in read.reason


@pytest.mark.parametrize("text", ['"Foo\n987654321"', '"Foo\n987654321",100000304'])
def test_a_number_in_a_quoted_text_of_several_lines_is_unsure(text: str) -> None:
    review = review_of(text)

    assert Verdict.GOOD not in {line.verdict for line in review.lines}
    assert "Quotation marks join the lines 1 to 2. Is this a player?" in reasons(review)


def test_a_line_that_belongs_to_a_player_on_another_line_names_that_line() -> None:
    review = review_of("Name: Amber\nID: 410000101\nState: 1043\n")

    assert reasons(review) == [
        "It belongs to the player on line 2.",
        "",
        "It belongs to the player on line 2.",
    ]


def test_a_player_with_different_realms_on_two_lines_is_unsure() -> None:
    review = review_of("Amber 410000101 K1043\n410000101 K1044\n")

    assert "Line 2 says 1044, and line 1 says 1043." in reasons(review)[0]


def test_a_player_gets_the_better_name_and_the_realm_of_another_line() -> None:
    review = review_of("410000101\nAmber 410000101\n410000101 K1043\n")

    assert [marked(line) for line in review.lines] == [
        "+ 410000101 | Amber | 1043",
        "= 410000101 | Amber |",
        "= 410000101 | | 1043",
    ]


def test_unsure_lines_are_taken_if_that_is_asked_for() -> None:
    review = review_of("Amber 41OOOO1O1\nhello\n123\n410000102,Birch,north\n")

    assert member_list(review).members == ()
    taken = member_list(review, with_unsure=True)
    assert [member.player_id for member in taken.members] == ["410000101", "123"]
    assert [bad.line for bad in taken.bad] == [2, 4]


def test_players_on_few_lines_count_against_the_limit_of_members() -> None:
    line = " ".join(str(number) for number in range(410_000_000, 410_000_090))

    with pytest.raises(ValueError, match=r"more than 20,000 members\. Split it"):
        review_of("\n".join([line] * (limits.LIMITS.rows // 90 + 1)))


@pytest.mark.parametrize("unit", ["1 ", "123 ", "1.1.", "(", "+1 ", "0O", "12:34 ", "power ", "*"])
def test_a_long_line_of_signs_is_read_as_one_line(unit: str) -> None:
    """The work for a long line is bounded. No time is measured: it depends on the machine."""
    line = (unit * MOST_CHARACTERS)[: MOST_CHARACTERS - 10] + " 410000101"

    assert len(review_of(line).lines) == 1
