"""Estimates of the end of each run. docs/explanation/design.md, “Estimates”, describes them.

pace             when the nth request from now is answered
forecast         which request is the last one of a run, and so the outlook of each run
formatting       describes an outlook in words
queue_snapshot   reads the queues and the measured speed, and forecasts them
cost_preview     the cost of runs before they are started
dry_run          what a run would do, member by member

The first three are pure. The others read the database with a fixed number of statements.
"""
