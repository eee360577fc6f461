"""Fields of forms that clean a text, and read a number whole, before they judge it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.numbers import NotWholeError, whole_digits
from giftcodes.domain.text import clean_name, clean_token

#: No number of ours is longer.
_MOST_DIGITS = 18


class CleanCharField(forms.CharField):
    """A text: a name, unless another function cleans it."""

    def __init__(self, *, clean_text: Callable[[str], str] = clean_name, **options: Any) -> None:
        """As Django's, with the function that cleans."""
        self._clean_text = clean_text
        super().__init__(**options)

    def to_python(self, value: Any) -> Any:
        """Clean it."""
        text = super().to_python(value)
        return self._clean_text(text) if isinstance(text, str) else text


class WholeNumberField(forms.IntegerField):
    """A whole number, in digits of any script. `1.000` is refused: Django's own field reads a 1."""

    def to_python(self, value: Any) -> int | None:
        """Read it whole.

        Raises:
            ValidationError: it is not plainly a whole number.
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
        if len(digits) > _MOST_DIGITS:
            raise ValidationError(_("This number has too many digits."), code="invalid")
        return sign + digits
