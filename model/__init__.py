"""A model of the lock in Promela (lock.pml), and `make model`, which checks it with Spin."""
