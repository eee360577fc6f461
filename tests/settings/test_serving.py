"""The web server with a small application: what a client may do, and how misuse is answered."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from redeemer.body_limits import MAX_BYTES_OF_ALL
from redeemer.localserver.home import REPOSITORY
from redeemer.localserver.servers import pick_port
from redeemer.serving import MAX_HEADER_BYTES
from redeemer.site_threads import OWN_THREADS, THREADS
from tests.waiting import PATIENCE_SECONDS, wait_for

pytestmark = pytest.mark.slow

_PROGRAM = """
import sys, time
from redeemer import body_limits, serving
from redeemer.client_address import was_passed_on

serving.UNREAD_SECONDS = 2.0
if "crowded" in sys.argv:
    serving._MAX_CONNECTIONS, serving.REQUEST_SECONDS = 20, 3600.0
if "small" in sys.argv:
    body_limits.MAX_BYTES_OF_ALL, body_limits.MAX_BYTES_OF_CLIENT = 2_000_000, 1_000_000

def application(environ, start_response):
    path = environ["PATH_INFO"]
    body = environ["wsgi.input"].read()
    if path == "/slow":
        sys.stderr.write("begun\\n")
        sys.stderr.flush()
        time.sleep(2)
    if path == "/endless":
        sys.stderr.write("begun\\n")
        sys.stderr.flush()
        time.sleep(3600)
    if path == "/large":
        sys.stderr.write("begun\\n")
        sys.stderr.flush()
        start_response("200 OK", [("Content-Length", "40000000")])
        return (b"x" * 1_000_000 for _ in range(40))
    answer = {
        "/script": (environ["SCRIPT_NAME"] + "|" + path).encode(),
        "/forwarded": environ.get("HTTP_X_FORWARDED_FOR", "nothing").encode(),
        "/passed-on": str(was_passed_on(environ)).encode(),
        "/admin/import/": str(len(body)).encode(),
    }.get(path, b"hello")
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]

trusts = "trust" in sys.argv
listener = serving.listen(sys.argv[1])
sys.stderr.write("listening\\n")
sys.stderr.flush()
rules = body_limits.BodyRules(proxies=1 if trusts else 0)
serving.serve(listener, application, trusts_proxies=trusts, body_rules=rules)
"""


class Site:
    """A server process on its own port."""

    def __init__(self, log: Path, *arguments: str, bind: str = "") -> None:
        self.port = pick_port()
        self._log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, bind or f"127.0.0.1:{self.port}", *arguments],
                cwd=REPOSITORY,
                stdout=output,
                stderr=output,
            )
        wait_for(lambda: "listening" in self.said, "the server to listen")

    @property
    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection(
            ("127.0.0.1", self.port), timeout=PATIENCE_SECONDS, source_address=(source, 0)
        )

    def ask(
        self, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        ) as connection:
            connection.request(method, path, body=body, headers=named)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """A function that starts servers, which are ended after the test."""
    started: list[Site] = []

    def begin(*arguments: str, bind: str = "") -> Site:
        started.append(Site(tmp_path / f"{len(started)}.log", *arguments, bind=bind))
        return started[-1]

    yield begin
    for site in started:
        site.end()


@pytest.fixture
def site(start: Callable[..., Site]) -> Site:
    return start()


def raw(site: Site, request: bytes) -> bytes:
    """The whole response to exactly these bytes."""
    with site.connect() as connection:
        connection.sendall(request)
        found = b""
        while part := connection.recv(65_536):
            found += part
    return found


def test_a_running_request_is_answered_after_sigterm_and_then_the_server_ends_with_status_0(
    site: Site,
) -> None:
    with site.connect() as connection:
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_for(lambda: "begun" in site.said, "the request to begin")
        site.process.send_signal(signal.SIGTERM)
        answer = connection.recv(65_536)
        while b"hello" not in answer and (part := connection.recv(65_536)):
            answer += part

    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"hello")
    assert site.process.wait(PATIENCE_SECONDS) == 0


def test_an_incomplete_request_does_not_delay_the_end_of_the_server(site: Site) -> None:
    with site.connect() as connection:
        connection.sendall(b"GET / HTT")
        assert site.ask("/")[0] == 200
        site.process.send_signal(signal.SIGTERM)

        assert site.process.wait(PATIENCE_SECONDS) == 0


def test_clients_that_do_not_read_their_responses_are_disconnected_and_others_are_served(
    site: Site,
) -> None:
    """A response is larger than the server's buffer for a client, so its thread must wait."""
    unread = [site.connect() for _ in range(THREADS)]
    for connection in unread:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    wait_for(lambda: site.said.count("begun") == THREADS, "all threads to be at work")

    assert site.ask("/") == (200, b"hello")

    for connection in unread:
        connection.close()


