"""Form fields that clean a text, or read a number in full, before they validate it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.numbers import NotWholeError, whole_digits
from giftcodes.domain.text import clean_name, clean_token

#: No number in a form needs more digits.
_MAX_DIGITS = 18


class CleanCharField(forms.CharField):
    """A text that is cleaned with `clean_text`, by default as a name."""

    def __init__(self, *, clean_text: Callable[[str], str] = clean_name, **options: Any) -> None:
        """Take Django's options, and the function that cleans the text."""
        self._clean_text = clean_text
        super().__init__(**options)

    def to_python(self, value: Any) -> Any:
        """Clean the text."""
        text = super().to_python(value)
        return self._clean_text(text) if isinstance(text, str) else text


class WholeNumberField(forms.IntegerField):
    """A whole number in digits of any script.

    `1.000` is refused; Django's own field reads it as 1.
    """

    def to_python(self, value: Any) -> int | None:
        """Read the number in full.

        Raises:
            ValidationError: the value is not clearly a whole number.
        """
        if isinstance(value, str):
            value = self._digits(clean_token(value))
        return super().to_python(value)

    def _digits(self, text: str) -> str:
        lowest = self.min_value
        may_be_negative = not isinstance(lowest, int) or lowest < 0
        sign = "-" if may_be_negative and text[:1] in ("-", "\u2212") else ""
        try:
            digits = whole_digits(text[len(sign) :])
        except NotWholeError as error:
            raise ValidationError(str(error), code="invalid") from error
        if len(digits) > _MAX_DIGITS:
            raise ValidationError(
                _("This number has too many digits. Write a smaller number."), code="invalid"
            )
        return sign + digits
