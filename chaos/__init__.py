"""`make chaos`: the whole system as processes, killed, stopped, cut off and lied to, and audited afterwards.

Scenario -> rounds -> faults at moments that the seed chooses -> everything settles by itself -> checks -> one line.
docs/how-to/run-the-tests.md tells how to run it, and which guard each scenario watches.
"""
