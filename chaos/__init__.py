"""`make chaos` runs the whole system in real processes, injects faults, and checks the data.

Each round of a scenario publishes a code, injects faults at moments that the seed determines, waits
until the system has recovered without help, checks the data, and prints one line.
docs/how-to/run-the-tests.md explains how to run it, and docs/reference/faults-and-guards.md lists
the scenarios.
"""
