"""Fixtures for all tests, and their order."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulator.fixtures import make_simulator, simulator

__all__ = ["make_simulator", "simulator"]

#: Tests that wait for processes, some for minutes. They do not use the database of the others.
_LONGEST = {"system", "localserver", "backups", "chaos"}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest files first. At the end, they would keep a single process busy."""
    here = Path(__file__).parent
    items.sort(key=lambda item: item.path.relative_to(here).parts[0] not in _LONGEST)
