"""A model of the lock, in Promela (lock.pml). `make model` checks it with Spin (check.py)."""
