"""Sentences are stored as a key with values, and each person reads them in their language."""

from __future__ import annotations

import ast
import copy
import json
import pickle
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils.translation import override

from giftcodes.domain.outcomes import MEANINGS
from giftcodes.domain.sentences import (
    Sentence,
    english,
    in_active_language,
    keys_that_say,
    read,
    reason_of,
    stored,
)
from giftcodes.domain.sentences.sentence import TEXTS, _in_language
from redeemer.localserver.home import REPOSITORY
from tests.i18n.pseudo import LANGUAGE, Pseudo, install

TOO_LOW = "The player's level is too low for this code. It will be retried every day."
#: Their methods name keys, and another method adds the values.
_ANSWERING = ("discord.py", "discord_by_bot.py")


class Wrong(Pseudo):
    """A catalogue whose translations have a placeholder without a value."""

    def gettext(self, message: str) -> str:
        return f"{message} %(nothing)s"


@pytest.fixture
def foreign(settings: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """One more language, in which every text has brackets."""
    install(settings, monkeypatch, Pseudo())
    return LANGUAGE


def in_english(text: Any) -> str:
    """The English words of a lazy text. If it counts, those of several."""
    return str(text % _Any())


class _Any(dict[str, Any]):
    def __missing__(self, name: str) -> int:
        return 2


def placeholders(text: Any) -> set[str]:
    """The names of the placeholders."""
    seen: set[str] = set()

    class Noting(dict[str, Any]):
        def __missing__(self, name: str) -> int:
            seen.add(name)
            return 2

    str(text % Noting())
    return seen


def made() -> Iterator[tuple[str, str, set[str]]]:
    """Each call of `Sentence.of` with a literal key: where, the key, and the values' names.

    The names in a mapping (`**names`) are taken to be right.
    """
    for file in sorted((REPOSITORY / "giftcodes").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) != "Sentence.of":
                continue
            if isinstance(node.args[0], ast.Constant):
                names = {one.arg for one in node.keywords if one.arg}
                if any(one.arg is None for one in node.keywords):
                    names |= placeholders(TEXTS[str(node.args[0].value)].words)
                yield f"{file.name}:{node.lineno}", str(node.args[0].value), names


def test_a_sentence_is_a_text_and_stores_a_key() -> None:
    sentence = Sentence.of("level_too_low")

    assert sentence == TOO_LOW
    assert stored(sentence) == '§["level_too_low"]'
    assert read(stored(sentence)) == TOO_LOW


def test_values_are_stored_beside_the_key() -> None:
    sentence = Sentence.of("no_clear_answer", words="server busy", tries=5)

    assert stored(sentence) == '§["no_clear_answer",{"words":"server busy","tries":5}]'
    assert read(stored(sentence)) == (
        "server busy: no clear answer in 5 tries. See the attempts, then press Redeem now."
    )


def test_a_person_reads_it_in_another_language(foreign: str) -> None:
    text = stored(Sentence.of("must_be_confirmed", why=Sentence.of("code_expired")))

    with override(foreign):
        assert (
            read(text) == "⟦⟦The code has expired.⟧ A request for another member must confirm it.⟧"
        )


def test_the_form_of_the_number_is_chosen_when_it_is_read(foreign: str) -> None:
    text = stored(Sentence.of("no_clear_answer_after_crash", tries=1))

    with override(foreign):
        assert read(text).startswith("⟦No clear answer in 1 try.")


def test_a_sentence_that_was_read_is_shown_in_another_language(foreign: str) -> None:
    sentence = read(stored(Sentence.of("code_expired")))

    with override(foreign):
        assert in_active_language(sentence) == "⟦The code has expired.⟧"
        assert in_active_language("Typed by a person.") == "Typed by a person."


def test_a_list_is_read_in_each_language(foreign: str) -> None:
    parts = [Sentence.of(f"import_{key}", number=2) for key in ("added", "changed", "left_out")]
    one = Sentence.list_of(parts)

    assert one == "2, changed 2, left out 2"
    assert Sentence.list_of(parts[:1]) == "2"
    with override(foreign):
        assert in_active_language(one) == "⟦2, ⟦⟦changed 2⟧, ⟦left out 2⟧⟧⟧"


def test_its_own_values_are_changed_and_not_those_of_other_sentences() -> None:
    check = Sentence.of("check_setting", setting="KEY")
    words = Sentence.of("feed_unreached", error="KEY is wrong", check=check)

    hidden = words.with_values(lambda value: value.replace("KEY", "[hidden]"))

    assert "([hidden] is wrong). Check KEY in the settings." in hidden
    plain = Sentence.of("answer_not_json")
    assert stored(plain.with_values(str.upper)) == stored(plain)


def test_the_log_has_english(foreign: str) -> None:
    with override(foreign):
        sentence = Sentence.of("code_closed_unasked", why=Sentence.of("code_expired"))
        assert sentence.startswith("⟦⟦")
        assert english(sentence) == "The code has expired. No request was sent."


def test_english_is_read_from_the_cache() -> None:
    sentence = Sentence.of("code_closed_unasked", why="of the cache")
    english(sentence)
    before = _in_language.cache_info()

    for _ in range(3):
        english(sentence)

    after = _in_language.cache_info()
    assert (after.hits - before.hits, after.misses) == (3, before.misses)


def test_a_text_of_an_earlier_release_is_shown_as_it_is(foreign: str) -> None:
    with override(foreign):
        assert read(TOO_LOW) == TOO_LOW


def test_a_typed_text_never_becomes_a_key() -> None:
    for typed in ('§["redeemed"]', "§ 5 of the rules", "§"):
        assert read(stored(typed)) == typed
    assert read(stored(Sentence.of("code_closed_unasked", why='§["redeemed"]'))) == (
        '§["redeemed"] No request was sent.'
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('§["of_a_later_release"]', "of_a_later_release"),
        (
            '§["of_a_later_release",{"code":"A","tries":3}]',
            "of_a_later_release (code: A, tries: 3)",
        ),
        ('§["no_clear_answer",{"number":3}]', "no_clear_answer (number: 3)"),
        ('§["code_closed_unasked",{"why":["later"]}]', "later No request was sent."),
        ('§["redeemed', '§["redeemed'),
        ("§[]", "§[]"),
        ('§["redeemed",["list"]]', '§["redeemed",["list"]]'),
        ("§5", "§5"),
    ],
)
def test_what_cannot_be_read_is_shown_nevertheless(text: str, shown: str) -> None:
    assert read(text) == shown


