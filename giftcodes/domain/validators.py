"""Validators of what people enter or import. Each message says what to do."""

from __future__ import annotations

import datetime as dt
import unicodedata

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

CODE_PATTERN = r"[A-Za-z0-9]{1,32}"

validate_code = RegexValidator(
    rf"\A{CODE_PATTERN}\Z",
    _(
        "A gift code is 1 to 32 letters and digits, without spaces or signs. Copy it as it was "
        "published."
    ),
)
validate_player_id = RegexValidator(
    # No ID begins with 0. If a game ignores zeros in front of an ID, the ID with zeros would be a
    # second name of the same player, under which an opt-out is not found.
    r"\A[1-9][0-9]{2,19}\Z",
    _(
        "A player ID is digits only (8 to 10 as a rule), and does not begin with 0. The game shows "
        "it in the player's profile."
    ),
)
#: Realms have four digits today. A number with more than six digits is a
#: player ID in the wrong place.
REALM_DIGITS = 6
#: The bounds of every day and time that a person, a list or a feed sets. PostgreSQL can store dates
#: that Python cannot read (the year 10000), and Python cannot convert a time close to
#: `datetime.max` to every zone.
EARLIEST_DAY, LATEST_DAY = dt.date(2000, 1, 1), dt.date(2100, 1, 1)
EARLIEST = dt.datetime.combine(EARLIEST_DAY, dt.time(), dt.UTC)
LATEST = dt.datetime.combine(LATEST_DAY, dt.time(), dt.UTC)


def validate_one_line(text: str) -> None:
    """Refuse control characters. PostgreSQL cannot store NUL; a line break could forge a log line.

    Raises:
        ValidationError: the text has a control character.
    """
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            raise ValidationError(
                _("Remove the invisible control character at position %(position)d."),
                params={"position": text.index(character) + 1},
                code="control_character",
            )


def validate_realm(realm: int) -> None:
    """Refuse a number that no state or kingdom has.

    Raises:
        ValidationError: the number is below 1, or has more than `REALM_DIGITS` digits.
    """
    if not 1 <= realm < 10**REALM_DIGITS:
        raise ValidationError(
            _(
                "A state or kingdom is a number of 1 to %(most)d digits. The game shows it in the "
                "player's profile."
            ),
            params={"most": REALM_DIGITS},
            code="realm",
        )


def validate_day(day: dt.date) -> None:
    """Refuse a day out of bounds.

    Raises:
        ValidationError: the day is before `EARLIEST_DAY` or after `LATEST_DAY`.
    """
    if not EARLIEST_DAY <= day <= LATEST_DAY:
        raise _out_of_bounds()


def validate_moment(moment: dt.datetime) -> None:
    """Refuse a time out of bounds.

    Args:
        moment: an aware datetime, in any zone.

    Raises:
        ValidationError: the time is before `EARLIEST` or after `LATEST`.
    """
    if not EARLIEST <= moment <= LATEST:
        raise _out_of_bounds()


def _out_of_bounds() -> ValidationError:
    return ValidationError(
        _("This date is out of bounds. Set one from %(first)s to %(last)s."),
        params={"first": EARLIEST_DAY.isoformat(), "last": LATEST_DAY.isoformat()},
        code="out_of_bounds",
    )
