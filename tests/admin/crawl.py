"""All addresses of the admin, from the registered models, so that new pages are included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Model
from django.urls import reverse

from giftcodes.admin_menu import MENU
from giftcodes.models import GiftCode, Guild, Member, Redemption

#: Pages of a row that the admin class of its model does not list.
_MORE_PAGES: dict[type[Model], str] = {Guild: "joining", Member: "personal_link"}
#: The address of the parts of a row's page that update.
_LIVE: dict[type[Model], str] = {
    Guild: "live_channels",
    GiftCode: "live_code",
    Redemption: "live_redemption",
}


def lists() -> Iterator[str]:
    """The pages of a model that belong to no row: the list, the form for adding, and others."""
    for model, page in admin.site._registry.items():
        for pattern in page.get_urls():
            if pattern.name and not pattern.pattern.converters:
                yield reverse(f"admin:{pattern.name}")
        # The list with a query that a person may have typed into the address.
        yield reverse(
            f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist",
            query={"all": "", "q": "2"},
        )
    hubs = [name for entry in MENU if entry.hub for name in (entry.hub, f"live_{entry.hub}")]
    pages = (
        "index",
        "live",
        "live_codes",
        "live_chart",
        "matrix",
        "matrix_export",
        "member_import",
    )
    for name in (
        *pages,
        "player",
        "officer_rules",
        "connect_game",
        "discord_bot",
        "api_tokens",
        *hubs,
    ):
        yield reverse(f"admin:{name}")
    for game in settings.PROVIDERS:
        for name in ("connect_one_game", "live_connection"):
            yield reverse(f"admin:{name}", args=[game])
    for app in {model._meta.app_label for model in admin.site._registry}:
        yield reverse("admin:app_list", args=[app])
    for term in ("guild", "2", "nick"):
        yield reverse("admin:search", query={"s": term})


def autocompletes() -> Iterator[str]:
    """The address of the autocomplete of each field that refers to another model."""
    for model in admin.site._registry:
        for field in model._meta.get_fields():
            if getattr(field, "remote_field", None) and not field.auto_created:
                query = {
                    "app_label": model._meta.app_label,
                    "model_name": model._meta.model_name,
                    "term": "",
                }
                yield reverse("admin:autocomplete", query={**query, "field_name": field.name})


def pages_of(row: Model) -> Iterator[str]:
    """The pages of one row: change, history, delete and others."""
    page = admin.site._registry[type(row)]
    for pattern in page.get_urls():
        names = list(pattern.pattern.converters)
        if pattern.name and names:
            values = {name: row.pk if name in ("object_id", "id") else 1 for name in names}
            yield reverse(f"admin:{pattern.name}", kwargs=values)
    for model, name in _LIVE.items():
        if isinstance(row, model):
            yield reverse(f"admin:{name}", args=[row.pk])
    if type(row) in _MORE_PAGES:
        yield reverse(f"admin:{_MORE_PAGES[type(row)]}", args=[row.pk])


def pages_of_players(members: Iterable[Any]) -> Iterator[str]:
    """The page of each member's player, and the address of its parts that update."""
    for member in members:
        for name in ("player_codes", "live_player"):
            yield reverse(f"admin:{name}", args=[member.pk])


def rows() -> Iterator[Model]:
    """Every row that has a page."""
    for model in admin.site._registry:
        yield from model._default_manager.all()


def content(client: Any, address: str) -> str:
    """The content at an address, or an empty text if there is no page."""
    response = client.get(address)
    assert response.status_code in (200, 302, 403, 404), (address, response.status_code)
    if response.status_code != 200:
        return ""
    return b"".join(
        response.streaming_content if response.streaming else [response.content]
    ).decode()


def read(client: Any, addresses: Iterable[str]) -> dict[str, str]:
    """The content at each address."""
    return {address: content(client, address) for address in addresses}


def leaks(pages: dict[str, str], words: Iterable[str]) -> list[tuple[str, str]]:
    """The pages that show one of these words, each with the word."""
    return [(address, word) for word in words for address, shown in pages.items() if word in shown]
