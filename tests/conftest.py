"""Fixtures for all tests, and their order."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulator.fixtures import make_simulator, simulator

__all__ = ["make_simulator", "simulator"]

#: Their tests wait for processes, some for minutes. None of them uses the database of the other tests.
_LONGEST = {"system", "localserver", "backups", "chaos"}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: begun last, they would keep one process busy while the others have nothing left."""
    here = Path(__file__).parent
    items.sort(key=lambda item: item.path.relative_to(here).parts[0] not in _LONGEST)
