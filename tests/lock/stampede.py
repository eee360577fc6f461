"""A process whose callers all start one redemption at the same moment.

Tests and the benchmark run it.

Usage: python -m tests.lock.stampede GUILD_ID CODE_ID WARM_UP_CODE_ID CALLERS LOCK_TIMEOUT_MS

When each caller has used its connection for the warm-up code, `ready` is printed. After a line on
standard input, all callers start the redemption; `answered` is printed after the last result. The
connections stay open until the next line, because the end of one process would slow other processes
down. Then each result is printed as `kind milliseconds`.
"""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import django


def main(
    guild_id: int, gift_code_id: int, warm_up_code_id: int, callers: int, lock_timeout_ms: int
) -> None:
    django.setup()
    from django.db import connection

    from giftcodes.models import Trigger
    from giftcodes.pipeline import start_or_refuse as step

    step.LOCK_TIMEOUT_MS = lock_timeout_ms
    start = step.start
    meeting = threading.Barrier(callers + 1)

    def call() -> str:
        for _ in range(2):
            start(guild_id=guild_id, gift_code_id=warm_up_code_id, trigger=Trigger.ADMIN)
        meeting.wait()
        meeting.wait()
        begun = time.perf_counter()
        result = start(guild_id=guild_id, gift_code_id=gift_code_id, trigger=Trigger.ADMIN)
        took = (time.perf_counter() - begun) * 1_000
        meeting.wait()
        meeting.wait()
        connection.close()
        return f"{result.kind} {took:.2f}"

    with ThreadPoolExecutor(callers) as pool:
        calls = [pool.submit(call) for _ in range(callers)]
        meeting.wait()
        print("ready", flush=True)
        sys.stdin.readline()
        meeting.wait()
        meeting.wait()
        print("answered", flush=True)
        sys.stdin.readline()
        meeting.wait()
        for done in calls:
            print(done.result(), flush=True)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:6]))
