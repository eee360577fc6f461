"""The forms of players. They read what people copy from a game or from a chat."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from giftcodes.domain.text import clean_token
from giftcodes.domain.validators import validate_one_line, validate_realm
from giftcodes.form_fields import CleanCharField, WholeNumberField

#: The lengths of player IDs. An ID of another length is incomplete, or is not a player ID.
LEAST_DIGITS, MOST_DIGITS = 6, 12
#: What may stand before, between and after the digits of a copied ID or realm.
_BEFORE_ID = re.compile(r"\A(?:player)?\s*(?:id|uid|fid)?\s*[:#=]*\s*", re.IGNORECASE)
_BEFORE_REALM = re.compile(r"\A(?:state|kingdom|realm|server|s|k)?\s*[:#]*\s*", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s.\-\u2010-\u2015'’]")


class PlayerIdField(CleanCharField):
    """A player ID in digits of any script, as people copy it: `ID: 123 456 789`."""

    def to_python(self, value: Any) -> Any:
        """Return the digits."""
        text = super().to_python(value)
        return _BETWEEN.sub("", _BEFORE_ID.sub("", text)) if isinstance(text, str) else text

    def validate(self, value: Any) -> None:
        """Check the digits and their number.

        Raises:
            ValidationError: this is not a player ID. The error says what to do.
        """
        super().validate(value)
        if not re.fullmatch(r"[0-9]+", value):
            raise ValidationError(
                _("A player ID has digits only. Copy it from your profile in the game."),
                code="digits",
            )
        if not LEAST_DIGITS <= len(value) <= MOST_DIGITS:
            raise ValidationError(
                _(
                    "A player ID has %(least)d to %(most)d digits, and this one has %(number)d. "
                    "Copy it from your profile in the game."
                ),
                params={"least": LEAST_DIGITS, "most": MOST_DIGITS, "number": len(value)},
                code="length",
            )


class RealmField(WholeNumberField):
    """A state or kingdom, as people write it: `1043`, `#1043` or `State 1043`."""

    def to_python(self, value: Any) -> int | None:
        """Read the number."""
        if isinstance(value, str):
            value = _BEFORE_REALM.sub("", clean_token(value))
        return super().to_python(value)


def _realm_field(word: str) -> RealmField:
    return RealmField(
        label=word.capitalize(),
        error_messages={"required": _("Enter the number of your %(word)s.") % {"word": word}},
        min_value=1,
        validators=[validate_realm],
        help_text=_("The number of your %(word)s. The game shows it in your profile.")
        % {"word": word},
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}),
    )


class JoinForm(forms.Form):
    """What a player enters to join a guild."""

    player_id = PlayerIdField(
        label=gettext_lazy("Player ID"),
        clean_text=clean_token,
        max_length=60,
        error_messages={"required": gettext_lazy("Enter your player ID.")},
        help_text=gettext_lazy(
            "In the game, tap your picture at the top left. The ID is below your name."
        ),
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}),
    )
    nickname = CleanCharField(
        label=gettext_lazy("Your name in the game"),
        max_length=40,
        error_messages={"required": gettext_lazy("Enter your name.")},
        validators=[validate_one_line],
        help_text=gettext_lazy("So that the officers know who you are."),
        widget=forms.TextInput({"autocomplete": "nickname", "dir": "auto"}),
    )
    consent = forms.BooleanField(
        label=gettext_lazy("I want this, and it is my own account."),
        error_messages={
            "required": gettext_lazy("If you agree, tick the box. Otherwise nothing is stored.")
        },
    )

    def __init__(self, *data: Any, realm_word: str, **options: Any) -> None:
        """Label the field `realm` with the game's own word for it."""
        super().__init__(*data, **options)
        self.fields["realm"] = _realm_field(realm_word)
        self.order_fields(["player_id", "realm", "nickname", "consent"])


class RealmForm(forms.Form):
    """A correction of the realm."""

    def __init__(self, *data: Any, realm_word: str, **options: Any) -> None:
        """Label the field `realm` with the game's own word for it."""
        super().__init__(*data, **options)
        self.fields["realm"] = _realm_field(realm_word)
