"""Measures the pages and the pace of a run while programs send requests to the API."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from benchmarks.bench_memory import Browser
from benchmarks.bench_pace import ideal_seconds, redeem, running_system
from benchmarks.conftest import report
from tests.browser.real_system import add_leader, serve
from tests.waiting import PATIENCE_SECONDS

MEMBERS, WINDOW = 100, 60.0
#: How many requests the programs send, and how many of them are under way at a time.
REQUESTS, AT_ONCE = 10_000, 4
#: What a program asks for, one after the other.
ADDRESSES = (
    "guilds",
    "guilds/{guild}/members",
    "guilds/{guild}/progress",
    "guilds/{guild}/coverage",
    "codes",
    "redemptions",
)
#: The pages that an administrator opens meanwhile, each with its limit in milliseconds, as in
#: `bench_admin`.
PAGES = {"/admin/": 500, "/admin/giftcodes/member/": 300, "/admin/giftcodes/redemption/": 300}
_TOKENS = """
from django.contrib.auth.models import User
from giftcodes.models import Guild, TokenScope
from giftcodes.services.api_tokens import MOST_TOKENS, make_token
leader, guild = User.objects.get(), Guild.objects.get()
print(guild.pk)
for number in range(MOST_TOKENS):
    print(make_token(leader, guild, name=f"{number}", scope=TokenScope.READ, ends_at=None))
"""


def bench_10_000_requests_beside_a_run(tmp_path: Path) -> None:
    """Programs of the guild send requests as fast as they are answered, with ten tokens."""
    name = f"{REQUESTS:,} requests to the API beside a run of {MEMBERS}"
    with running_system(tmp_path, {"Wolves": MEMBERS}, window=WINDOW) as running:
        add_leader(running)
        site = serve(running)
        guild, *tokens = running.manage("shell", "-v", "0", "-c", _TOKENS).stdout.split()
        addresses = [f"{site}/api/v1/{one.format(guild=guild)}" for one in ADDRESSES]
        browser = Browser(site)
        with ThreadPoolExecutor(AT_ONCE + 1) as pool:
            begun = time.monotonic()
            programs = [
                pool.submit(_send, addresses, tokens[number::AT_ONCE]) for number in range(AT_ONCE)
            ]
            looks = pool.submit(_look, browser, lambda: all(one.done() for one in programs))
            found = redeem(running)
            answers = sum((one.result() for one in programs), Counter[int]())
            seconds = time.monotonic() - begun
            pages = looks.result()
    assert answers.total() == REQUESTS
    assert set(answers) <= {200, 429}, answers
    report(f"{name}: answered", answers[200], unit="")
    report(f"{name}: refused by the limits of a guild (429)", answers[429], unit="")
    report(f"{name}: requests in a second", REQUESTS / seconds, unit="")
    for page, limit in PAGES.items():
        times = sorted(1_000 * seconds for seconds in pages[page])
        report(f"{name}: {page}, median", times[len(times) // 2], unit="ms", limit=limit)
        report(f"{name}: {page}, 95 of 100", times[int(0.95 * len(times))], unit="ms")
    ideal, _ = ideal_seconds(MEMBERS, window=WINDOW)
    report(
        f"{name}: from the first request to the last answer",
        found.seconds,
        unit="s",
        limit=1.05 * ideal,
    )
    report(f"{name}: refused by the game (429)", found.refused(), unit="", limit=0)


def _send(addresses: list[str], tokens: list[str]) -> Counter[int]:
    """Send the requests of one program, one after the other. Returns the number of each status."""
    answers: Counter[int] = Counter()
    with requests.Session() as session:
        for number in range(REQUESTS // AT_ONCE):
            answer = session.get(
                addresses[number % len(addresses)],
                headers={"Authorization": f"Bearer {tokens[number % len(tokens)]}"},
                timeout=PATIENCE_SECONDS,
            )
            answers[answer.status_code] += 1
    return answers


def _look(browser: Browser, is_over: Callable[[], bool]) -> dict[str, list[float]]:
    """Request the pages in turn, until the programs have ended. Returns the times in seconds."""
    times: dict[str, list[float]] = {page: [] for page in PAGES}
    while not is_over():
        for page, seen in times.items():
            begun = time.perf_counter()
            browser.look_at(page)
            seen.append(time.perf_counter() - begun)
        time.sleep(1)
    return times
