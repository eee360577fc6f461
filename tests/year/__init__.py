"""Months and years of codes, members and feeds, in which no member may miss a code."""
