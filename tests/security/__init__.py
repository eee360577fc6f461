"""Attacks against the running system, and what must come of each."""
