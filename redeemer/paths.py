"""Where the code, the templates, the settings file and the data of this installation are.

The project runs from its repository, or from a wheel that pip or uv has installed. The settings
import this module, so it must not need Django.
"""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
#: The folder that contains the packages: the repository, or `site-packages`.
CODE = _PACKAGE.parent
#: Whether the code comes from a wheel. Only a wheel has the templates inside this package.
IS_INSTALLED = (_PACKAGE / "templates").is_dir()
TEMPLATES = (_PACKAGE if IS_INSTALLED else CODE) / "templates"

#: What a person types before the name of a command, and to start everything.
COMMAND = "redeemer" if IS_INSTALLED else "manage.py"
START_COMMAND = "redeemer up" if IS_INSTALLED else "make up"


class UnknownHomeError(Exception):
    """`REDEEMER_HOME` or the default names a folder that cannot be found. The text says why."""


def home_folder() -> Path:
    """Return the absolute path of the folder for the data. It need not exist.

    `REDEEMER_HOME` names it. In a repository the default is `var`, and a relative path is relative
    to the repository. With a wheel the default is `redeemer` in the user's folder for data
    (`XDG_DATA_HOME`, or `~/.local/share`), and a relative path is relative to the present folder.

    Raises:
        UnknownHomeError: the name begins with `~`, but there is no such user, or the user's home
            folder is not known.
    """
    name = os.environ.get("REDEEMER_HOME") or ""
    try:
        if IS_INSTALLED:
            return (Path(name).expanduser() if name else _data_folder() / "redeemer").absolute()
        return CODE / Path(name or "var").expanduser()
    except RuntimeError as error:
        raise UnknownHomeError(
            f"REDEEMER_HOME is {name!r}, but there is no such user, or HOME is not set: write the "
            "whole path."
        ) from error


def settings_file() -> Path:
    """Return the path of `.env`: in the repository or, with a wheel, in the folder for the data.

    Raises:
        UnknownHomeError: as from `home_folder`.
    """
    return (home_folder() if IS_INSTALLED else CODE) / ".env"


def _data_folder() -> Path:
    named = Path(os.environ.get("XDG_DATA_HOME") or "")
    # The specification of the variable says to ignore a relative path.
    return named if named.is_absolute() else Path("~/.local/share").expanduser()
