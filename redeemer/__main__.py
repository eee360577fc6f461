"""Redeemer's command line: `redeemer`, `python -m redeemer` and `manage.py`.

`up` runs everything (README.md). The other commands are those of Django and of the apps.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run a command.

    `up` runs before Django is loaded, because it decides which servers the settings name.
    """
    from redeemer.paths import COMMAND

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "redeemer.settings")
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["version"]):
        from giftcodes import __version__

        sys.stdout.write(f"{__version__}\n")
        return
    if arguments[:1] == ["up"]:
        from redeemer.localserver.up import main as up

        status = up(arguments[1:])
        sys.stdout.flush()
        sys.stderr.flush()
        # Do not wait for a child that could not be ended.
        os._exit(status)
    from django.core.management import execute_from_command_line

    from redeemer.startup_errors import install_excepthook

    install_excepthook()
    execute_from_command_line([COMMAND, *arguments])


if __name__ == "__main__":
    main()
