"""What may be typed or imported. Each message says what to do."""

from __future__ import annotations

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

CODE_PATTERN = r"[A-Za-z0-9]{1,32}"

validate_code = RegexValidator(
    rf"\A{CODE_PATTERN}\Z",
    _("A gift code is 1 to 32 letters and digits, without spaces or signs. Copy it as it was published."),
)
validate_player_id = RegexValidator(
    r"\A[0-9]{3,20}\Z",
    _("A player ID is digits only (8 to 10 as a rule). The game shows it in the player's profile."),
)
_SPACE = re.compile(r"\s")


def validate_one_line(text: str) -> None:
    """Refuse control characters: PostgreSQL cannot store a NUL, and a line break would forge a log line.

    Raises:
        ValidationError: there is one.
    """
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            raise ValidationError(
                _("Remove the invisible control character at position %(position)d."),
                params={"position": text.index(character) + 1},
                code="control_character",
            )
