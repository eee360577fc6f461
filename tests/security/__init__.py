"""Attacks on the running system, and on its pages."""
