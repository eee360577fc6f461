"""Numbers are read in full, or refused with a proposal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giftcodes.domain.numbers import NotWholeError, RoundedError, row_id, whole_digits


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("1042", "1042"),
        (" 1042 ", "1042"),
        ("1042.0", "1042"),
        ("1042,00", "1042"),
        ("0123", "0123"),
        ("۱۰۴۲", "1042"),
        ("\u20661042\u2069", "1042"),
        ("", ""),
        ("\u200b", ""),
    ],
)
def test_a_clear_whole_number_is_read(text: str, digits: str) -> None:
    assert whole_digits(text) == digits


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,000", "Write 1000 if that is meant"),
        ("1.000", "Write 1000 if that is meant"),
        ("1.000.000", "Write 1000000 if that is meant"),
        ("1042.000", "Write 1042 if that is meant"),
        ("1_000", "Write 1000 if that is meant"),
        ("12 34", "Write 1234 if that is meant"),
        ("1.5", "It has a fraction"),
        ("-5", "It has a sign"),
        ("1042 (S)", "Write 1042 if that is meant"),
        ("a1b2", "Write digits only"),
        ("Amber", "Write digits only"),
        ("½", "Write digits only"),
        ("0x10", "Write digits only"),
    ],
)
def test_an_unclear_number_is_refused_with_a_proposal(text: str, words: str) -> None:
    with pytest.raises(NotWholeError, match=words):
        whole_digits(text)


@pytest.mark.parametrize("text", ["1E3", "1.2E+09", "1,2e9", "1e-5"])
def test_a_number_with_an_exponent_has_lost_digits(text: str) -> None:
    with pytest.raises(RoundedError):
        whole_digits(text)


@given(st.from_regex(r"\A[0-9]{1,12}([.,' _+eE-][0-9]{1,6}){0,3}\Z"))
def test_a_number_loses_no_digits_except_the_zeros_of_an_empty_fraction(text: str) -> None:
    try:
        digits = whole_digits(text)
    except NotWholeError:
        return
    assert text == digits or (text.startswith(digits) and set(text[len(digits) + 1 :]) <= {"0"})


@pytest.mark.parametrize(
    ("text", "pk"),
    [("42", 42), ("007", 7), ("9" * 18, 10**18 - 1), ("9" * 19, None), ("-1", None), ("", None)],
)
def test_a_row_id_fits_into_a_bigint(text: str, pk: int | None) -> None:
    assert row_id(text) == pk


def test_a_long_text_is_refused_before_the_slow_patterns_are_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def explained(text: str) -> str:
        assert len(text) <= 100
        return ""

    monkeypatch.setattr("giftcodes.domain.numbers._reason", explained)

    for text in ("1." + "1" * 100_000 + "x", "1,1x", "1e" + "1" * 1_000 + "x"):
        with pytest.raises(NotWholeError):
            whole_digits(text)
