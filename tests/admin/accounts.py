"""Steps of people who get an account: make a link, open it, and fill in its form."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from giftcodes.models import Guild, Invitation

PASSWORD = "long-and-odd-9"
FORM = {"username": "bram", "password1": PASSWORD, "password2": PASSWORD}
_LINK = re.compile(r'value="https?://[^/"]+(/(?:invitation|password-link)/[^"]+)"')


def link_in(response: Any) -> str:
    """The path of the link that a page shows."""
    assert response.status_code == 200, response
    found = _LINK.search(response.content.decode())
    assert found, response.content.decode()[:2000]
    return found[1]


def invite(client: Client, *guilds: Guild, **fields: Any) -> str:
    """Invite somebody. Returns the path of the link."""
    data = {"guilds": [one.pk for one in guilds], "invited": "Bram", "days": "7", **fields}
    return link_in(client.post(reverse("admin:giftcodes_invitation_add"), data))


def open_link(link: str, client: Client | None = None) -> tuple[Client, Any]:
    """Open a link in a browser. Returns the browser, and the page that the link leads to."""
    browser = client or Client()
    return browser, browser.get(link, follow=True)


def accept(link: str, **fields: Any) -> tuple[Client, Any]:
    """Open an invitation in a new browser, and send its form."""
    browser, _page = open_link(link)
    return browser, browser.post(reverse("invitation"), {**FORM, **fields})


def newest() -> Invitation:
    return Invitation.objects.latest("pk")


def user(name: str = "bram") -> User:
    return User.objects.get(username=name)
