"""Invisible characters are removed, unless they shape a letter or an emoji."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from giftcodes.domain import text as text_module
from giftcodes.domain.text import clean_name, clean_notes, clean_token, isolated, printable, visible

BIDI_CONTROLS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
INVISIBLE = (
    f"{BIDI_CONTROLS}\u00ad\u034f\u180e\u200b\u2060\u2061\u2064\u206a\u206f\ufe00\ufe0f\ufeff\ufffb"
    "\U000e0001\U000e0041"
)

NAMES = {
    "a rainbow flag": "🏳️\u200d🌈 Amber",
    "a pirate flag": "🏴\u200d☠️",
    "a family": "👨\u200d👩\u200d👧\u200d👦",
    "skin tones": "👩🏽\u200d🚀",
    "two hearts": "👩\u200d❤️\u200d💋\u200d👨",
    "an emoji of a later Unicode": "🫪️\u200d🫪",
    "a flag of tags": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "keycaps": "1️⃣ #️⃣",
    "a symbol as text": "☠\ufe0e",
    "an arrow": "↔️",
    "Persian": "می\u200cخواهم",
    "Bengali": "ক্\u200cষ",
    "Malayalam at the end of a word": "അവന്\u200d",
    "Sinhala": "ක්\u200dෂ",
    "a variant of a Chinese character": "葛\U000e0100城",
    "Mongolian": "ᠠ\u180b",
    "Hebrew": "אבג",
    "Korean": "한국어",
    "Cyrillic": "Лис",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_that_needs_its_joiners_stays_as_it_is(name: str) -> None:
    assert clean_name(name) == name
    assert printable(name) == name


@pytest.mark.parametrize("sign", INVISIBLE)
def test_invisible_characters_are_removed_from_names_and_tokens(sign: str) -> None:
    assert clean_name(f"{sign}Am{sign}ber{sign}") == "Amber"
    assert clean_token(f"{sign}12{sign}34{sign}") == "1234"


@pytest.mark.parametrize("joiner", ["\u200c", "\u200d"])
def test_a_joiner_that_joins_nothing_is_removed(joiner: str) -> None:
    assert clean_name(f"{joiner}Am{joiner}ber{joiner}") == "Amber"
    assert clean_name(f"🎁{joiner}") == "🎁"
    assert clean_name(f"می{joiner}{joiner}خ") == f"می{joiner}خ"


@pytest.mark.parametrize("name", [*NAMES.values(), f"a{INVISIBLE}b", "a\u034f\u0301"])
def test_a_clean_text_is_not_changed_again(name: str) -> None:
    assert visible(visible(name)) == visible(name)


def test_letters_with_marks_are_composed() -> None:
    assert clean_name("Zoe\u0308") == "Zoë"


def test_a_name_that_consists_of_blank_letters_is_empty() -> None:
    assert clean_name("\u3164\u115f\u1160\uffa0\u2800\u00a0") == ""
    assert clean_name("Amber\u3164the Great") == "Amber the Great"


def test_notes_keep_their_lines() -> None:
    assert clean_notes("a\u202e\r\nb\n") == "a\r\nb\n"


@pytest.mark.parametrize(
    ("typed", "token"),
    [
        ("\u202a123456789\u202c", "123456789"),
        (" 123456789\u00a0", "123456789"),
        ("١٢٣", "123"),
        ("۱۲۳", "123"),
        ("ＧＩＦＴ１２３", "GIFT123"),
        ("GIFT\u00ad2026", "GIFT2026"),
        ("GİFT", "GİFT"),
        ("²½", "²½"),
    ],
)
def test_a_token_is_read_as_ascii_where_that_is_certain(typed: str, token: str) -> None:
    assert clean_token(typed) == token


def test_what_is_shown_has_no_control_characters() -> None:
    assert printable("a\x1b[31m\0\ud800\u2028\u202eb\n\tc") == "a\ufffd[31m\ufffd\ufffd\ufffdb\n\tc"


@pytest.mark.parametrize("name", ["Amber", "雪", "🏳️\u200d🌈", ""])
def test_a_left_to_right_name_needs_no_isolation(name: str) -> None:
    assert isolated(name) == name


@pytest.mark.parametrize("name", ["אבג", "علي", "Clan ١٢"])
def test_a_right_to_left_name_is_isolated(name: str) -> None:
    assert isolated(name) == f"\u2068{name}\u2069"


MANY_MARKS = {
    "unordered": "a" + "\u0301\u0327" * 1_000,
    "composed": "a" + "\u0f73" * 1_000,
    "separated by an invisible character": "a" + ("\u0327" * 15 + "\u034f") * 100,
}


@pytest.mark.parametrize("text", MANY_MARKS.values(), ids=MANY_MARKS)
def test_a_letter_keeps_thirty_marks_at_most(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    longest: list[int] = []

    class Counted:
        combining = staticmethod(unicodedata.combining)
        category = staticmethod(unicodedata.category)

        @staticmethod
        def normalize(form: Any, text: str) -> str:
            longest.append(len(text.replace("\u034f", "a").rpartition("a")[2]))
            return unicodedata.normalize(form, text)

        @classmethod
        def is_normalized(cls, form: Any, text: str) -> bool:
            return bool(cls.normalize(form, text) == text)

    monkeypatch.setattr(text_module, "unicodedata", Counted)

    kept = visible(text)

    assert 29 <= sum(map(bool, map(unicodedata.combining, kept))) <= 30  # One may be part of “á”.
    assert visible(kept) == kept
    assert max(longest) <= 30


@pytest.mark.parametrize("text", ["\N{MAN}\u200d" * 1_000, "\U000e0041" * 1_000])
def test_the_time_of_cleaning_is_proportional_to_the_length(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each invisible character, a few characters around it are read, not all before it."""
    seen: list[int] = []
    ends_in_emoji, flag = text_module._ends_in_emoji, text_module._TAGGED_FLAG

    class Counted:
        @staticmethod
        def finditer(text: str, begin: int, end: int) -> Any:
            seen.append(end - begin)
            return flag.finditer(text, begin, end)

    def counted(text: str) -> bool:
        seen.append(len(text))
        return ends_in_emoji(text)

    monkeypatch.setattr(text_module, "_ends_in_emoji", counted)
    monkeypatch.setattr(text_module, "_TAGGED_FLAG", Counted)
    clean_name(text)

    assert seen
    assert max(seen) <= 16


@pytest.mark.parametrize("text", ["Zoë", "Łukasz", "狼群", "Волки", "ăâêô"])
def test_a_clean_text_takes_the_fast_path(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_text: str) -> str:
        raise AssertionError("The text was cleaned.")

    monkeypatch.setattr(text_module, "_composed", refuse)
    assert visible(text) is text
