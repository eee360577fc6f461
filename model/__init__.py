"""A model of the run lock, in Promela (lock.pml). `make model` checks it with Spin (check.py)."""