def test_a_wrong_translation_raises_no_error(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(settings, monkeypatch, Wrong())

    with override(LANGUAGE):
        assert read('§["code_closed_by",{"user":"ada"}]') == "code_closed_by (user: ada)"


def test_a_sentence_survives_a_copy() -> None:
    sentence = Sentence.of("code_closed_by", user="ada")

    for other in (copy.deepcopy(sentence), pickle.loads(pickle.dumps(sentence))):
        assert other == sentence
        assert stored(other) == stored(sentence)


def test_a_part_of_a_sentence_is_a_plain_text() -> None:
    part = Sentence.of("level_too_low")[:10]

    assert stored(part) == "The player"


def test_invisible_characters_in_values_are_not_shown() -> None:
    assert read('§["code_closed_by",{"user":"a\\u200bda"}]') == "Closed by ada in the admin."


def test_without_next_steps_only_what_happened_is_left() -> None:
    inner = Sentence.of("code_closed_unasked", why=Sentence.of("level_too_low"))

    assert Sentence.of("level_too_low").in_words(is_over=True) == (
        "The player's level is too low for this code."
    )
    assert inner.in_words(is_over=True) == (
        "The player's level is too low for this code. No request was sent."
    )
    assert Sentence.of("redeemed").in_words(is_over=True) == "Redeemed."


def test_a_game_has_its_own_word_for_a_realm() -> None:
    sentence = Sentence.of("no_such_player")

    assert sentence.endswith("Check the player ID and the realm.")
    assert sentence.in_words(realm="kingdom").endswith("Check the player ID and the kingdom.")


def test_a_search_finds_the_keys_that_say_the_words(foreign: str) -> None:
    assert keys_that_say("Too LOW for this") == [
        "level_or_spend_too_low",
        "level_too_low",
        "vip_too_low",
    ]
    assert "no_clear_answer" in keys_that_say("no clear answer")
    with override(foreign):
        assert keys_that_say("⟦the code has expired") == ["code_expired"]
        assert keys_that_say("the code has expired") == ["code_expired"]


def test_every_outcome_has_a_sentence() -> None:
    assert len({row.key for row in MEANINGS.values()}) == len(MEANINGS)
    for outcome in MEANINGS:
        assert reason_of(outcome).endswith(".")


def test_every_sentence_that_is_made_has_words_and_all_values() -> None:
    wrong = [
        f"{where}: {key} {sorted(names)}"
        for where, key, names in made()
        if key not in TEXTS or placeholders(TEXTS[key].words) - {"realm"} != names
    ]

    assert not wrong


def test_every_answer_of_a_channel_has_words_for_values_that_it_has() -> None:
    files = [REPOSITORY / "giftcodes/clients/channels" / name for name in _ANSWERING]
    found = {
        key
        for file in files
        for key in re.findall(r'"((?:discord|bot|message)_[a-z_]+)"', file.read_text("utf-8"))
    } - {"message_id", "message_reference"}

    assert len(found) > 20
    assert found <= set(TEXTS)
    for key in found:
        assert placeholders(TEXTS[key].words) <= {"status", "said", "error"}


def test_the_shorter_words_have_no_other_placeholder() -> None:
    for text in TEXTS.values():
        if text.happened is not None:
            assert placeholders(text.happened) <= placeholders(text.words)


def test_keys_and_stored_sentences_are_short() -> None:
    for key in TEXTS:
        assert re.fullmatch(r"[a-z][a-z0-9_]{2,39}", key)
    assert len(json.dumps(stored(Sentence.of("waits_for_correction")))) < 40
