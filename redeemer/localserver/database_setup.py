"""The embedded database of an installation: where its data are, and that they are still there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from redeemer.localserver import ports
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.home import Home
from redeemer.localserver.postgres import Postgres
from redeemer.localserver.secret_store import SecretStore


def postgres_of(home: Home, store: SecretStore, say: Callable[[str], None]) -> Postgres:
    """The server of this installation, not yet started.

    Args:
        home: prepared.
        store: has its password, which is made up the first time.
        say: is told where the data are if they are not at home.

    Raises:
        CannotStartError: there is no user or no folder for it, or its data lie elsewhere.
    """
    postgres = Postgres(
        home.folder, port=ports.pick(), password=store.get_or_make("postgres_password")
    )
    _check_data_stayed(store, postgres.data)
    if postgres.account and postgres.place != home.folder:
        say(
            f"The database is in {postgres.data}: user {postgres.account.name} cannot reach {home.folder}."
        )
    return postgres


def _check_data_stayed(store: SecretStore, data: Path) -> None:
    """An empty database must not take the place of one that only lies elsewhere now."""
    before = store.get("postgres_data") or str(data)
    if before != str(data) and not _has_data(data) and _has_data(Path(before)):
        raise CannotStartError(
            f"This installation's database is in {before}, and would now be in {data}: move it there first."
        )
    store.keep("postgres_data", str(data))


def _has_data(folder: Path) -> bool:
    try:
        return (folder / "PG_VERSION").exists()
    except OSError:
        return False
