"""Wrong logins are counted by address, pages run only our scripts, and Django's check passes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import structlog
from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt, AccessLog
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from django_structlog.middlewares import RequestMiddleware

from redeemer.localserver.servers import pick_port
from redeemer.logins import GUARDED_AFTER_FAILURES, is_guarded_against
from redeemer.security import client_address
from tests.admin.conftest import Browser
from tests.waiting import PATIENCE_SECONDS

LOGIN = "/admin/login/"


@pytest.fixture(autouse=True)
def _owner(django_user_model: Any) -> None:
    django_user_model.objects.create_superuser("owner", password="right-password")


def attempt(password: str = "wrong", username: str = "owner", **headers: str) -> Any:
    return Client().post(
        LOGIN, {"username": username, "password": password, "next": "/admin/"}, headers=headers
    )


# --- The words of a wrong login -------------------------------------------------------------------
def test_a_wrong_login_says_the_same_in_one_box_whether_or_not_the_account_exists(
    django_user_model: Any,
) -> None:
    django_user_model.objects.create_user("visitor", password="right-password")
    texts = []
    for username, password in (
        ("owner", "wrong"),
        ("nobody", "wrong"),
        ("visitor", "right-password"),
    ):
        page = attempt(password, username=username).content.decode()
        assert page.count("errornote") == 1
        assert "The username or the password is wrong." in page
        assert "staff" not in page
        texts.append(page.partition('role="alert"')[2].partition("</div>")[0])
    assert len(set(texts)) == 1


def test_a_login_leads_to_the_page_that_was_asked_for() -> None:
    client = Client()
    form = client.get("/admin/giftcodes/guild/", follow=True)
    assert "errornote" not in form.content.decode()
    address = f"{form.request['PATH_INFO']}?{form.request['QUERY_STRING']}"
    answer = client.post(address, {"username": "owner", "password": "right-password"})
    assert answer["Location"] == "/admin/giftcodes/guild/"


def test_a_person_who_may_not_open_the_admin_is_told_so(django_user_model: Any) -> None:
    client = Client()
    client.force_login(django_user_model.objects.create_user("visitor"))
    page = client.get(LOGIN).content.decode()
    assert "You are logged in as <strong>visitor</strong>" in page


# --- Lockout --------------------------------------------------------------------------------------
def test_after_five_wrong_logins_the_right_password_is_refused_and_the_page_says_until_when(
    db: None,
) -> None:
    assert [attempt().status_code for _ in range(5)] == [200, 200, 200, 200, 429]
    page = attempt("right-password")
    assert page.status_code == 429
    until = AccessAttempt.objects.latest("attempt_time").attempt_time + timedelta(minutes=15)
    assert f"until {until:%H:%M} UTC" in page.content.decode()


def test_the_time_on_the_page_does_not_move_during_further_attempts(db: None) -> None:
    for _ in range(5):
        attempt()
    before = AccessAttempt.objects.latest("attempt_time").attempt_time
    attempt(), attempt(username="other")
    assert AccessAttempt.objects.latest("attempt_time").attempt_time == before


def test_after_the_wait_the_address_may_log_in_again(db: None) -> None:
    for _ in range(5):
        attempt()
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert attempt("right-password").status_code == 302


def test_other_names_from_the_same_address_count_as_well(db: None) -> None:
    for number in range(5):
        attempt(username=f"guess{number}")
    assert attempt("right-password").status_code == 429


def test_the_owner_cannot_be_locked_out_from_another_address(db: None, settings: Any) -> None:
    settings.PROXIES = 1
    for _ in range(5):
        attempt(x_forwarded_for="203.0.113.9")
    assert attempt("right-password", x_forwarded_for="203.0.113.9").status_code == 429
    assert attempt("right-password", x_forwarded_for="198.51.100.7").status_code == 302


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "203.0.113.9", "192.0.2.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "10.0.0.1, 203.0.113.9", "203.0.113.9"),
        (2, "10.0.0.1, 203.0.113.9, 198.51.100.2", "203.0.113.9"),
        (2, "203.0.113.9", "192.0.2.1"),
        (1, "2001:db8::1", "2001:db8::1"),
        (1, "nonsense", "192.0.2.1"),
        (1, "", "192.0.2.1"),
        # Some proxies add the port.
        (1, "203.0.113.9:5678", "203.0.113.9"),
        (1, "10.0.0.1:1, 203.0.113.9:65535", "203.0.113.9"),
        (1, "[2001:db8::1]:443", "2001:db8::1"),
        (1, "[2001:db8::1]", "2001:db8::1"),
        (1, '"[2001:db8::1]:443"', "2001:db8::1"),
        (1, "2001:DB8:0:0::1", "2001:db8::1"),
        (1, "fe80::1%eth0", "fe80::1"),
        (1, "[fe80::1%25eth0]:443", "fe80::1"),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
        (1, "[::ffff:203.0.113.9]:80", "203.0.113.9"),
        (1, "unknown", "192.0.2.1"),
        (1, "_hidden:80", "192.0.2.1"),
        (1, "203.0.113.9:", "192.0.2.1"),
        (1, "203.0.113.9:80:80", "192.0.2.1"),
        (1, "203.0.113.999:80", "192.0.2.1"),
        (1, "[203.0.113.9", "192.0.2.1"),
        (1, "[]:80", "192.0.2.1"),
        (1, "%eth0", "192.0.2.1"),
        (1, "203.0.113.9, ", "192.0.2.1"),
        (1, "1" * 10_000, "192.0.2.1"),
    ],
)
def test_the_address_is_what_the_outermost_proxy_of_ours_saw(
    settings: Any, proxies: int, forwarded: str, address: str
) -> None:
    settings.PROXIES = proxies
    request = RequestFactory().get(
        "/", headers={"X-Forwarded-For": forwarded}, REMOTE_ADDR="192.0.2.1"
    )
    assert client_address(request) == address


@pytest.mark.parametrize("caller", ["localhost", "", "unix:", "nonsense"])
def test_a_caller_that_names_no_ip_address_has_no_address(caller: str) -> None:
    assert client_address(RequestFactory().get("/", REMOTE_ADDR=caller)) is None


def test_people_behind_a_proxy_that_writes_ports_are_not_locked_out_together(
    db: None, settings: Any
) -> None:
    settings.PROXIES = 1
    for port in range(5):
        attempt(x_forwarded_for=f"203.0.113.9:{1000 + port}")
    assert attempt("right-password", x_forwarded_for="203.0.113.9:2000").status_code == 429
    assert attempt("right-password", x_forwarded_for="198.51.100.7:2000").status_code == 302


def test_the_addresses_of_one_ipv6_customer_are_counted_together(db: None, settings: Any) -> None:
    settings.PROXIES = 1
    for number in range(5):
        attempt(x_forwarded_for=f"[2001:db8:1:2::{number}]:443")
    locked = attempt("right-password", x_forwarded_for="2001:db8:1:2:ffff::1")
    assert locked.status_code == 429
    until = AccessAttempt.objects.latest("attempt_time").attempt_time + timedelta(minutes=15)
    assert f"until {until:%H:%M} UTC" in locked.content.decode()
    assert attempt("right-password", x_forwarded_for="2001:db8:1:3::1").status_code == 302


def fail_from_many_networks(username: str = "owner") -> None:
    """Twenty failed logins for one account, each from another network."""
    for number in range(GUARDED_AFTER_FAILURES):
        assert attempt(username=username, x_forwarded_for=f"203.0.{number}.9").status_code == 200


def test_after_failures_from_many_networks_each_new_network_has_one_attempt(
    db: None, settings: Any
) -> None:
    settings.PROXIES = 1
    fail_from_many_networks()
    assert attempt(x_forwarded_for="198.51.100.7").status_code == 200
    for same_network in ("198.51.100.7", "198.51.100.200"):
        page = attempt("right-password", x_forwarded_for=same_network)
        assert page.status_code == 429
        assert "Too many logins for this account have failed" in page.content.decode()
    until = AccessAttempt.objects.latest("attempt_time").attempt_time + timedelta(minutes=15)
    assert f"Try again after {until:%H:%M} UTC" in page.content.decode()
    AccessAttempt.objects.filter(ip_address="198.51.100.7").update(
        attempt_time=timezone.now() - timedelta(minutes=16)
    )
    assert attempt("right-password", x_forwarded_for="198.51.100.7").status_code == 302


def test_the_addresses_of_an_ipv6_network_have_one_attempt_together(
    db: None, settings: Any
) -> None:
    settings.PROXIES = 1
    fail_from_many_networks()
    assert attempt(x_forwarded_for="2001:db8:1:2::1").status_code == 200
    assert attempt("right-password", x_forwarded_for="2001:db8:1:3::1").status_code == 429
    assert attempt("right-password", x_forwarded_for="2001:db8:2::1").status_code == 302


def test_what_others_try_never_locks_the_owner_of_an_account_out(db: None, settings: Any) -> None:
    settings.PROXIES = 1
    assert attempt("right-password", x_forwarded_for="198.51.100.7").status_code == 302
    fail_from_many_networks()
    for _ in range(4):
        assert attempt(x_forwarded_for="198.51.100.8").status_code == 200, "a known network"
    assert attempt("right-password", x_forwarded_for="198.51.100.8").status_code == 302
    assert attempt("right-password", x_forwarded_for="192.0.2.1").status_code == 302, (
        "a new network"
    )


def test_failures_for_one_account_do_not_slow_down_another(
    db: None, settings: Any, django_user_model: Any
) -> None:
    settings.PROXIES = 1
    django_user_model.objects.create_superuser("second", password="right-password")
    fail_from_many_networks()
    assert attempt(username="second", x_forwarded_for="198.51.100.7").status_code == 200
    last = attempt("right-password", username="second", x_forwarded_for="198.51.100.7")
    assert last.status_code == 302


def test_a_name_that_no_account_has_is_guarded_in_the_same_way(db: None, settings: Any) -> None:
    settings.PROXIES = 1
    fail_from_many_networks("nobody")
    assert attempt(username="nobody", x_forwarded_for="198.51.100.7").status_code == 200
    assert attempt(username="nobody", x_forwarded_for="198.51.100.7").status_code == 429


def test_a_site_without_addresses_guards_accounts_too(db: None) -> None:
    """A proxy on a Unix socket may send no address. Then all logins come from one network."""
    request = RequestFactory().get("/", REMOTE_ADDR="")
    AxesProxyHandler.update_request(request)
    AccessAttempt.objects.create(
        username="owner", ip_address="203.0.113.9", failures_since_start=GUARDED_AFTER_FAILURES
    )
    assert not is_guarded_against(request, "owner")
    AccessAttempt.objects.create(username="owner", ip_address=None, failures_since_start=1)
    assert is_guarded_against(request, "owner")


def test_a_user_name_that_is_longer_than_an_account_may_have_is_refused_by_the_form(
    db: None,
) -> None:
    for length in (151, 256, 5_000):
        page = attempt(username="x" * length)
        assert page.status_code == 200
        assert "at most 150 characters" in page.content.decode()
    assert not AccessAttempt.objects.exists()


def test_expired_attempts_can_be_removed(browser: Browser) -> None:
    old, new = (
        AccessAttempt.objects.create(username=name, ip_address="192.0.2.1", failures_since_start=1)
        for name in ("old", "new")
    )
    AccessAttempt.objects.filter(pk=old.pk).update(attempt_time=timezone.now() - timedelta(days=1))
    listing = reverse("admin:axes_accessattempt_changelist")
    action = {"action": "cleanup_expired_attempts", "_selected_action": new.pk, "index": 0}
    assert browser.client.post(listing, action).status_code == 302
    assert list(AccessAttempt.objects.all()) == [new]


def test_a_log_line_names_the_address_that_is_counted(settings: Any) -> None:
    heard: list[dict[str, Any]] = []

    def view(_request: Any) -> HttpResponse:
        heard.append(structlog.contextvars.get_contextvars())
        return HttpResponse()

    for proxies in (0, 1):
        settings.PROXIES = proxies
        RequestMiddleware(view)(
            RequestFactory().get(
                "/", headers={"X-Forwarded-For": "1.2.3.4, 203.0.113.9:80"}, REMOTE_ADDR="192.0.2.1"
            )
        )

    assert [line["ip"] for line in heard] == ["192.0.2.1", "203.0.113.9"]


def test_a_login_is_kept_in_the_history_and_cannot_be_removed(browser: Browser) -> None:
    attempt("right-password")
    row = AccessLog.objects.get(username="owner")
    assert (
        "owner" in browser.client.get(reverse("admin:axes_accesslog_changelist")).content.decode()
    )
    assert (
        browser.client.get(reverse("admin:axes_accesslog_change", args=[row.pk])).status_code == 200
    )
    assert (
        browser.client.post(
            reverse("admin:axes_accesslog_delete", args=[row.pk]), {"post": "yes"}
        ).status_code
        == 403
    )


def test_the_list_of_failed_logins_opens_and_holds_no_password(browser: Browser) -> None:
    attempt("my-secret-password")
    row = AccessAttempt.objects.get()
    assert browser.client.get(reverse("admin:axes_accessattempt_changelist")).status_code == 200
    page = browser.client.get(
        reverse("admin:axes_accessattempt_change", args=[row.pk])
    ).content.decode()
    assert "owner" in page
    assert "my-secret-password" not in page


# --- Content security policy ----------------------------------------------------------------------
def test_every_page_says_that_only_our_own_scripts_run(browser: Browser) -> None:
    for page in (browser.client.get("/admin/"), Client().get(LOGIN), Client().get("/healthz")):
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self' 'unsafe-eval'" in policy
        assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
        assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    "page",
    ["/admin/", "/admin/password_change/", "/admin/giftcodes/guild/add/", "/admin/auth/user/"],
)
def test_no_page_holds_an_inline_script(browser: Browser, page: str) -> None:
    content = browser.client.get(page).content.decode()
    scripts = [part.split(">")[0] for part in content.split("<script")[1:]]
    assert scripts
    assert all("src=" in script or 'type="application/json"' in script for script in scripts), (
        scripts
    )
    assert " onclick=" not in content


# --- Production -----------------------------------------------------------------------------------
@pytest.mark.slow
def test_production_settings_pass_the_check_for_deployment() -> None:
    environment = {
        **os.environ,
        "HTTPS": "1",
        "SECRET_KEY": "a-long-random-key-" * 4,
        "ALLOWED_HOSTS": "redeemer.example",
    }
    # The browser tests set this variable for their own process.
    environment.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "is_secure"),
    [
        ({}, False),
        ({"ALLOWED_HOSTS": "redeemer.example"}, True),
        ({"ALLOWED_HOSTS": "redeemer.example", "SECURE_COOKIES": "0"}, False),
        ({"HTTPS": "1"}, True),
    ],
)
def test_cookies_are_secure_wherever_others_can_reach_the_site(
    environment: dict[str, str], is_secure: bool
) -> None:
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in ("ALLOWED_HOSTS", "HTTPS", "DEBUG")
    }
    script = (
        "from redeemer import settings as s; print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.stdout.split() == [str(is_secure)] * 2, done.stderr


def test_the_page_for_a_missing_cookie_says_what_to_set(db: None, settings: Any) -> None:
    settings.CSRF_COOKIE_SECURE = True
    client = Client(enforce_csrf_checks=True)
    answer = client.post(LOGIN, {"username": "owner", "password": "right-password"})
    assert answer.status_code == 403
    assert "SECURE_COOKIES=0" in answer.content.decode()
    settings.CSRF_COOKIE_SECURE = False
    assert "SECURE_COOKIES" not in client.post(LOGIN, {"username": "owner"}).content.decode()


def test_requests_of_monitors_are_not_redirected_to_https(db: None, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert Client().get("/healthz").status_code in (200, 503)
    assert Client().get(LOGIN).status_code == 301


# --- Requests that are too large ------------------------------------------------------------------
@pytest.mark.parametrize(
    "page", ["admin:giftcodes_guild_add", "admin:member_import", "admin:player", "admin:login"]
)
@pytest.mark.parametrize("kind", ["text", "values"])
def test_the_answer_to_a_form_with_too_much_data_says_what_to_do(
    browser: Browser, page: str, kind: str
) -> None:
    browser.client.handler.enforce_csrf_checks = True
    browser.client.get(reverse("admin:giftcodes_guild_add"))  # Sets the CSRF cookie.
    data: dict[str, Any] = (
        {"notes": "雪" * 900_000} if kind == "text" else {"pair": [str(n) for n in range(1_001)]}
    )

    response = browser.client.post(reverse(page), data)

    assert response.status_code == 413
    assert "Nothing was changed" in response.content.decode()
    assert "split a long list and import its parts" in response.content.decode()


@pytest.fixture
def site() -> Iterator[int]:
    """The port of a web server as `make up` starts it. The pages here need no database."""
    nowhere = {
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
        "SECRET_KEY": "only-for-tests-" * 4,
    }
    port = pick_port()
    command = [sys.executable, "-m", "redeemer.serving", "--bind", f"127.0.0.1:{port}"]
    server = subprocess.Popen(command, env={**os.environ, **nowhere}, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS),
        ):
            break
        time.sleep(0.1)
    yield port
    server.terminate()
    server.wait(timeout=PATIENCE_SECONDS)


@pytest.mark.slow
def test_the_answer_reaches_a_browser_that_is_still_sending(site: int) -> None:
    body = b"notes=" + b"x" * 12_000_000
    head = (
        "POST /admin/import/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Cookie: csrftoken={'a' * 32}; sessionid=x\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", site), timeout=PATIENCE_SECONDS) as browser:
        browser.sendall(head.encode() + body)
        answer = browser.makefile("rb").read()

    assert b" 413 " in answer.splitlines()[0]
    assert b"Nothing was changed" in answer


@pytest.mark.parametrize("chosen", ["x", "", "1.5", "9" * 400, "1,2"])
@pytest.mark.parametrize("page", ["giftcodes_member", "axes_accessattempt"])
def test_an_action_on_an_id_that_no_row_can_have_is_a_bad_request(
    browser: Browser, page: str, chosen: str
) -> None:
    listing = reverse(f"admin:{page}_changelist")
    data = {"action": "cleanup_expired_attempts", "_selected_action": chosen, "index": 0}
    assert browser.client.post(listing, data).status_code == 400


@pytest.mark.parametrize("guild", ["x", "-1", "9" * 400, "1,2"])
def test_a_form_for_an_impossible_guild_opens_and_is_refused_when_it_is_sent(
    browser: Browser, guild: str
) -> None:
    for page in ("member", "channel"):
        address = reverse(f"admin:giftcodes_{page}_add")
        assert browser.client.get(address, {"guild": guild}).status_code == 200
        response = browser.client.post(address, {"guild": guild, "player_id": "1"})
        assert response.status_code == 200
        assert response.context["errors"]
    address = reverse("admin:giftcodes_guild_add")
    assert browser.client.get(address, {"officers": guild}).status_code == 200
    assert browser.client.post(address, {"officers": guild}).context["errors"]


def test_a_bad_request_that_is_not_too_large_is_answered_as_usual(browser: Browser) -> None:
    response = browser.client.get("/admin/", headers={"host": "evil.example"})
    assert response.status_code == 400
    assert "Nothing was changed" not in response.content.decode()


@pytest.mark.slow
def test_a_path_with_a_line_break_forges_no_line_of_the_web_server() -> None:
    script = (
        "import django; django.setup(); import logging; "
        "logging.getLogger('waitress').error('Exception while serving %s', '/x\\n2026 [info] "
        "forged \\x1b[31m')"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "redeemer.settings"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert len(done.stderr.splitlines()) == 1
    assert "\x1b" not in done.stderr
    assert "Exception while serving /x" in done.stderr
