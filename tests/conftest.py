"""Fixtures for all tests, and the order of the tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from tests import databases
from tests.simulator.fixtures import make_simulator, simulator

__all__ = ["make_simulator", "simulator"]

#: The app gets the time only from the database's function clock_timestamp(). The function of the
#: same name in this schema is found first, and returns the transaction's start.
_STILL_CLOCK = """
CREATE SCHEMA still;
CREATE FUNCTION still.clock_timestamp() RETURNS timestamptz STABLE LANGUAGE sql
    AS $$ SELECT transaction_timestamp() $$;
SET LOCAL search_path = still, pg_catalog, public;
"""


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Give this process its own database, which ends together with the tests' server."""
    name = f"test_redeemer_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    databases.make(name)
    with django_db_blocker.unblock():
        connection.close()
        connection.settings_dict["NAME"] = name
    yield
    with django_db_blocker.unblock():
        connection.close()


@pytest.fixture(autouse=True)
def _settings_of_the_browser() -> Iterator[None]:
    """Start without settings from the browser, and do not read them again as time passes.

    A test that stores a setting calls `forget_stored_values`.
    """
    from giftcodes.models.stored_setting import forget_stored_values, keep_stored_values

    keep_stored_values({})
    yield
    forget_stored_values()


@pytest.fixture
def still_clock(db: None) -> None:
    """The database's clock stands still, at the start of the test's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_STILL_CLOCK)


#: The folders of tests with real systems, browsers or very many rows. Each test takes seconds, some
#: a minute. The folder with the longest tests is first.
_SLOW_FOLDERS = (
    "browser",
    "system",
    "security",
    "localserver",
    "backups",
    "chaos",
    "year",
    "properties",
    "scale",
)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """If slow tests are left out, do not even import them."""
    is_slow = (
        collection_path.parent == Path(__file__).parent and collection_path.name in _SLOW_FOLDERS
    )
    return True if is_slow and "not slow" in config.option.markexpr else None


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Mark the tests of the slow folders, and put them first.

    A long file that starts last would keep one process busy while the others have nothing to do.
    """
    folders = {item: item.path.relative_to(Path(__file__).parent).parts[0] for item in items}
    for item in items:
        if folders[item] in _SLOW_FOLDERS:
            item.add_marker(pytest.mark.slow)
    yield  # Here pytest chooses tests by their markers.
    order = {folder: place for place, folder in enumerate(_SLOW_FOLDERS)}
    items.sort(key=lambda item: order.get(folders[item], len(order)))
