"""The form of the login page."""

from __future__ import annotations

from typing import Any

from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext_lazy as _
from unfold.forms import AuthenticationForm


class LoginForm(AuthenticationForm):  # type: ignore[misc] # Untyped.
    """Refuses a name that no account can have, and says what is wrong in plain words.

    Django limits the length of the name only in the browser. A longer name does not fit into the
    table of failed logins. The words do not tell whether an account has the name.
    """

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": _(
            "The username or the password is wrong. In both, capital and small letters matter."
        ),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take the arguments of AuthenticationForm."""
        super().__init__(*args, **kwargs)
        name = self.fields["username"]
        name.validators.append(MaxLengthValidator(name.max_length))
