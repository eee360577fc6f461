"""Months and years in fast motion: codes, members and feeds come and go, and in the end nobody was forgotten."""
