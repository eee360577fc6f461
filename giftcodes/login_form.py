"""The form of the login page."""

from __future__ import annotations

from typing import Any

from django.core.validators import MaxLengthValidator
from unfold.forms import AuthenticationForm


class LoginForm(AuthenticationForm):  # type: ignore[misc] # Untyped.
    """Refuses a name that no account can have.

    Django limits the length of the name only in the browser. A longer name does not fit into the
    table of failed logins.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take the arguments of AuthenticationForm."""
        super().__init__(*args, **kwargs)
        name = self.fields["username"]
        name.validators.append(MaxLengthValidator(name.max_length))
