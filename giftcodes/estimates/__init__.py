"""How long it takes: from the queue and the pace to a moment for each run. docs/explanation/design.md, “Estimates”.

pace: when the nth request from now is answered -> turns: which one is a run's last -> forecast: an outlook for each run
reading, preview: the rows that this is told from, by a fixed number of statements

The first three, and words, are pure: plain values in, plain values out.
"""
