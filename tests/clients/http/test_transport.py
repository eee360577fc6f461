"""A time budget limits slow servers, nothing is sent twice, and unsent requests are reported."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from giftcodes.clients.http import NoAnswerError, NotSentError, Transport, Truncation, connections
from giftcodes.domain.outcomes import Outcome
from tests.clients.conftest import client_of, redeem
from tests.clients.http.raw_server import SLOW_SECONDS, RawServer, Talk, answering, http
from tests.waiting import wait_for

Serve = Callable[..., RawServer]

SUCCESS = http(b'{"code":0,"data":[],"msg":"SUCCESS","err_code":20000}')


#: A budget that runs out. It is enough to connect and send, however busy the machine is.
SHORT_SECONDS = 1.0


@pytest.fixture
def within_the_budget() -> Iterator[None]:
    """A call with SHORT_SECONDS takes about that long, and ends long before the server does."""
    started = time.monotonic()
    yield
    assert 0.9 * SHORT_SECONDS < time.monotonic() - started < SLOW_SECONDS / 2


def hold(talk: Talk) -> None:
    talk.hear()
    talk.hold()


def drip_headers(talk: Talk) -> None:
    talk.hear()
    talk.drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"z" * 1000)


def drip_body(talk: Talk) -> None:
    talk.hear()
    talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    talk.drip(b"z" * 1000)


def drip_chunks(talk: Talk) -> None:
    talk.hear()
    talk.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    talk.drip(b"1\r\nz\r\n" * 1000)


def drip_continues(talk: Talk) -> None:
    talk.hear()
    talk.drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 100, every_seconds=0.01)


def forget_to_end(talk: Talk) -> None:
    talk.hear()
    talk.say(SUCCESS.replace(b"Content-Length: 5", b"Content-Length: 9"))
    talk.hold()


SLOW = [hold, drip_headers, drip_body, drip_chunks, drip_continues, forget_to_end]


@pytest.mark.usefixtures("within_the_budget")
@pytest.mark.parametrize("script", SLOW)
def test_waiting_for_a_slow_answer_ends_with_the_budget_and_the_request_is_unanswered(
    serve: Serve, script: Callable[..., None]
) -> None:
    server = serve(script)
    answer = redeem(client_of(server.url, seconds=SHORT_SECONDS))
    assert answer.outcome is Outcome.UNANSWERED
    assert answer.detail
    assert len(server.requests) == 1


@pytest.mark.usefixtures("within_the_budget")
@pytest.mark.parametrize("script", [drip_headers, drip_body])
def test_waiting_for_a_slow_answer_over_tls_ends_with_the_budget(
    serve: Serve, script: Callable[..., None], certificate: Path
) -> None:
    transport = tls_transport(certificate, seconds=SHORT_SECONDS)
    url = serve(script, tls=server_context(certificate)).url
    if script is drip_headers:
        with pytest.raises(NoAnswerError):
            transport.exchange("POST", url, headers={}, form={"a": "b"})
    else:
        assert (
            transport.exchange("POST", url, headers={}, form={"a": "b"}).truncation
            is Truncation.TOO_SLOW
        )


@pytest.mark.usefixtures("within_the_budget")
def test_sending_a_body_that_the_server_never_reads_ends_with_the_budget(serve: Serve) -> None:
    def script(talk: Talk) -> None:
        talk.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        talk.hold()

    transport = Transport(
        total_seconds=SHORT_SECONDS, connect_seconds=SHORT_SECONDS, max_bytes=1000
    )
    with pytest.raises(NoAnswerError):
        transport.exchange("POST", serve(script).url, headers={}, form={"a": "b" * 6_000_000})


def test_a_status_that_has_arrived_counts_even_if_its_body_never_comes(serve: Serve) -> None:
    def script(talk: Talk) -> None:
        talk.hear()
        talk.say(b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 5\r\n\r\n")
        talk.hold()

    answer = redeem(client_of(serve(script).url, seconds=SHORT_SECONDS))
    assert answer.outcome is Outcome.THROTTLED
    assert answer.rate.retry_after_seconds == 7


@pytest.mark.parametrize("way", [Talk.hang_up, Talk.reset])
def test_a_connection_that_is_lost_after_sending_is_unanswered_and_nothing_is_repeated(
    serve: Serve, way: Callable[[Talk], None]
) -> None:
    def script(talk: Talk) -> None:
        talk.hear()
        way(talk)

    server = serve(script)
    answer = redeem(client_of(server.url))
    assert (answer.outcome, answer.http_status) == (Outcome.UNANSWERED, None)
    assert (server.connections, len(server.requests)) == (1, 1)


@pytest.mark.parametrize("way", [Talk.hang_up, Talk.reset])
def test_a_reused_connection_that_is_lost_after_sending_is_unanswered_and_nothing_is_repeated(
    serve: Serve, way: Callable[[Talk], None]
) -> None:
    def script(talk: Talk) -> None:
        talk.hear()
        talk.say(SUCCESS)
        talk.hear()
        way(talk)

    server = serve(script)
    client = client_of(server.url)
    assert [redeem(client).outcome, redeem(client).outcome] == [Outcome.SUCCESS, Outcome.UNANSWERED]
    assert (server.connections, len(server.requests)) == (1, 2)


@pytest.mark.parametrize(
    "line", [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 42 X\r\n\r\n", b"\r\n\r\n"]
)
def test_an_answer_that_is_not_http_counts_as_unanswered(serve: Serve, line: bytes) -> None:
    assert redeem(client_of(serve(answering(line)).url)).outcome is Outcome.UNANSWERED


def test_a_connection_is_reused_within_a_burst(serve: Serve) -> None:
    server = serve(answering(SUCCESS))
    client = client_of(server.url)
    assert {redeem(client).outcome for _ in range(5)} == {Outcome.SUCCESS}
    assert (server.connections, len(server.requests)) == (1, 5)


@pytest.mark.parametrize("way", [Talk.hang_up, Talk.reset])
def test_a_connection_that_the_server_closed_while_it_was_idle_is_replaced(
    serve: Serve, way: Callable[[Talk], None]
) -> None:
    def script(talk: Talk) -> None:
        talk.hear()
        talk.say(SUCCESS)
        way(talk)

    server = serve(script)
    client = client_of(server.url)
    for number in (1, 2, 3):
        assert redeem(client).outcome is Outcome.SUCCESS
        wait_for(
            lambda number=number: server.closed == number, "the server to close the connection"
        )  # type: ignore[misc]
    assert (server.connections, len(server.requests)) == (3, 3)


def test_a_connection_that_was_idle_for_long_is_replaced(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(answering(SUCCESS))
    client = client_of(server.url)
    redeem(client)
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.0)
    assert redeem(client).outcome is Outcome.SUCCESS
    assert server.connections == 2


def test_a_connection_with_the_rest_of_an_answer_in_it_is_not_reused(serve: Serve) -> None:
    server = serve(answering(http(b"x" * 100_000), SUCCESS))
    client = client_of(server.url)
    assert [redeem(client).outcome, redeem(client).outcome] == [Outcome.UNREADABLE, Outcome.SUCCESS]
    assert server.connections == 2


def test_threads_share_a_client_without_mixing_answers(serve: Serve) -> None:
    def script(talk: Talk) -> None:
        while request := talk.hear():
            time.sleep(0.01)
            talk.say(http(b'{"code":1,"msg":"%b","err_code":1}' % request.form["fid"].encode()))

    server = serve(script)
    client = client_of(server.url)

    def ask(number: int) -> bool:
        answer = client.redeem(player_id=str(number), code="A", realm=1)
        return answer.msg == str(number)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(100)))
    assert server.connections <= 8


def test_a_refused_connection_counts_as_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer = redeem(client_of(f"http://127.0.0.1:{port}/"))
    assert answer.outcome is Outcome.UNREACHABLE
    assert "ConnectionRefusedError" in answer.detail


def test_an_unknown_host_name_counts_as_unreachable() -> None:
    answer = redeem(client_of("http://no-such-host.invalid/"))
    assert answer.outcome is Outcome.UNREACHABLE


def test_waiting_for_a_silent_name_server_ends_with_the_connect_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(SLOW_SECONDS) and [])
    answer = redeem(client_of("http://slow.example/", connect_seconds=0.2))
    answered.set()
    assert answer.outcome is Outcome.UNREACHABLE
    assert 200 <= answer.latency_ms < 30_000  # The whole exchange may take a minute.


def test_waiting_for_a_server_that_accepts_nothing_ends_with_the_connect_budget() -> None:
    with full_listener() as port:
        answer = redeem(client_of(f"http://127.0.0.1:{port}/", connect_seconds=0.3))
    assert answer.outcome is Outcome.UNREACHABLE
    assert 300 <= answer.latency_ms < 30_000  # The whole exchange may take a minute.


def test_an_address_that_is_dead_leaves_time_for_the_next_address(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(answering(SUCCESS))
    with full_listener() as dead:
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
            for port in (dead, server.port)
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        answer = redeem(client_of("http://two.example/", connect_seconds=2 * SHORT_SECONDS))
    assert answer.outcome is Outcome.SUCCESS


@pytest.mark.parametrize("total_seconds", [0.0, -1.0])
def test_without_time_left_nothing_is_sent(serve: Serve, total_seconds: float) -> None:
    server = serve(answering(SUCCESS))
    assert redeem(client_of(server.url, seconds=total_seconds)).outcome is Outcome.UNREACHABLE
    assert server.requests == []


def silent_handshake(talk: Talk) -> None:
    talk.hold()


def dripped_handshake(talk: Talk) -> None:
    talk.drip(b"\x16\x03\x03\x40\x00" + b"\x02" * 1000)


def wrong_handshake(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize(
    "script", [silent_handshake, dripped_handshake, wrong_handshake, Talk.reset]
)
def test_a_failed_tls_handshake_counts_as_unreachable_and_takes_no_more_than_the_connect_budget(
    serve: Serve, script: Callable[..., None]
) -> None:
    url = serve(script).url.replace("http:", "https:")
    answer = redeem(client_of(url, connect_seconds=0.4))
    assert answer.outcome is Outcome.UNREACHABLE
    assert answer.latency_ms < 30_000  # The whole exchange may take a minute.


def test_an_untrusted_certificate_counts_as_unreachable(serve: Serve, certificate: Path) -> None:
    server = serve(answering(SUCCESS), tls=server_context(certificate))
    answer = redeem(client_of(server.url))
    assert answer.outcome is Outcome.UNREACHABLE
    assert "CERTIFICATE_VERIFY_FAILED" in answer.detail
    assert server.requests == []


def test_tls_connections_are_reused(serve: Serve, certificate: Path) -> None:
    server = serve(answering(SUCCESS), tls=server_context(certificate))
    transport = tls_transport(certificate, seconds=60)
    for _ in range(3):
        assert transport.exchange("POST", server.url, headers={}, form={"a": "b"}).status == 200
    assert server.connections == 1


def test_proxies_and_passwords_of_the_environment_are_not_used(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    proxy = serve(answering(http(b"proxied")))
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    server = serve(answering(SUCCESS))

    assert redeem(client_of(server.url)).outcome is Outcome.SUCCESS
    assert proxy.connections == 0
    assert "authorization" not in server.requests[0].headers


def test_an_address_may_name_a_user(serve: Serve) -> None:
    server = serve(answering(SUCCESS))
    transport = Transport(total_seconds=60, connect_seconds=60, max_bytes=1000)
    address = server.url.replace("http://", "http://name:word@")
    for _ in range(2):
        assert transport.exchange("GET", address, headers={}).status == 200
    assert {request.headers.get("authorization") for request in server.requests} == {
        "Basic bmFtZTp3b3Jk"
    }


def test_an_address_is_quoted_and_its_fragment_is_not_sent(serve: Serve) -> None:
    server = serve(answering(SUCCESS))
    transport = Transport(total_seconds=60, connect_seconds=60, max_bytes=1000)

    transport.exchange("GET", f"{server.url}/a b?c=d e#f", headers={})

    assert server.requests[0].line.split()[1].endswith("/a%20b?c=d%20e")


def test_a_request_with_an_invalid_header_is_not_sent(serve: Serve) -> None:
    server = serve(answering(SUCCESS))
    transport = Transport(total_seconds=60, connect_seconds=60, max_bytes=1000)
    for value in ("a\nb", "\u20ac"):
        with pytest.raises(NotSentError) as caught:
            transport.exchange("GET", server.url, headers={"X-API-Key": value})
        assert caught.value.__cause__ is None
    assert server.requests == []


class full_listener:  # noqa: N801 (used like a function)
    """A port with a full queue. The kernel drops further connections, as a dead host would."""

    def __enter__(self) -> int:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self._waiting = [socket.socket() for _ in range(3)]
        for sock in self._waiting:
            sock.setblocking(False)
            sock.connect_ex(self._listener.getsockname())
        return int(self._listener.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        for sock in [self._listener, *self._waiting]:
            sock.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key in the same file."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    names = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
    try:
        subprocess.run(
            [*made, "-keyout", f"{path}.key", "-out", str(path)], check=True, capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    path.write_text(path.read_text() + Path(f"{path}.key").read_text())
    return path


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def tls_transport(certificate: Path, *, seconds: float) -> Transport:
    return Transport(
        total_seconds=seconds, connect_seconds=seconds, max_bytes=1000, verify=str(certificate)
    )


def test_the_error_names_a_host_that_cannot_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*_args: object, **_kwargs: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    transport = Transport(total_seconds=5, connect_seconds=2, max_bytes=100)
    with pytest.raises(NotSentError) as caught:
        transport.exchange("GET", "https://discord.example/hook?secret=1", headers={})
    assert str(caught.value) == "the name discord.example cannot be found"