@pytest.mark.parametrize("path", OWN_THREADS)
def test_the_health_check_and_the_login_answer_while_slow_pages_occupy_all_threads(
    site: Site, path: str
) -> None:
    slow = [site.connect() for _ in range(2 * THREADS)]
    for connection in slow:
        connection.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
    wait_for(lambda: site.said.count("begun") == THREADS, "all threads to be at work")

    assert site.ask(path) == (200, b"hello")

    for connection in slow:
        connection.close()


def test_when_all_connections_are_used_those_with_incomplete_requests_are_closed(
    start: Callable[..., Site],
) -> None:
    site = start("crowded")
    half_sent = [site.connect() for _ in range(40)]
    for connection in half_sent:
        connection.sendall(b"GET / HTT")

    assert site.ask("/") == (200, b"hello")

    for connection in half_sent:
        connection.close()


def test_a_connection_serves_one_request_after_the_other(site: Site) -> None:
    with closing(
        http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE_SECONDS)
    ) as connection:
        for _ in range(3):
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"hello"


@pytest.mark.parametrize("name", [b"SCRIPT_NAME", b"Script-Name", b"PATH_INFO", b"Path-Info"])
def test_no_header_moves_the_site_to_another_path(site: Site, name: bytes) -> None:
    answer = raw(site, b"GET /script HTTP/1.0\r\nHost: x\r\n" + name + b": /x\r\n\r\n")

    assert answer.endswith(b"\r\n\r\n|/script")


def test_forwarded_addresses_do_not_reach_the_application_without_our_own_proxies(
    site: Site,
) -> None:
    assert site.ask("/forwarded", X_Forwarded_For="203.0.113.9") == (200, b"nothing")
    assert site.ask("/passed-on", X_Forwarded_For="203.0.113.9") == (200, b"True")
    assert site.ask("/passed-on") == (200, b"False")


