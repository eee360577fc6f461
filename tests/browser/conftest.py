"""A real Chromium, with a logged-in user. Without a Chromium these tests are skipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("playwright", reason="playwright is not installed")

from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from tests.clients.channels.standin import StandIn
from tests.clients.channels.standin import running as standin_running
from tests.steady_network import steady_network
from tests.waiting import PATIENCE_SECONDS

#: The browser sends requests only to the page's own server.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
#: Longer than a page needs on the slowest machine.
PATIENCE_MS = PATIENCE_SECONDS * 1_000
expect.set_options(timeout=PATIENCE_MS)
_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def chromium_path() -> str | None:
    """The Chromium to run: `CHROMIUM`, or the one on the path."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)


@pytest.fixture(autouse=True)
def _steady_network() -> Iterator[None]:
    with steady_network():
        yield


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = chromium_path()
    if path is None:
        pytest.skip(
            "No Chromium was found: install one, or name it with CHROMIUM=/path/to/chromium."
        )
    # Playwright runs an event loop in this thread, where Django would refuse to use the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A new window. It records script errors and violations of the content security policy."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    troubles = watch(page)
    yield page
    context.close()
    assert troubles == []


@pytest.fixture
def discord() -> Iterator[StandIn]:
    """A stand-in for Discord. It keeps the messages that it gets."""
    with standin_running() as standin:
        yield standin


def watch(page: Page) -> list[str]:
    """The errors on a page from now on, and the files that the network did not bring."""
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "requestfailed",
        lambda request: (
            troubles.append(f"{request.failure}: {request.url}") if _is_lost(request) else None
        ),
    )
    page.on(
        "console", lambda message: troubles.append(message.text) if _is_trouble(message) else None
    )
    return troubles


def _is_lost(request: Request) -> bool:
    # The browser aborts the requests of a page that it leaves.
    return request.resource_type in {"script", "stylesheet"} and (
        request.failure not in {"net::ERR_ABORTED", None}
    )


def _is_trouble(message: Any) -> bool:
    return message.type == "error" and "Failed to load resource" not in message.text


def log_in(context: BrowserContext, url: str, user: Any) -> None:
    """Give a browser the session of a user, without the login form."""
    client = Client()
    client.force_login(user)
    context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": url}]
    )
