"""The form of the login page."""

from __future__ import annotations

from typing import Any

from django.core.validators import MaxLengthValidator
from unfold.forms import AuthenticationForm


class LoginForm(AuthenticationForm):  # type: ignore[misc] # Untyped.
    """Refuses a name that no account can have.

    Django limits its length in the browser only, and the table of failed logins has no room for a
    longer one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As AuthenticationForm."""
        super().__init__(*args, **kwargs)
        name = self.fields["username"]
        name.validators.append(MaxLengthValidator(name.max_length))
