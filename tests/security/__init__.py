"""Attacks against parts of the running system, one file for each theme."""
