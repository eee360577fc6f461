"""No page needs a script or a style that the content security policy forbids."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse
from playwright.sync_api import Browser, Page

from tests.browser.conftest import log_in, watch
from tests.browser.world import build

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_page_of_the_admin_runs_under_the_policy(
    page: Page, live_server: Any, admin_user: Any
) -> None:
    """The fixture `page` fails the test on any script error and any violation of the policy."""
    build(user=admin_user, members=3, codes=2)
    log_in(page.context, live_server.url, admin_user)
    opened = 0
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        addresses = [reverse(f"{name}_changelist"), reverse(f"{name}_add")]
        if row := model._default_manager.first():
            addresses.append(reverse(f"{name}_change", args=[row.pk]))
        for address in addresses:
            response = page.goto(live_server.url + address)
            assert response is not None
            opened += response.status == 200
            assert response.status in (200, 403), address
    assert opened >= 40


@pytest.mark.parametrize("address", ["/admin/login/", "/my/x/"])
def test_the_policy_stops_a_script_in_a_page(
    chromium: Browser, live_server: Any, address: str
) -> None:
    """The policy stops a script that got into a page, and `watch` notices it."""
    page = chromium.new_page()
    troubles = watch(page)
    response = page.goto(live_server.url + address, wait_until="networkidle")
    assert response is not None
    assert "script-src" in response.headers["content-security-policy"], (
        response.status,
        response.text()[:500],
    )
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(script);
        }"""
    )
    assert page.evaluate("window.ran === undefined")
    assert len(troubles) == 1
    page.close()


def test_no_script_of_a_player_s_page_can_send_a_request(
    chromium: Browser, live_server: Any
) -> None:
    """The address of such a page is a secret, which a script could send away."""
    page = chromium.new_page()
    page.goto(f"{live_server.url}/my/x/", wait_until="networkidle")
    sent: list[str] = []
    page.on("requestfinished", lambda request: sent.append(request.url))
    assert page.evaluate("fetch('/healthz').catch((error) => String(error))") == (
        "TypeError: Failed to fetch"
    )
    page.evaluate("navigator.sendBeacon('/healthz')")
    page.wait_for_load_state("networkidle")
    assert sent == []
    page.close()
