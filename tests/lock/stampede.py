"""A process of callers that start one redemption at the same moment. Run by tests and by the benchmark.

Usage: python -m tests.lock.stampede GUILD_ID CODE_ID CALLERS

Each caller opens its connection first and says so; at a line on standard input all of them call. Each result is
printed as `kind milliseconds`.
"""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import django


def main(guild_id: int, gift_code_id: int, callers: int) -> None:
    django.setup()
    import logging

    from django.db import connection

    from giftcodes.flow.start import start
    from giftcodes.models import Redemption, Trigger

    logging.disable(logging.CRITICAL)
    ready = threading.Barrier(callers + 1)

    def call() -> str:
        Redemption.objects.exists()
        ready.wait()
        ready.wait()
        begun = time.perf_counter()
        result = start(guild_id=guild_id, gift_code_id=gift_code_id, trigger=Trigger.ADMIN)
        took = (time.perf_counter() - begun) * 1_000
        connection.close()
        return f"{result.kind} {took:.2f}"

    with ThreadPoolExecutor(callers) as pool:
        calls = [pool.submit(call) for _ in range(callers)]
        ready.wait()
        print("ready", flush=True)
        sys.stdin.readline()
        ready.wait()
        for done in calls:
            print(done.result(), flush=True)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:4]))
