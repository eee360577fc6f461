"""The simulator's control paths are closed to web pages and to other users of this computer."""

from __future__ import annotations

import http.client
import json
from contextlib import closing

import pytest

from simulator import Simulator
from tests.simulator.asking import SECONDS, control_headers

_READ = ["/_sim/ledger", "/_sim/world", "/_sim/players"]
_CHANGE = {"codes": {"TAKEN": {}}, "faults": [{"fault": "drop", "times": None}]}
_JSON = {"Content-Type": "application/json"}


def _ask(
    simulator: Simulator,
    method: str,
    path: str,
    *,
    host: str | None = None,
    body: str = json.dumps(_CHANGE),
    **headers: str,
) -> int:
    """The status of a request with exactly these headers."""
    address = simulator.url.removeprefix("http://")
    with closing(http.client.HTTPConnection(address, timeout=SECONDS)) as connection:
        connection.putrequest(method, path, skip_host=True)
        if host != "":
            connection.putheader("Host", host or address)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body) if method == "POST" else 0))
        connection.endheaders(body.encode() if method == "POST" else None)
        return connection.getresponse().status


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_form_or_text_of_a_web_page_changes_nothing(
    simulator: Simulator, content_type: str
) -> None:
    """A browser sends these to any site without asking that site."""
    before = simulator.world()
    headers = {"Origin": "https://elsewhere.example", "Content-Type": content_type}

    for path in ("/_sim/world", "/_sim/reset"):
        assert _ask(simulator, "POST", path, **headers) == 401
        # It is refused even if the page knows the token, for example from a log.
        assert _ask(simulator, "POST", path, **headers, **control_headers()) == 415

    assert simulator.world() == before


def test_a_web_page_may_not_send_json_or_the_token(simulator: Simulator) -> None:
    """A browser asks with OPTIONS whether a page may send JSON or the token."""
    for headers in ({}, control_headers()):
        assert _ask(simulator, "OPTIONS", "/_sim/world", body="", **headers) >= 400


@pytest.mark.parametrize("host", ["elsewhere.example", "127.0.0.1.elsewhere.example", "[::1", ""])
def test_a_request_with_a_foreign_host_name_is_refused(simulator: Simulator, host: str) -> None:
    before = simulator.world()

    for path in _READ:
        assert _ask(simulator, "GET", path, host=host, **control_headers()) == 403
    assert _ask(simulator, "POST", "/_sim/world", host=host, **control_headers(), **_JSON) == 403

    assert simulator.world() == before


@pytest.mark.parametrize(
    "host", ["localhost:1", "127.0.0.1", "[::1]:8099", "10.1.2.3", "LOCALHOST"]
)
def test_an_address_or_localhost_is_accepted(simulator: Simulator, host: str) -> None:
    assert _ask(simulator, "GET", "/_sim/world", host=host, **control_headers()) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer test-toke"},
        {"Authorization": "Bearer test-tokens"},
        {"Authorization": "Bearer \xe9"},
        {"Authorization": "Basic test-token"},
    ],
)
def test_without_the_token_nothing_is_read_or_changed(
    simulator: Simulator, headers: dict[str, str]
) -> None:
    before = simulator.world()

    assert {_ask(simulator, "GET", path, **headers) for path in _READ} == {401}
    assert _ask(simulator, "POST", "/_sim/world", **headers, **_JSON) == 401
    assert _ask(simulator, "POST", "/_sim/reset", **headers, **_JSON) == 401

    assert simulator.world() == before


def test_a_followed_redirect_is_recorded_even_if_the_request_has_no_token(
    simulator: Simulator,
) -> None:
    assert _ask(simulator, "GET", "/_sim/trap") == 200

    (violation,) = simulator.ledger()["violations"]
    assert violation["kind"] == "redirect followed"
