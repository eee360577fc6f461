"""Reads all settings from the environment and from `.env` (redeemer.paths says where it is).

docs/reference/settings.md lists the settings.

A value is used as written: nothing in it is expanded. An error names the setting, and never shows
its value.
"""

from __future__ import annotations

import codecs
import math
import os
import re
from collections.abc import Iterable, MutableMapping, Sequence
from pathlib import Path
from typing import TypeAlias
from zoneinfo import available_timezones

from django.core.exceptions import ImproperlyConfigured

from redeemer import paths

_LINE = re.compile(
    r"(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)[ \t]*=(?P<rest>.*)", re.DOTALL
)
_COMMENT_BEGUN = re.compile(r"\s#")
_QUOTED = {
    '"': re.compile(r'"(?P<value>(?:[^"\\]|\\.)*)"(?P<after>.*)', re.DOTALL),
    "'": re.compile(r"'(?P<value>[^']*)'(?P<after>.*)", re.DOTALL),
}
_ESCAPED = re.compile(r'\\(["\\])')
_COMMENT = re.compile(r"\s*(?:\s#.*)?", re.DOTALL)
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_MAX_DIGITS = 18
_YES = frozenset({"1", "true", "yes", "on", "y", "t", "ok"})
_NO = frozenset({"0", "false", "no", "off", "n", "f"})
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
#: These settings are addresses, which never begin with a quote. Quotes around an address were meant
#: for a shell, and are removed.
_ADDRESSES = ("DATABASE_URL", "REDIS_URL")


class SettingError(ImproperlyConfigured):
    """A setting cannot be used. The text is one line that names the setting, but not its value."""


def load(path: Path, environment: MutableMapping[str, str] = os.environ) -> None:
    """Add the settings of a file to the environment.

    Args:
        path: the file. It need not exist.
        environment: where the settings are added. A name that is already there keeps its value,
            even an empty one.

    Raises:
        SettingError: the file, or a line of it, cannot be read.
    """
    for name, value in parse(_text_of(path), str(path)).items():
        environment.setdefault(name, value)
    for name in _ADDRESSES:
        if name in environment:
            environment[name] = _without_quotes(environment[name])


def load_file() -> None:
    """Add the settings of `.env` to the environment of this process.

    With a wheel, `REDEEMER_HOME` becomes an absolute path, because programs that this process
    starts have another working directory.

    Raises:
        SettingError: the file, or a line of it, cannot be read; the folder that it is in cannot be
            found; or, with a wheel, the file sets REDEEMER_HOME to another folder.
    """
    try:
        file, home = paths.settings_file(), paths.home_folder()
        load(file)
        moved = file.parent == home != paths.home_folder()
    except paths.UnknownHomeError as error:
        raise SettingError(str(error)) from error
    if moved:
        # Django reads the settings again after an error. If this value stayed, it would then read
        # them from the other folder, and this error would not be raised again.
        del os.environ["REDEEMER_HOME"]
        raise SettingError(
            f"{file}: REDEEMER_HOME says where this file is, so it cannot be set in it. Set it in "
            "the environment."
        )
    if paths.IS_INSTALLED:
        os.environ["REDEEMER_HOME"] = str(home)


def parse(text: str, file: str) -> dict[str, str]:
    """Return the settings in the text of a `.env` file, by name.

    Args:
        text: lines of the form `NAME=value`, with comments and empty lines between them.
        file: the file's name, for errors.

    Raises:
        SettingError: a line has another form, or a name has two values. The error shows the number
            of the line.
    """
    found: dict[str, str] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, value = _parse_line(line.strip(), f"{file}, line {number}")
        if found.setdefault(name, value) != value:
            raise SettingError(
                f"{file}, line {number}: {name} has another value in line {lines[name]}. Remove "
                "one of the two lines."
            )
        lines.setdefault(name, number)
    return found


def _parse_line(line: str, location: str) -> tuple[str, str]:
    match = _LINE.fullmatch(line)
    if not match:
        raise SettingError(
            f"{location}: this is not a setting. Write NAME=value, or # before a comment."
        )
    name, rest = match["name"], match["rest"]
    if "\0" in rest:
        raise SettingError(
            f"{location}: the value of {name} has a zero byte in it. Save the file as UTF-8."
        )
    pattern = _QUOTED.get(rest.strip()[:1])
    if not pattern:
        return name, _COMMENT_BEGUN.split(rest, maxsplit=1)[0].strip()
    quoted = pattern.fullmatch(rest.strip())
    if not quoted:
        raise SettingError(
            f"{location}: the value of {name} begins with a quote that is not closed in this line."
        )
    if not _COMMENT.fullmatch(quoted["after"]):
        raise SettingError(
            f"{location}: there is text after the closing quote of {name}. Put the whole value in "
            "quotes."
        )
    value = quoted["value"]
    return name, _ESCAPED.sub(r"\1", value) if rest.strip()[0] == '"' else value


