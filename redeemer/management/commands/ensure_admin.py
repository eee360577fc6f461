"""`manage.py ensure_admin`: create the first administrator, so that a person can log in."""

from __future__ import annotations

import secrets
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

from redeemer.localserver.home import Home, write_private


class Command(BaseCommand):
    """Create `admin` if there is no administrator.

    The password goes to a file that only this user can read, never to the output, which may be a
    log.
    """

    help = "Create the administrator `admin` with a random password, if there is none yet."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Do nothing if there is an administrator of any name."""
        users = get_user_model()._default_manager
        if users.filter(is_superuser=True).exists():
            self.stdout.write("There is an administrator already.")
            return
        password, path = secrets.token_urlsafe(15), Home.from_environment().admin_password
        # Write the file first: an unknown password would be worse than one without a user.
        write_private(path, password + "\n")
        get_user_model().objects.create_superuser("admin", password=password)
        self.stdout.write(f"The administrator `admin` was created; the password is in {path}.")
