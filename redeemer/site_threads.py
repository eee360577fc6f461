"""The threads of the site's process.

This module imports nothing, because the settings need these numbers in all processes, and the web
server would take memory in them.
"""

from __future__ import annotations

#: The number of threads that answer requests.
THREADS = 8
#: The number of threads that serve only one path, by the path. They let the health check, the
#: metrics and the login answer while slow pages occupy all other threads.
OWN_THREADS = {"/healthz": 1, "/metrics": 1, "/admin/login/": 2}
#: The thread that checks whether beat ticks (redeemer.serving), and the one that reads the metrics
#: (redeemer.metrics).
_OTHER_THREADS = 2
#: The number of threads that may each use a connection to the database at the same time.
THREADS_WITH_DATABASE = THREADS + sum(OWN_THREADS.values()) + _OTHER_THREADS