def _text_of(path: Path) -> str:
    try:
        content = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        return ""
    except OSError as error:
        raise SettingError(
            f"{path} cannot be read: {error.strerror}. Make it readable for this user."
        ) from error
    encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        # The error is not chained, because it contains the content of the file.
        problem = f"{path}, line {line}: this is not UTF-8 text. Save the file as UTF-8."
    raise SettingError(problem)


def _without_quotes(value: str) -> str:
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1].strip()
    return value


# The methods below have the names of types. In an annotation inside the class, such a name would
# mean the method. So the annotations use these aliases.
_Text: TypeAlias = str
_Texts: TypeAlias = list[str]
_Whole: TypeAlias = int
_Number: TypeAlias = float
_Switch: TypeAlias = bool


class Settings:
    """Reads settings by name. Each method returns a value of one type.

    An empty value means the default, except in the methods `str` and `list`.
    """

    def __init__(self, environment: MutableMapping[_Text, str] = os.environ) -> None:
        self._environment = environment

    def str(self, name: _Text, *, default: _Text = "") -> _Text:
        """Return the value as written, or the default if the setting is missing."""
        return self._environment.get(name, default)

    def int(
        self,
        name: _Text,
        *,
        default: _Whole,
        least: _Whole | None = None,
        most: _Whole | None = None,
    ) -> _Whole:
        """Return a whole number.

        Raises:
            SettingError: the value is not a whole number, or is not between `least` and `most`.
        """
        text = self._text(name)
        if not text:
            return default
        bounds = _bounds(least, most)
        if not _WHOLE_NUMBER.fullmatch(text) or len(text) > _MAX_DIGITS:
            raise SettingError(f"{name} must be a whole number{bounds}.")
        number = int(text)
        if (least is not None and number < least) or (most is not None and number > most):
            raise SettingError(f"{name} must be a whole number{bounds}.")
        return number

    def float(self, name: _Text, *, default: _Number) -> _Number:
        """Return a number, with or without decimals.

        Raises:
            SettingError: the value is not a number.
        """
        text = self._text(name)
        if not text:
            return default
        if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
            raise SettingError(f"{name} must be a number, such as 15 or 2.5.")
        return float(text)

    def bool(self, name: _Text, *, default: _Switch) -> _Switch:
        """Return whether the setting is switched on.

        Raises:
            SettingError: the value means neither yes nor no.
        """
        text = self._text(name).lower()
        if not text:
            return default
        if text not in _YES | _NO:
            raise SettingError(f"{name} must be 1 (yes) or 0 (no).")
        return text in _YES

    def list(self, name: _Text, *, default: Sequence[_Text] = ()) -> _Texts:
        """Return comma-separated values without the spaces around them.

        An empty value gives an empty list.
        """
        if name not in self._environment:
            return list(default)
        return [part.strip() for part in self._environment[name].split(",") if part.strip()]

    def choice(self, name: _Text, choices: Iterable[_Text], *, default: _Text) -> _Text:
        """Return one of the choices, spelled as in `choices`. Upper and lower case do not matter.

        Raises:
            SettingError: the value is not one of the choices.
        """
        by_name = {choice.lower(): choice for choice in choices}
        text = self._text(name).lower()
        if not text:
            return default
        if text not in by_name:
            raise SettingError(f"{name} must be one of {', '.join(by_name.values())}.")
        return by_name[text]

    def zone(self, name: _Text, *, default: _Text) -> _Text:
        """Return the name of a time zone, such as Europe/Berlin.

        Raises:
            SettingError: there is no such zone.
        """
        text = self._text(name)
        if text and text not in available_timezones():
            raise SettingError(
                f"{name} must be the name of a time zone, such as UTC or Europe/Berlin."
            )
        return text or default

    def _text(self, name: _Text) -> _Text:
        return self._environment.get(name, "").strip()


def _bounds(least: int | None, most: int | None) -> str:
    if least is None:
        return "" if most is None else f" up to {most}"
    return f" of {least} or more" if most is None else f" from {least} to {most}"
