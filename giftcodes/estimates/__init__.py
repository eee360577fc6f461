"""Estimates of the end of each run. docs/explanation/design.md, “Estimates”, describes them.

pace             when the nth request from now is answered
forecast         finds the last request of each run, and from it the run's outlook
formatting       describes an outlook in words
queue_snapshot   reads the queues and the measured speed, and forecasts them
cost_preview     the cost of runs before they are started
dry_run          what a run would do, member by member
left_out         the members who would get no request, and why

The first three are pure. The others read the database with a fixed number of statements.
"""
