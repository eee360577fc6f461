"""No secret is shown in full on any page, and none is exported."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.urls import reverse

from giftcodes.models import Channel, Guild, Redemption
from giftcodes.models.games import games
from giftcodes.models.stored_setting import forget_stored_values, store
from tests.admin import crawl, past
from tests.admin.conftest import Browser

_SITE = "KeyOfTheSite-0123456789-0123456789"
SECRETS = (
    "SaltOfTheGame",
    "KeyOfTheFeed",
    "OperatorsToken",
    "KeyOfTheDirectory",
    "SaltOfTheBrowser",
    "KeyOfTheBrowser",
    _SITE,
    past.SECRET,
)


@pytest.fixture
def _secret(settings: Any) -> None:
    settings.PROVIDERS = {
        name: replace(
            config,
            salt="SaltOfTheGame",
            feed_url="http://127.0.0.1:9/codes",
            feed_key="KeyOfTheFeed",
            directory_url="http://127.0.0.1:9/players/{id}",
            directory_key="KeyOfTheDirectory",
        )
        for name, config in settings.PROVIDERS.items()
    }
    other = replace(settings.PROVIDERS["kingshot"], salt="", feed_url="", feed_key="")
    settings.PROVIDERS = {**settings.PROVIDERS, "kingshot": other}
    settings.OPERATOR_CHANNEL = "https://discord.com/api/webhooks/1/OperatorsToken"
    settings.SECRET_KEY = "KeyOfTheSite-0123456789-0123456789"


@pytest.mark.slow
@pytest.mark.usefixtures("_secret")
def test_no_page_and_no_export_holds_a_secret(browser: Browser, admin_user: User) -> None:
    past.live(1)
    store(
        {
            "KINGSHOT_SALT": "SaltOfTheBrowser",
            "KINGSHOT_FEED_KEY": "KeyOfTheBrowser",
            "KINGSHOT_FEED_URL": "http://feed.invalid/KeyOfTheBrowser",
        },
        user_id=admin_user.pk,
    )
    forget_stored_values()
    messages = browser.press("poll_now", *_feed(browser))
    channel = Channel.objects.get()
    browser.save(
        "channel_change", channel.pk, address=f"https://discord.com/api/webhooks/2/{past.SECRET}"
    )
    channel.refresh_from_db()
    assert channel.address.endswith(f"/2/{past.SECRET}")

    pages = crawl.read(
        browser.client,
        [
            *crawl.lists(),
            *crawl.autocompletes(),
            *(page for row in crawl.rows() for page in crawl.pages_of(row)),
            *(reverse("admin:live_redemption", args=[row.pk]) for row in Redemption.objects.all()),
            reverse("admin:matrix_export", query={"guild": Guild.objects.get().pk}),
        ],
    )
    for command in (
        ["status"],
        ["status", "--json"],
        ["export_history"],
        ["export_history", "--format", "jsonl"],
    ):
        out = io.StringIO()
        call_command(*command, stdout=out, stderr=out)
        pages[" ".join(command)] = out.getvalue()
    pages["messages"] = str(messages)

    assert games()["kingshot"].is_on
    assert sum(bool(shown) for shown in pages.values()) > 100
    assert crawl.leaks(pages, (*SECRETS, admin_user.password)) == []


def _feed(browser: Browser) -> list[Any]:
    """The feed. Its address does not answer, so the pages show its error."""
    from giftcodes.models import Feed

    browser.open("feed_changelist")
    return list(Feed.objects.filter(provider="simulator"))
