"""Fixtures for all tests."""

from __future__ import annotations

from tests.simulator.fixtures import make_simulator, simulator

__all__ = ["make_simulator", "simulator"]
