"""The directory at api.mightpulse.com, for Kingshot.

CLAIMED, not confirmed (docs/reference/protocol.md, section 3): the service's users report the URL
and that a key is needed. The name of the key's header and the form of the answer are assumptions of
this module. If an assumption is wrong, the lookup is refused or unreadable, an alarm is raised, and
no member is changed.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from giftcodes.clients.directories.base import (
    DirectoryAnswer,
    DirectoryConfig,
    LookupStatus,
    request_player,
    unreadable,
)
from giftcodes.domain.sentences import Sentence
from giftcodes.domain.text import clean_name

#: The header that carries the key. This name is an assumption.
KEY_HEADER = "X-API-Key"

# The assumed form of the answer: the fields are at the top level, or in objects under these names.
_WRAPPERS = ("data", "player", "base")
_MAX_LEVELS = 4
_NAMES = ("nickname", "name")
_REALMS = ("kid", "kingdom", "server", "state")
_IDS = ("id", "player_id", "playerId", "fid")

NAME_LENGTH = 80
_REALM = re.compile(r"[1-9][0-9]{0,5}")
#: Unicode categories that no nickname may have (giftcodes.domain.validators).
_CONTROL = ("Cc", "Cs", "Zl", "Zp")


def look_up(
    config: DirectoryConfig, player_id: str, *, total_seconds: float, connect_seconds: float
) -> DirectoryAnswer:
    """Look up one player, once. Never raises and never sleeps.

    Args:
        player_id: decimal digits.
        total_seconds: the limit for the request.
        connect_seconds: the part of `total_seconds` that connecting may take.
    """
    return request_player(
        config,
        player_id,
        read_player,
        key_header=KEY_HEADER,
        total_seconds=total_seconds,
        connect_seconds=connect_seconds,
    )


def read_player(value: object, player_id: str) -> DirectoryAnswer:
    """Read the JSON value of an answer.

    The result is FOUND only if the answer has a name and exactly one realm. If the answer has IDs,
    the requested one must be among them. Any other answer is UNREADABLE.
    """
    objects = _objects(value)
    if not objects:
        return _unreadable("directory_not_object")
    ids = {str(one[key]) for one in objects for key in _IDS if _is_id(one.get(key))}
    if ids and player_id not in ids:
        return _unreadable("directory_other_player")
    names = [name for one in objects for key in _NAMES if (name := _name(one.get(key)))]
    realms = {realm for one in objects for key in _REALMS if (realm := _realm(one.get(key)))}
    if not names:
        return _unreadable("directory_no_name")
    if len(realms) != 1:
        return _unreadable("directory_many_realms" if realms else "directory_no_realm")
    return DirectoryAnswer(LookupStatus.FOUND, name=names[0], realm=realms.pop())


def _objects(value: object) -> list[dict[str, Any]]:
    """Return `value` and the objects nested in it under a name in `_WRAPPERS`, outermost first.

    The result is empty if `value` is not an object.
    """
    found: list[dict[str, Any]] = []
    level = [value]
    for _ in range(_MAX_LEVELS):
        here = [one for one in level if isinstance(one, dict)]
        found.extend(here)
        level = [one[key] for one in here for key in _WRAPPERS if key in one]
    return found


def _is_id(value: object) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool) and str(value).isdecimal()


def _name(value: object) -> str:
    """Return the nickname as one clean line that can be stored. Empty if `value` is no name."""
    if not isinstance(value, str):
        return ""
    kept = "".join(
        " " if unicodedata.category(one) in _CONTROL else one for one in value[: 10 * NAME_LENGTH]
    )
    # Cleaned again, because the cut may leave a joiner without the character that it joins.
    return clean_name(" ".join(clean_name(kept).split())[:NAME_LENGTH])


def _realm(value: object) -> int | None:
    """Read a realm from a number or a text of digits. None if `value` is neither."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    text = str(value).strip() if isinstance(value, str) or abs(value) < 10**9 else ""
    return int(text) if _REALM.fullmatch(text) else None


def _unreadable(key: str) -> DirectoryAnswer:
    return unreadable(Sentence.of("directory_other_form", problem=Sentence.of(key)))