def test_forwarded_addresses_reach_the_application_with_our_own_proxies(
    start: Callable[..., Site],
) -> None:
    assert start("trust").ask("/forwarded", X_Forwarded_For="203.0.113.9") == (
        200,
        b"203.0.113.9",
    )


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/nonexistent", 65_536),
        ("/healthz", 65_536),
        ("/admin", 65_536),
        ("/admin/login/", 65_536),
        ("/admin/login/?next=/admin/import/", 65_536),
        ("/admin/giftcodes/guild/add/", 4_000_000),
        ("/admin/import/?guild=1", 16_000_000),
        ("/%61dmin/import/", 16_000_000),
        ("//admin/import/", 65_536),
    ],
)
def test_a_body_that_is_too_large_is_refused_before_it_is_read(
    site: Site, path: str, most: int
) -> None:
    """The client sends no byte of the body before the server asks for the body with status 100."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n"
        "Cookie: other=1; sessionid=x\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: "
    )

    for length in (most + 1, 200_000_000, 10**30):
        assert raw(site, f"{head}{length}\r\n\r\n".encode()).startswith(b"HTTP/1.1 413 ")
    with site.connect() as connection:
        connection.sendall(f"{head}{most}\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")


@pytest.mark.parametrize("path", ["/nonexistent", "/admin/login/", "/admin/import/"])
def test_a_body_without_a_length_is_refused(site: Site, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

    assert raw(site, head.encode()).startswith(b"HTTP/1.1 411 ")
    assert site.ask("/") == (200, b"hello")


_LIST = "POST /admin/import/ HTTP/1.1\r\nHost: x\r\nCookie: sessionid=x\r\n"


def a_list(length: int, *more: str) -> bytes:
    """The header of a request with a list of this length."""
    lines = "".join(f"{line}\r\n" for line in more)
    return f"{_LIST}Content-Length: {length}\r\n{lines}\r\n".encode()


def sent(site: Site, byte_count: int, *more: str, source: str = "127.0.0.1") -> socket.socket:
    """A connection that has sent this many bytes of a list that is somewhat longer."""
    connection = site.connect(source)
    connection.sendall(a_list(byte_count + 1_000, *more, "Expect: 100-continue"))
    assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
    connection.sendall(b"x" * byte_count)
    return connection


def refusal(site: Site, request: bytes, source: str = "127.0.0.1") -> bytes:
    """The response to the header of a request. The client waits for it, and sends no body."""
    with site.connect(source) as connection:
        connection.sendall(request.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
        answer = connection.recv(65_536)
        while not answer.startswith(b"HTTP/1.1 100 ") and (part := connection.recv(65_536)):
            answer += part
        return answer


def is_accepted(site: Site, length: int, *more: str, source: str = "127.0.0.1") -> bool:
    """Whether the server asks for the body of a list."""
    answer = refusal(site, a_list(length, *more), source)
    return answer.startswith(b"HTTP/1.1 100 ")


@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.{}"])
def test_bodies_that_are_announced_and_not_sent_take_no_space_from_others(
    site: Site, source: str
) -> None:
    """The clients share one address, or have one each."""
    count = 2 * MAX_BYTES_OF_ALL // 16_000_000
    announced = [site.connect(source.format(number)) for number in range(2, 2 + count)]
    for connection in announced:
        connection.sendall(a_list(15_999_000))

    body, cookie = b"x" * 1_000_000, "sessionid=x"
    assert site.ask("/admin/import/", method="POST", body=body, Cookie=cookie)[0] == 200

    for connection in announced:
        connection.close()


def test_all_bodies_together_use_a_limited_part_of_the_disk(start: Callable[..., Site]) -> None:
    """Each of the clients uses less than its own share."""
    site = start("small")
    receiving = [sent(site, 400_000, source=f"127.0.0.{number // 2 + 2}") for number in range(4)]

    wait_for(lambda: not is_accepted(site, 800_000), "the bodies to arrive")
    assert b" 503 " in refusal(site, a_list(800_000))
    assert site.ask("/admin/login/", method="POST", body=b"x" * 1_000) == (200, b"hello")

    for connection in receiving:
        connection.close()
    wait_for(lambda: is_accepted(site, 800_000), "the server to notice the closed connections")


def test_one_client_cannot_take_the_space_of_the_others(start: Callable[..., Site]) -> None:
    site = start("small")
    receiving = [sent(site, 400_000) for _ in range(2)]

    wait_for(lambda: not is_accepted(site, 400_000), "the bodies to arrive")
    assert b"from your address" in refusal(site, a_list(400_000))
    assert is_accepted(site, 400_000, source="127.0.0.9")

    for connection in receiving:
        connection.close()


def test_a_body_is_refused_while_it_arrives_if_others_have_used_the_space(
    start: Callable[..., Site],
) -> None:
    """When the bodies are announced, there is still space for each of them."""
    site = start("small")
    receiving = [site.connect() for _ in range(4)]
    for connection in receiving:
        connection.sendall(a_list(900_000))
    assert site.ask("/") == (200, b"hello")

    for connection in receiving[1:]:
        connection.sendall(b"x" * 300_000)
    # A browser reads the response only when it has sent the whole body.
    receiving[-1].sendall(b"x" * 600_000)
    assert b" 503 " in receiving[-1].recv(65_536)

    for connection in receiving:
        connection.close()


def test_behind_a_proxy_each_forwarded_address_has_its_own_share(
    start: Callable[..., Site],
) -> None:
    site = start("small", "trust")
    mine, other = "X-Forwarded-For: 203.0.113.8, 203.0.113.9", "X-Forwarded-For: 203.0.113.8"
    receiving = [sent(site, 400_000, mine) for _ in range(2)]

    wait_for(lambda: not is_accepted(site, 400_000, mine), "the bodies to arrive")
    assert is_accepted(site, 400_000, other)

    for connection in receiving:
        connection.close()


@pytest.mark.parametrize("path", ["/admin/import/", "/admin/giftcodes/guild/add/"])
@pytest.mark.parametrize("cookie", ["", "Cookie: other=1; csrftoken=sessionid\r\n"])
def test_without_a_session_no_body_that_needs_a_file_is_read(
    site: Site, path: str, cookie: str
) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{cookie}Connection: close\r\n"
    length = "Content-Length: 3000000\r\n"

    waits = raw(site, f"{head}{length}Expect: 100-continue\r\n\r\n".encode())
    sends = raw(site, f"{head}{length}\r\n".encode() + b"x" * 3_000_000)

    for answer in (waits, sends):
        assert answer.startswith(b"HTTP/1.1 403 ")
        assert b"Log in, and send this again." in answer
    assert site.ask(path, method="POST", body=b"x" * 65_536)[0] == 200


def test_bodies_without_a_session_take_no_space(start: Callable[..., Site]) -> None:
    """The server does not keep them while they arrive."""
    site = start("small")
    head = b"POST /admin/import/ HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n"
    sending = [site.connect() for _ in range(4)]
    for connection in sending:
        connection.sendall(head + b"x" * 2_000_000)

    body = b"x" * 800_000
    assert site.ask("/admin/import/", method="POST", body=body, Cookie="sessionid=x")[0] == 200

    for connection in sending:
        connection.close()


@pytest.mark.parametrize("length", [16_000_001, 10**30])
def test_the_refusal_of_a_list_that_is_too_long_says_what_to_do(site: Site, length: int) -> None:
    answer = raw(site, a_list(length, "Connection: close"))

    assert b" 413 " in answer
    assert b"Split it" in answer
    assert b"generated by" not in answer


def test_a_list_of_members_of_the_largest_size_is_accepted(site: Site) -> None:
    assert site.ask(
        "/admin/import/", method="POST", body=b"x" * 5_500_000, Cookie="sessionid=x"
    ) == (200, b"5500000")


def test_a_header_that_cannot_be_parsed_is_refused_and_others_are_served(site: Site) -> None:
    assert raw(site, b"hello?\r\nX\r\n\r\n").startswith(b"HTTP/1.0 400")
    assert site.ask("/") == (200, b"hello")


def test_an_endless_header_is_refused(site: Site) -> None:
    half = b"GET / HTTP/1.1\r\nX: "

    assert raw(site, half.ljust(MAX_HEADER_BYTES, b"x")).startswith(b"HTTP/1.0 431 ")


def test_the_server_can_listen_on_a_path_even_if_a_killed_server_left_its_socket(
    start: Callable[..., Site], tmp_path: Path
) -> None:
    path = tmp_path / "site.sock"
    start(bind=f"unix:{path}").end()
    assert path.exists()
    start(bind=f"unix:{path}")

    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE_SECONDS)
        connection.connect(str(path))
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.0 200")


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="needs IPv6")
def test_all_interfaces_means_ipv4_and_ipv6(start: Callable[..., Site]) -> None:
    port = pick_port()
    start(bind=f"[::]:{port}")

    for host in ("127.0.0.1", "::1"):
        with closing(
            http.client.HTTPConnection(host, port, timeout=PATIENCE_SECONDS)
        ) as connection:
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"hello"


@pytest.mark.parametrize("bind", ["127.0.0.1:{port}", "no-port", "192.0.2.1:80"])
def test_an_unavailable_address_gives_an_error_of_one_line(site: Site, bind: str) -> None:
    bind = bind.format(port=site.port)
    done = subprocess.run(
        [sys.executable, "-m", "redeemer.serving", "--bind", bind],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )

    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"The site cannot listen on {bind}: ")
    assert "BIND" in line
