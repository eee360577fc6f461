"""Browsers and tests that change this machine's network interfaces take turns.

Chromium ends every request with ERR_NETWORK_CHANGED when an interface comes or goes, and a page
whose script did not come reports errors. The tests of two hosts add interfaces and remove them,
perhaps in another process of the same test run.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Chromium waits up to two seconds before it acts on a change (its NetworkChangeNotifier).
_NOTICED_SECONDS = 3.0
_LOCK = Path(tempfile.gettempdir()) / f"redeemer-tests-network-{os.getuid()}.lock"


@contextmanager
def steady_network() -> Iterator[None]:
    """Wait until no test changes the network, and let none begin."""
    with _held(fcntl.LOCK_SH):
        yield


@contextmanager
def changing_network() -> Iterator[None]:
    """Wait until no browser runs, and let none begin until it would notice no change."""
    with _held(fcntl.LOCK_EX):
        try:
            yield
        finally:
            time.sleep(_NOTICED_SECONDS)


@contextmanager
def _held(kind: int) -> Iterator[None]:
    with _LOCK.open("ab") as lock:
        fcntl.flock(lock, kind)
        yield
