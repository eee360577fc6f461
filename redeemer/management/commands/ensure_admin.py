"""Make the first administrator, so that somebody can log in."""

from __future__ import annotations

import secrets
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

from redeemer.localserver.home import Home, write_private


class Command(BaseCommand):
    """The password goes to a file that only this user reads, never to the output, which may be a log."""

    help = (
        "Make the administrator `admin` with a random password, if there is no administrator yet."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Do nothing if there is an administrator, whatever the name."""
        users = get_user_model()._default_manager
        if users.filter(is_superuser=True).exists():
            self.stdout.write("There is an administrator already.")
            return
        password, path = secrets.token_urlsafe(15), Home.from_environment().admin_password
        # The file first: a password that nobody knows would be worse than one that opens nothing.
        write_private(path, password + "\n")
        get_user_model().objects.create_superuser("admin", password=password)
        self.stdout.write(f"The administrator `admin` is made; the password is in {path}.")
