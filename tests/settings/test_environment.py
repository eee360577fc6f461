"""How the reader of settings reads texts, in tables of texts and values."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

import pytest

from redeemer.environment import SettingError, Settings, load, parse

SECRET = "hush"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("X=hush", SECRET),
        ("X = hush", SECRET),
        ("  X=hush  ", SECRET),
        ("export X=hush", SECRET),
        ("X=hush\t", SECRET),
        ("X=hush        # the constant in the game's own gift page", SECRET),
        ("X=        # nothing yet", ""),
        ("X=", ""),
        ("X=''", ""),
        ("X=#hush", "#hush"),
        ("X=hu#sh", "hu#sh"),
        ("X='hush' # why", SECRET),
        ('X="hush"', SECRET),
        ('X="hush # no comment"', "hush # no comment"),
        ("X='  hush  '", "  hush  "),
        ("X=$q*eo(2h)", "$q*eo(2h)"),
        ("X='$q*eo'", "$q*eo"),
        ('X="$abcd ${HOME}"', "$abcd ${HOME}"),
        ("X=$HOME", "$HOME"),
        ("X=a=b=c", "a=b=c"),
        ("X=it's", "it's"),
        (r'X="a\"b\\c\n"', r'a"b\c\n'),
        (r"X='a\n'", r"a\n"),
        ("X=postgres://u:p%40s@h/db?a=b&c=d", "postgres://u:p%40s@h/db?a=b&c=d"),
        ("X=a,  b", "a,  b"),
    ],
)
def test_a_value_is_taken_as_written(line: str, value: str) -> None:
    assert parse(line, ".env") == {"X": value}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_line_endings_of_every_system_are_read(end: str) -> None:
    assert parse(end.join(["# settings", "", "A=1", "  # more", "B=2", "A=1"]), ".env") == {
        "A": "1",
        "B": "2",
    }


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("A=1\nhush", ".env, line 2: this is not a setting"),
        ("my key=hush", ".env, line 1: this is not a setting"),
        ("X: hush", ".env, line 1: this is not a setting"),
        ("X='hush", ".env, line 1: the value of X begins with a quote that is not closed"),
        ('A=1\r\nX="hush', ".env, line 2: the value of X begins with a quote that is not closed"),
        ("X='hu'sh", ".env, line 1: there is text after the closing quote of X"),
        ("X=hu\0sh", ".env, line 1: the value of X has a zero byte"),
        ("X=1\n\nX=hush", ".env, line 3: X has another value in line 1"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_its_value_is_not_shown(
    text: str, error: str
) -> None:
    with pytest.raises(SettingError) as refusal:
        parse(text, ".env")

    assert str(refusal.value).startswith(error)
    assert SECRET not in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF8 + b"SALT=hush\r\n",
        "\ufeffSALT=hush\n".encode("utf-16-le"),
        "\ufeffSALT=hush\n".encode("utf-16-be"),
        b"SALT=hush",
    ],
)
def test_files_of_every_editor_are_read(content: bytes, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(content)
    found: dict[str, str] = {}

    load(tmp_path / ".env", found)

    assert found == {"SALT": SECRET}


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("SALT=hush".encode("utf-16-le"), "line 1"),
        (b"A=1\nSALT=hush\xff", "line 2: this is not UTF-8 text"),
    ],
)
def test_a_file_that_is_not_text_is_named_and_not_shown(
    content: bytes, error: str, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_bytes(content)

    with pytest.raises(SettingError, match=error) as refusal:
        load(tmp_path / ".env", {})

    assert str(tmp_path / ".env") in str(refusal.value)
    assert SECRET not in str(refusal.value)
    assert refusal.value.__cause__ is refusal.value.__context__ is None


def test_a_missing_file_and_a_folder_in_its_place_have_no_settings(tmp_path: Path) -> None:
    found: dict[str, str] = {}

    load(tmp_path / ".env", found)
    load(tmp_path, found)

    assert found == {}


def test_the_environment_takes_precedence_even_if_its_value_is_empty(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=file\nB=file\nC=file\n")
    found = {"A": "environment", "B": ""}

    load(tmp_path / ".env", found)

    assert found == {"A": "environment", "B": "", "C": "file"}


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_quotes_around_an_address_are_removed(name: str, tmp_path: Path) -> None:
    found = {name: ' "postgres://host/name" '}

    load(tmp_path / ".env", found)

    assert found[name] == "postgres://host/name"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int", "8", 8),
        ("int", " 8 ", 8),
        ("int", "-1", -1),
        ("int", "", 5),
        ("int", None, 5),
        ("float", "2.5", 2.5),
        ("float", "15", 15.0),
        ("float", " ", 5.0),
        ("bool", "1", True),
        ("bool", "True", True),
        ("bool", "ON", True),
        ("bool", "0", False),
        ("bool", "no", False),
        ("bool", "", True),
        ("str", " a ", " a "),
        ("str", None, "default"),
        ("list", "localhost, 127.0.0.1 ,", ["localhost", "127.0.0.1"]),
        ("list", "", []),
        ("list", None, ["default"]),
        ("zone", "Europe/Berlin", "Europe/Berlin"),
        ("zone", "", "UTC"),
    ],
)
def test_a_value_is_read_as_its_type(kind: str, text: str | None, value: Any) -> None:
    defaults = {
        "int": 5,
        "float": 5.0,
        "bool": True,
        "str": "default",
        "list": ["default"],
        "zone": "UTC",
    }
    settings = Settings({} if text is None else {"X": text})

    assert getattr(settings, kind)("X", default=defaults[kind]) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("int", SECRET),
        ("int", "1.5"),
        ("int", "1_000"),
        ("int", "٣"),
        ("int", "9" * 5000),
        ("float", SECRET),
        ("float", "nan"),
        ("float", "inf"),
        ("float", "1e999"),
        ("float", "1,5"),
        ("bool", SECRET),
        ("bool", "2"),
        ("zone", SECRET),
        ("zone", "../etc/passwd"),
    ],
)
def test_the_error_of_a_value_of_a_wrong_type_names_the_setting_and_not_the_value(
    kind: str, text: str
) -> None:
    default: Any = {"int": 1, "float": 1.0, "bool": True, "zone": "UTC"}[kind]
    with pytest.raises(SettingError, match=r"^THE_SETTING must be .*\.$") as refusal:
        getattr(Settings({"THE_SETTING": text}), kind)("THE_SETTING", default=default)

    assert text == "2" or text not in str(refusal.value)


@pytest.mark.parametrize("text", ["debug", "DEBUG", " Debug "])
def test_a_choice_is_read_in_capital_and_in_small_letters(text: str) -> None:
    assert Settings({"X": text}).choice("X", ("INFO", "DEBUG"), default="INFO") == "DEBUG"


def test_an_empty_choice_is_the_default_and_the_error_of_a_wrong_one_names_the_choices() -> None:
    assert Settings({"X": ""}).choice("X", ("INFO", "DEBUG"), default="INFO") == "INFO"
    with pytest.raises(SettingError, match=r"^X must be one of INFO, DEBUG\.$"):
        Settings({"X": SECRET}).choice("X", ("INFO", "DEBUG"), default="INFO")


@pytest.mark.parametrize("number", ["0", "70000"])
def test_the_error_of_a_number_out_of_bounds_names_the_bounds(number: str) -> None:
    with pytest.raises(SettingError, match=r"^PORT must be a whole number from 1 to 65535\.$"):
        Settings({"PORT": number}).int("PORT", default=8000, least=1, most=65_535)
