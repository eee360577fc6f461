"""Fixtures for all tests, and their order."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection

from tests.simulator.fixtures import make_simulator, simulator

__all__ = ["make_simulator", "simulator"]

#: The app asks the database alone for the time, by this name. A schema that is searched first has its own answer.
_STILL_CLOCK = """
CREATE SCHEMA still;
CREATE FUNCTION still.clock_timestamp() RETURNS timestamptz STABLE LANGUAGE sql AS $$ SELECT transaction_timestamp() $$;
SET LOCAL search_path = still, pg_catalog, public;
"""


@pytest.fixture
def still_clock(db: None) -> None:
    """The database's clock stands still, at the start of the test's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_STILL_CLOCK)


#: Their tests wait for processes, some for minutes. None of them uses the database of the other tests.
_LONGEST = {"system", "embedded", "chaos"}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: begun last, they would keep one process busy while the others have nothing left."""
    here = Path(__file__).parent
    items.sort(key=lambda item: item.path.relative_to(here).parts[0] not in _LONGEST)
