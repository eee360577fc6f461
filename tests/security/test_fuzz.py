"""Random and hostile requests for every address, as each kind of person.

No request causes a server error, or changes what the person may not change. No answer shows what
the person may not see.
`make attack` sends many more requests; `FUZZ_SEED` repeats the requests of a failure.
"""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from random import SystemRandom
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.urls import Resolver404, resolve

from tests.admin.conftest import TaskQueue, task_queue
from tests.security import world as worlds
from tests.security.attacks import Attack, Fields, Fuzzer, routes

__all__ = ["task_queue"]

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "500"))
#: The short run always sends the same requests. A long run sends different ones each time.
SEED = int(os.environ.get("FUZZ_SEED", "0")) or (
    SystemRandom().randrange(1, 10**9) if "FUZZ_REQUESTS" in os.environ else 1
)
#: What each kind of person must never read.
FORBIDDEN = {
    "anonymous": (worlds.MARKER, worlds.MARKED_DIGITS, worlds.SECRET, worlds.OWN_MARKER),
    "plain staff": (worlds.MARKER, worlds.MARKED_DIGITS, worlds.SECRET, worlds.OWN_MARKER),
    "officer": (worlds.MARKER, worlds.MARKED_DIGITS, worlds.SECRET),
    "viewer": (worlds.SECRET,),
    "administrator": (worlds.SECRET,),
}


@pytest.fixture
def world(db: None, settings: Any, task_queue: TaskQueue) -> Iterator[worlds.World]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    built = worlds.build()
    logging.disable(logging.CRITICAL)
    yield built
    logging.disable(logging.NOTSET)


def test_the_fuzz_knows_every_address(world: worlds.World) -> None:
    known = {route for route in routes() if "<" not in route and "(" not in route}
    assert len(known) > 60
    for route in known:
        try:
            resolve(route)
        except Resolver404:
            pytest.fail(f"{route} is no address")
    assert any("<path:object_id>" in route for route in routes())
    with_words = [route for route in routes() if "<slug:" in route]
    # In the admin, a slug is the name of a game. The other slugs are the keys of players' pages.
    players = {route.split("/")[1] for route in with_words if not route.startswith("/admin/")}
    assert players == set(world.keys)
    for first, keys in world.keys.items():
        for key in keys:
            assert world.clients["anonymous"].get(f"/{first}/{key}/").status_code == 200


def test_an_administrator_finds_the_forbidden_texts_on_the_pages(world: worlds.World) -> None:
    """If no page had these texts, the next test could not show that they are hidden from others."""
    client = world.clients["administrator"]
    lists = (
        "guild",
        "member",
        "giftcode",
        "redemption",
        "memberredemption",
        "redemptionevent",
        "alarm",
        "memberimport",
        "channel",
    )
    for name in lists:
        page = client.get(f"/admin/giftcodes/{name}/").content.decode()
        assert worlds.MARKER in page, name
    assert worlds.MARKED_DIGITS in client.get("/admin/giftcodes/member/").content.decode()


@pytest.mark.parametrize("role", FORBIDDEN)
@pytest.mark.slow
def test_no_request_causes_a_server_error_or_shows_or_changes_what_is_forbidden(
    world: worlds.World, role: str
) -> None:
    fuzzer = Fuzzer(SEED * 10 + list(FORBIDDEN).index(role), world.keys)
    client = world.clients[role]
    cookies = deepcopy(client.cookies)
    watched = {"officer": [world.other], "administrator": []}.get(role, [world.own, world.other])
    before = worlds.rows_of(watched)
    statuses: set[int] = set()
    problems: list[str] = []
    for number in range(REQUESTS // len(FORBIDDEN)):
        attack = fuzzer.attack()
        # Each request meets the same rows, so that a request can be repeated alone.
        with undone():
            status, shown = send(client, attack)
            after = before if attack.method == "GET" else worlds.rows_of(watched)
        client.cookies = deepcopy(cookies)
        cache.clear()
        statuses.add(status)
        found = [word for word in FORBIDDEN[role] if word in shown]
        found += [f"changed {name}" for name in before if after[name] != before[name]]
        is_health = status == 503 and attack.path.startswith("/healthz")
        if (status >= 500 and not is_health) or found:
            problems.append(f"{number}: {status} {found} {attack}\n{shown[-1_500:]}")
    listed = "\n\n".join(problems[:10])
    assert not problems, f"{len(problems)} problems as {role} with FUZZ_SEED={SEED}:\n{listed}"
    assert len(statuses) >= 2, statuses


@contextmanager
def undone() -> Iterator[None]:
    """A transaction that is rolled back. Durable transactions may begin in it, as in a test."""
    block = transaction.atomic()
    block._from_testcase = True
    with block:
        yield
        transaction.set_rollback(True)


def send(client: Client, attack: Attack) -> tuple[int, str]:
    """Returns the status and the text of the answer, or for a server error, its traceback."""
    options = dict(attack.options)
    if attack.fills_form:
        form = Fields(text(client.get(attack.path))).values
        merged = {**form, **options.pop("data")}
        options["data"] = {name: value for name, value in merged.items() if value is not None}
    elif isinstance(options.get("data"), dict):
        options["data"] = {
            name: value for name, value in options["data"].items() if value is not None
        }
    if isinstance(options.get("data"), dict):
        response = client.post(attack.path, **options)
    else:
        response = client.generic(attack.method, attack.path, **options)
    # A 503 without an exception is from /healthz, which says that beat does not tick.
    if response.status_code >= 500 and response.exc_info:
        return response.status_code, "".join(traceback.format_exception(*response.exc_info))
    return response.status_code, text(response)


def text(response: Any) -> str:
    """All that a person gets: the headers, the cookies and the content."""
    content = b"".join(response.streaming_content if response.streaming else [response.content])
    headers = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
    return f"{headers}\n{response.cookies.output()}\n{content.decode('utf-8', 'replace')}"
