"""Shifts the clock of a Python process by CHAOS_CLOCK_SECONDS.

Python imports this module when it starts, if the module's folder is on PYTHONPATH. Only the current
time in the modules time and datetime is shifted. The clocks of PostgreSQL and the kernel stay
right, so a round passes only if the system relies on nothing but PostgreSQL's clock.
"""

import datetime
import os
import time

_SHIFT = float(os.environ.get("CHAOS_CLOCK_SECONDS", "0"))
_time, _time_ns, _datetime = time.time, time.time_ns, datetime.datetime


class _Meta(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _datetime)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _datetime)


class _Shifted(_datetime, metaclass=_Meta):
    @classmethod
    def now(cls, tz=None):  # type: ignore[no-untyped-def,override]
        return _datetime.now(tz) + datetime.timedelta(seconds=_SHIFT)

    @classmethod
    def utcnow(cls):  # type: ignore[no-untyped-def,override]
        return _datetime.now(datetime.UTC).replace(tzinfo=None) + datetime.timedelta(seconds=_SHIFT)


if _SHIFT:
    time.time = lambda: _time() + _SHIFT
    time.time_ns = lambda: _time_ns() + int(_SHIFT * 1_000_000_000)
    datetime.datetime = _Shifted  # type: ignore[misc]
