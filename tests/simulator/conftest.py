"""The fixtures of the simulator's own tests."""

from tests.simulator.fixtures import make_simulator, simulator

__all__ = ["make_simulator", "simulator"]
