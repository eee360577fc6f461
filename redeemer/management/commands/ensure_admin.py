"""`manage.py ensure_admin`: create the first administrator, so that a person can log in."""

from __future__ import annotations

import secrets
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

from redeemer.localserver.home import Home, write_private


class Command(BaseCommand):
    """Create `admin` if there is no administrator.

    The password is written to a file that only the operating system user who runs this command can
    read. The password is never printed, because the output may go to a log.
    """

    help = "Create the administrator `admin` with a random password, if there is none yet."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Create the administrator, unless there is one already, under any name."""
        users = get_user_model()._default_manager
        if users.filter(is_superuser=True).exists():
            self.stdout.write("There is an administrator already.")
            return
        password, path = secrets.token_urlsafe(15), Home.from_environment().admin_password
        # Write the file first. A password without a user is harmless, but a user whose password is
        # not known would be of no use, and would prevent another attempt.
        write_private(path, password + "\n")
        get_user_model().objects.create_superuser("admin", password=password)
        self.stdout.write(f"The administrator `admin` was created; the password is in {path}.")
