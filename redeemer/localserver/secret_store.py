"""What is made up once for an installation and kept: passwords, the secret key, the demo's salt and port."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.home import write_private


class SecretStore:
    """Named texts in one file that only its owner reads."""

    def __init__(self, path: Path) -> None:
        """
        Args:
            path: the file; it need not exist.

        Raises:
            CannotStartError: it exists and cannot be used. It is not replaced: the data were made with it.
        """
        self._path = path
        self._kept: dict[str, str] = {}
        try:
            self._kept = {
                str(name): str(value) for name, value in json.loads(path.read_text("utf-8")).items()
            }
        except FileNotFoundError:
            pass
        except (OSError, ValueError, AttributeError) as error:
            raise CannotStartError(
                f"Cannot read {path}, which holds this installation's passwords: {error}"
            ) from error

    def get(self, name: str) -> str | None:
        """The text kept under `name`."""
        return self._kept.get(name)

    def keep(self, name: str, value: str) -> str:
        """Keep `value` under `name` from now on."""
        if self._kept.get(name) != value:
            self._kept[name] = value
            write_private(self._path, json.dumps(self._kept, indent=1))
        return value

    def get_or_make(self, name: str) -> str:
        """The text kept under `name`; the first time, 64 random letters and digits."""
        return self._kept.get(name) or self.keep(name, secrets.token_hex(32))
