"""The configurations of docs/how-to/use-a-proxy.md, in real proxies in front of the real site.

The text of the page is used as it is; only addresses, ports and paths are replaced.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from redeemer.localserver.home import REPOSITORY
from redeemer.localserver.servers import pick_port
from tests.security.site import NAME, PASSWORD, Caller, SlowCrowd, answers, running_site
from tests.system.machinery import System
from tests.waiting import PATIENCE_SECONDS, wait_for

pytestmark = pytest.mark.system

PAGE = REPOSITORY / "docs" / "how-to" / "use-a-proxy.md"
PROGRAMS = ("nginx", "caddy")
_SECRET = "aSecretThatOnlyOnePersonMayKnow"
#: The main file of nginx, which includes the file from the page.
_NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
{user}
events {{ }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/redeemer.conf;
}}
"""


def configuration(language: str) -> str:
    """The block of the page in this language."""
    (block,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return str(block)


def replaced(text: str, **parts: tuple[str, str]) -> str:
    """The text with some parts replaced. Each old part must be in the text."""
    for old, new in parts.values():
        assert old in text, f"The page no longer contains {old!r}."
        text = text.replace(old, new)
    return text


def nginx(folder: Path, *, port: int, site: int) -> list[str]:
    """Write the configuration for nginx. Returns the command."""
    certificate = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subprocess.run(
        [*certificate, "-subj", f"/CN={NAME}", "-keyout", f"{folder}/key", "-out", f"{folder}/pem"],
        check=True,
        capture_output=True,
    )
    text = replaced(
        configuration("nginx"),
        port=("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        certificate=(f"/etc/ssl/{NAME}.pem", f"{folder}/pem"),
        key=(f"/etc/ssl/{NAME}.key", f"{folder}/key"),
        site=("127.0.0.1:8000", f"127.0.0.1:{site}"),
    )
    (folder / "redeemer.conf").write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, user=user))
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]


def caddy(folder: Path, *, port: int, site: int) -> list[str]:
    """Write the configuration for Caddy, with a certificate of its own. Returns the command."""
    here = "admin off\n    local_certs\n    skip_install_trust\n    default_bind 127.0.0.1"
    text = replaced(
        configuration("caddyfile"),
        port=(
            "{\n    servers {",
            f"{{\n    {here}\n    http_port {pick_port()}\n    https_port {port}\n    servers {{",
        ),
        site=("127.0.0.1:8000", f"127.0.0.1:{site}"),
    )
    (folder / "Caddyfile").write_text(text)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


COMMANDS: dict[str, Callable[..., list[str]]] = {"nginx": nginx, "caddy": caddy}


@dataclass(frozen=True, slots=True)
class Front:
    """A running proxy, and the site behind it."""

    port: int
    running: System
    #: The access log. Caddy has none, as it is configured on the page.
    access_log: Path

    def caller(self, source: str = "127.0.0.2") -> Caller:
        return Caller(self.port, source=source, is_tls=True)


@pytest.fixture(scope="module", params=PROGRAMS)
def front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    """One proxy for all tests. Logins use different addresses: failures block an address."""
    program, tmp_path = request.param, tmp_path_factory.mktemp(request.param)
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed: install the Debian package {program}.")
    origins = {"CSRF_TRUSTED_ORIGINS": f"https://{NAME}"}
    with running_site(tmp_path, HTTPS="1", **origins) as (running, site):
        port = pick_port()
        running.environment |= {"XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
        running.launch(program, COMMANDS[program](tmp_path, port=port, site=site))
        front = Front(port, running, tmp_path / "access.log")
        wait_for(lambda: _is_up(front), f"{program} to answer")
        yield front


def _is_up(front: Front) -> bool:
    try:
        return answers(front.port) and front.caller().ask("/healthz")[0] == 503
    except (OSError, IndexError):
        return False


def test_the_site_sees_the_client_s_address_and_no_header_of_the_client_changes_it(
    front: Front,
) -> None:
    attacker, owner = front.caller("127.0.0.2"), front.caller("127.0.0.3")
    statuses = [
        attacker.log_in("wrong", X_Forwarded_For=f"203.0.113.{number}") for number in range(5)
    ]
    assert statuses == [200, 200, 200, 200, 429]
    assert attacker.log_in(PASSWORD, X_Forwarded_For="127.0.0.3") == 429
    assert owner.log_in(PASSWORD, X_Forwarded_For="127.0.0.2") == 302
    assert owner.ask("/admin/")[0] == 200
    log = front.running.log("web")
    assert "ip=127.0.0.2" in log
    assert "203.0.113." not in log


def test_the_log_of_the_proxy_has_no_secret_of_a_link(front: Front) -> None:
    """Whoever reads the log could accept the invitation, or set the password."""
    if not front.access_log.exists():
        pytest.skip("Caddy has no access log unless someone configures one.")
    for path in ("join", "my", "invitation", "password-link"):
        front.caller().ask(f"/{path}/{_SECRET}/")
    front.caller().ask("/healthz?after")

    log = front.access_log.read_text(encoding="utf-8")
    assert "/healthz?after" in log
    assert _SECRET not in log


def test_static_files_arrive_whole(front: Front) -> None:
    file = REPOSITORY / "giftcodes" / "static" / "giftcodes" / "admin.css"

    assert front.caller().ask("/static/giftcodes/admin.css") == (200, file.read_bytes())


@pytest.mark.parametrize(
    ("path", "length"),
    [
        ("/admin/login/", 70_000),
        ("/admin/giftcodes/guild/add/", 4_100_000),
        ("/admin/import/", 16_100_000),
        ("/nonexistent", 200_000_000),
    ],
)
def test_a_body_that_is_too_large_is_refused(front: Front, path: str, length: int) -> None:
    """Unlike a browser, the client sends no body before it has the answer."""
    head = f"POST {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n"
    status, _page = front.caller().send(f"{head}Content-Length: {length}\r\n\r\n".encode())

    assert status == 413


def test_a_list_of_members_passes_the_proxy(front: Front) -> None:
    """The site gets the list, and sends the client, who is not logged in, to the login page."""
    form = {"listing": "x" * 900_000}

    assert front.caller().ask("/admin/import/", form=form)[0] in (302, 403)


def test_half_sent_requests_stop_no_other_client(front: Front) -> None:
    visitor = front.caller("127.0.0.9")
    with SlowCrowd(front.caller("127.0.0.8"), clients=50) as crowd:
        assert crowd.held
        for _ in range(3):
            assert visitor.ask("/healthz")[0] == 503
            assert visitor.log_in() == 302
        wait_for(lambda: crowd.repeats > 0, "a client to be cut off", seconds=2 * PATIENCE_SECONDS)
